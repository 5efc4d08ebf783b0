#!/bin/sh
# Tests of the snnk program. test_cli.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: y = 2 a - b + 1 on a grid; two classes that a line separates ----
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 40; i++) for (j = 0; j < 5; j++)
      printf "%g,%g,%g\n", i / 10, j / 2, 2 * i / 10 - j / 2 + 1 }' >line.csv
awk 'BEGIN { print "a,b,\"kind, of it\""; for (i = 0; i < 60; i++)
      printf "%g,%g,%s\n", i % 10, i % 7, (i % 10 > 4) ? "\"big, bigger\"" : "small" }' >kinds.csv
awk 'BEGIN { print "b,note,a"; print "1,x,9"; print "1,y,0" }' >reordered.csv
# 4 images of 2 x 2, and their labels, as IDX
printf '\000\000\010\003\000\000\000\004\000\000\000\002\000\000\000\002' >images.idx
printf '\000\000\000\000\377\377\377\377\001\002\003\004\376\375\374\373' >>images.idx
printf '\000\000\010\001\000\000\000\004\000\001\000\001' >labels.idx
printf 'a\n1\n2\n' >small_in.csv
printf 'c\nsmall\n1\n' >small.csv
gzip -k images.idx

# ---- Help, version, wrong usage ----
gives "help" 0 "$snnk" --help
has "help lists commands" out '^  fit '
gives "version" 0 "$snnk" --version
has "version" out '^snnk [0-9]+\.[0-9]+\.[0-9]+$'
for command in fit train eval predict info update forget merge compress; do
    gives "$command --help" 0 "$snnk" $command --help
    has "$command --help has an example" out '^Examples:$'
    has "$command --help, its example" out "^  \\$ snnk $command "
    has "$command --help documents exit statuses" out '^Exit status:$'
    has "$command --help usage" out "^Usage: snnk $command "
    gives "$command with an unknown option" 2 "$snnk" $command --bogus
    one_line "$command with an unknown option" err
    gives "$command without arguments" 2 "$snnk" $command
    one_line "$command without arguments" err
done
gives "no command" 2 "$snnk"
gives "unknown command" 2 "$snnk" frobnicate
has "unknown command" err frobnicate
for bad in "--m 0" "--m -5" "--m 1e3" "--order 3" "--ridge -1" "--ridge nan" "--features magic" \
    "--projection given" "--scaling given" "--activation swish" "--task guess" "--threads 0" \
    "--choose best" "--seed -1" "--offset-scale -1" "--heldout x"; do
    # shellcheck disable=SC2086 # an option and its value
    gives "fit $bad" 2 "$snnk" fit --train line.csv $bad
    one_line "fit $bad" err
done
for bad in "--save" "-xq" "--json=3" "--target"; do
    # shellcheck disable=SC2086
    gives "fit $bad" 2 "$snnk" fit --train line.csv $bad
    one_line "fit $bad" err
done
gives "an option of another command" 2 "$snnk" predict line.st line.csv --test other.csv
has "an option of another command" err "^snnk predict: unknown option '--test'"
gives "a target without a table" 2 "$snnk" fit --train-images images.idx --train-labels labels.idx --target y
gives "eval with both kinds of input" 2 "$snnk" eval line.st --test line.csv --test-images images.idx
gives "labels without images" 2 "$snnk" fit --train-labels labels.idx
gives "both kinds of input" 2 "$snnk" fit --train line.csv --train-images images.idx
for bad in "--floor 1" "--heldout 0.9" "--features gaussian --m 3"; do
    # shellcheck disable=SC2086
    gives "fit $bad" 2 "$snnk" fit --train line.csv $bad
    one_line "fit $bad" err
done
"$snnk" fit --train line.csv --precision half 2>err
has "a value that will not do" err "'half' is not double or single"
# The error for a renamed option gives its new name.
gives "an option's old name" 2 "$snnk" fit --train line.csv --route qr
has "an option's old name" err "^snnk fit: --route was renamed to --factorization"
gives "an option's old name, with =" 2 "$snnk" fit --train line.csv --route=qr
has "an option's old name, with =" err "^snnk fit: --route was renamed to --factorization"
gives "an old value" 2 "$snnk" fit --train line.csv --precision fast
has "an old value" err "^snnk fit: --precision: 'fast' was renamed to 'single'"
gives "compress, an option's old name" 2 "$snnk" compress teacher.st --heldout-run 3
has "compress, an option's old name" err "^snnk compress: --heldout-run was renamed to --heldout-block-rows"
gives "compress, an old value" 2 "$snnk" compress teacher.st --tier closed
has "compress, an old value" err "^snnk compress: --tier: 'closed' was renamed to 'selected'"
gives "an extra argument" 2 "$snnk" fit --train line.csv extra
has "an extra argument" err "^snnk fit: unexpected argument 'extra'"

# ---- Regression ----
gives "regression" 0 "$snnk" fit --train line.csv --features identity --ridge 0 --save line.st --json \
    --test line.csv --quiet
json "regression finds the line" "j['task'] == 'regression' and j['test_rmse'] < 1e-5 and j['test_r2'] > 0.999999"
json "keys" "all(k in j for k in ('train_seconds', 'parameters', 'm', 'lambda', 'model'))"
if [ ! -s err ]; then ok; else not_ok "nothing on stderr in a pipe"; fi
gives "eval" 0 "$snnk" eval line.st --test line.csv --json
json "eval of the line" "j['rows'] == 200 and j['rmse'] < 1e-5"
gives "predict" 0 "$snnk" predict line.st line.csv
if [ "$(wc -l <out)" = 201 ]; then ok; else not_ok "a line a row and a header"; fi
if paste -d, out line.csv | awk -F, 'NR > 1 { e = $1 - $4; if (e < 0) e = -e; if (e > 1e-4) bad = 1 }
      END { exit bad }'; then ok; else not_ok "predictions are the line"; fi
awk -F, 'NR == 1 { print "b,a" } NR > 1 { print $2 "," $1 }' line.csv >swapped.csv
"$snnk" predict line.st line.csv >straight.out
"$snnk" predict line.st swapped.csv >swapped.out
if cmp -s straight.out swapped.out; then ok; else not_ok "columns are found by name in any order"; fi
printf 'a,a,y\n1,2,3\n2,1,5\n' >twice.csv
gives "a column name twice" 1 "$snnk" fit --train twice.csv --ridge 1
has "a column name twice" err 'two columns "a"'
gives "predict to .npy" 0 "$snnk" predict line.st line.csv --out line.npy
gives ".npy as data" 0 "$snnk" fit --train-inputs line.npy --train-targets line.npy --features identity --ridge 0 --json
json ".npy as data" "j['train_rows'] == 200"
gives "info" 0 "$snnk" info line.st
has "info" out 'note +target: y'
has "info tells the size" out "^bytes +$(wc -c <line.st)$"
has "info tells that projections are stored" out '^projections +stored$'
gives "predict names the target" 0 "$snnk" predict line.st line.csv
has "predict names the target" out '^y$'
# Test columns are found by name; the target is that of the training set, not the last column.
awk -F, '{ print $3 "," $2 "," $1 }' line.csv >turned.csv
gives "test columns in another order" 0 "$snnk" fit --train line.csv --features identity --ridge 0 \
    --test turned.csv --json
json "test columns in another order" "j['test_rmse'] < 1e-5"
gives "eval with columns in another order" 0 "$snnk" eval line.st --test turned.csv --json
json "eval with columns in another order" "j['rmse'] < 1e-5 and j['task'] == 'regression'"
gives "a seed of 64 bits" 0 "$snnk" fit --train line.csv --m 8 --ridge 1 --seed 18446744073709551615 --json
json "a seed of 64 bits" "j['seed'] == 2 ** 64 - 1"
gives "info --json" 0 "$snnk" info line.st --json
json "info --json" "j['inputs'] == 2 and j['outputs'] == 1 and j['layers'][0]['blocks'][0]['kind'] == 'identity'"

# ---- A file with every kind of block, which another program wrote ----
PYTHONDONTWRITEBYTECODE=1 python3 "$tests/data/make_model.py" --file every.st
json "info --json lists tensors" "{'name': 'layers.0.psi', 'type': 'F32', 'shape': [1, 2]} in j['tensors']"
# A file of another program, and an index of two files.
python3 - <<'END'
import json, struct
def write(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
write("one.st", {"w": ("F8_E4M3", [2, 3], bytes(6)), "s": ("F32", [], bytes(4))})
write("two.st", {"q": ("F4", [4], bytes(2))})
json.dump({"metadata": {}, "weight_map": {"w": "one.st", "s": "one.st", "q": "two.st"}}, open("index.json", "w"))
END
gives "info of another program's file" 0 "$snnk" info one.st
has "info of another program's file" out '^tensor +w: F8_E4M3 2 x 3$'
has "info of a single number" out '^tensor +s: F32 \(one number\)$'
gives "info of an index" 0 "$snnk" info index.json --json
json "info of an index" "j == {'tensors': [{'name': 'q', 'type': 'F4', 'shape': [4]}, {'name': 's', 'type': 'F32', 'shape': []}, {'name': 'w', 'type': 'F8_E4M3', 'shape': [2, 3]}]}"
rm two.st
gives "info of an index without its file" 1 "$snnk" info index.json
one_line "info of an index without its file" err
has "info of an index without its file" err 'two\.st: cannot open'
gives "info of every kind" 0 "$snnk" info every.st --json
json "info of every kind" "[b['kind'] for b in j['layers'][0]['blocks']] == ['urf', 'affine', 'affine', 'arc-cosine', 'gaussian', 'elementwise', 'identity']"
json "info of atoms" "j['layers'][0]['blocks'][0] == {'kind': 'urf', 'features': 20, 'projection': 'simplex', 'seed': 7}"
json "info of a sketched line" "j['layers'][0]['blocks'][1] == {'kind': 'affine', 'features': 3, 'exact': False, 'projection': 'sobol', 'seed': 7}"
json "info of an exact line" "j['layers'][0]['blocks'][2] == {'kind': 'affine', 'features': 3, 'exact': True}"
gives "info of every kind, for people" 0 "$snnk" info every.st
has "info of every kind, for people" out 'features +.*"kind":"urf"'
# RBF features came with version 0.2, so they are in a file of their own: docs/format.md, "RBF blocks".
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$tests/data" python3 - <<'END'
import json
from model_file import blob, tensor
block = {"kind": "rbf", "features": 2, "seed": "0", "projection": "given", "projection_scale": 1,
         "whitened": False}
network = {"layers": [{"kind": "snnk", "inputs": 1, "outputs": 1, "blocks": [block]}]}
arrays = {"blocks.0.G": [[1.0], [-1.0]], "blocks.0.offset": [0.0, 0.0],
          "blocks.0.constant": [-0.5, -0.5], "psi": [[1.0, 1.0]], "bias": [0.0]}
tensors = {"layers.0." + name: tensor("F32", values) for name, values in arrays.items()}
tensors["layers.0.blocks.0.center"] = tensor("F64", [0.0])
tensors["layers.0.blocks.0.scale"] = tensor("F64", [1.0])
with open("rbf.st", "wb") as file:
    file.write(blob({"snnk.format": "1", "snnk.version": "0.2.0", "snnk.kind": "network",
                     "snnk.network": json.dumps(network)}, tensors))
END
gives "info of RBF features" 0 "$snnk" info rbf.st --json
json "info of RBF features" "j['layers'][0]['blocks'][0] == {'kind': 'rbf', 'features': 2, 'projection': 'given'}"
# So did residual layers. By hand at x = (3, -2): f = (x1 + 2 x2, 1 - x1) = (-1, -2), and x + f/2 = (2.5, -3).
# Of that, g = x - (x1, 2 x2) = (0, 3) and x (1 + 2 g) = (2.5, -21), whose sum is -18.5.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$tests/data" python3 - <<'END'
import json
from model_file import blob, tensor
def dense(outputs):
    return {"kind": "dense", "inputs": 2, "outputs": outputs, "activation": "identity"}
def residual(form, gain, *layers):
    return {"kind": "residual", "inputs": 2, "outputs": 2, "form": form, "gain": gain, "layers": layers}
network = {"layers": [residual("add", 0.5, dense(2)), residual("multiply", 2, residual("add", -1, dense(2))), dense(1)]}
arrays = {"0.layers.0.weight": [[1.0, 2.0], [-1.0, 0.0]], "0.layers.0.bias": [0.0, 1.0],
          "1.layers.0.layers.0.weight": [[1.0, 0.0], [0.0, 2.0]], "1.layers.0.layers.0.bias": [0.0, 0.0],
          "2.weight": [[1.0, 1.0]], "2.bias": [0.0]}
with open("residual.st", "wb") as file:
    file.write(blob({"snnk.format": "1", "snnk.version": "0.2.0", "snnk.kind": "network",
                     "snnk.network": json.dumps(network)},
                    {"layers." + name: tensor("F32", values) for name, values in arrays.items()}))
END
printf '3,-2\n' >row.csv
gives "predict through residual layers" 0 "$snnk" predict residual.st row.csv
has "predict through residual layers" out '^-18\.5$'
gives "info of residual layers" 0 "$snnk" info residual.st
has "info of a residual layer" out '^layer 0 +residual, 2 -> 2, add, gain 0\.5$'
has "info of a layer in it" out '^  layer 0 +dense, 2 -> 2$'
has "info of a layer in a layer in it" out '^    layer 0 +dense, 2 -> 2$'
has "info of the layer after them" out '^layer 2 +dense, 2 -> 1$'
gives "info --json of residual layers" 0 "$snnk" info residual.st --json
json "info --json of residual layers" "j['layers'][1]['form'] == 'multiply' and j['layers'][1]['gain'] == 2 and j['layers'][1]['layers'][0]['layers'] == [{'kind': 'dense', 'inputs': 2, 'outputs': 2}]"
gives "quantize residual layers" 0 "$snnk" quantize residual.st --storage bf16 --save narrow.st
gives "predict through quantized residual layers" 0 "$snnk" predict narrow.st row.csv
has "predict through quantized residual layers" out '^-18\.5$'
gives "bundle residual layers" 0 "$snnk" bundle residual.st --save bundled.st
gives "predict through bundled residual layers" 0 "$snnk" predict bundled.st row.csv
has "predict through bundled residual layers" out '^-18\.5$'

# ---- Classification ----
gives "classification" 0 "$snnk" fit --train kinds.csv --m 64 --ridge 1e-3 --test kinds.csv --json \
    --save kinds.st
json "classification" "j['task'] == 'classification' and j['test_accuracy'] == 1"
gives "class names" 0 "$snnk" predict kinds.st reordered.csv
has "class names, quoted; columns by name" out '^"big, bigger"$'
has "class names" out '^small$'
gives "predict --json" 0 "$snnk" predict kinds.st reordered.csv --json --scores
json "predict --json" "j['classes'] == ['big, bigger', 'small'] and len(j['scores'][0]) == 2"
gives "eval prints a confusion" 0 "$snnk" eval kinds.st --test kinds.csv
has "accuracy" out '^accuracy 1\.0000 on 60 rows$'
gives "IDX, gzipped" 0 "$snnk" fit --train-images images.idx.gz --train-labels labels.idx --ridge 1 \
    --m 8 --json --test-images images.idx --test-labels labels.idx
json "IDX, gzipped" "j['test_accuracy'] == 1 and j['train_rows'] == 4"
gives "automatic lambda" 0 "$snnk" fit --train kinds.csv --m 32 --json
json "automatic lambda" "j['lambda'] > 0 and j['lambda_chosen'] == 'leave-one-out' and j['heldout_error'] is not None"
gives "lambda by cross-validation" 0 "$snnk" fit --train kinds.csv --m 32 --choose gcv --json --test kinds.csv
json "lambda by cross-validation" "j['lambda'] > 0 and j['heldout_rows'] == 0 and j['heldout_error'] is None and j['lambda_chosen'] == 'generalized cross-validation' and j['train_rows'] == 60 and j['test_accuracy'] > 0.95"
# GCV by hand: two inputs, whose 2 x 2 moments have eigenvalues in closed form.
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 60; i++) { a = i * i % 59 / 59; b = i * i * i % 53 / 53
      printf "%.6f,%.6f,%.6f\n", a, b, (a + b) / 5 + i * 37 % 61 / 61 } }' >noisy.csv
gives "lambda of least GCV" 0 "$snnk" fit --train noisy.csv --features identity --scaling none --choose gcv \
    --task regression --json
if python3 - 2>py <<'PYTHON'; then ok; else not_ok "lambda of least GCV: $(tail -n 1 py)"; fi
import json, math
rows = [tuple(map(float, line.split(","))) for line in open("noisy.csv").read().split()[1:]]
n = len(rows)
mean = [sum(column) / n for column in zip(*rows)]
a, b, y = ([row[k] - mean[k] for row in rows] for k in range(3))
dot = lambda u, v: math.fsum(p * q for p, q in zip(u, v))
half, gap = (dot(a, a) + dot(b, b)) / 2, math.hypot((dot(a, a) - dot(b, b)) / 2, dot(a, b))
def gcv(ridge):
    det = (dot(a, a) + ridge) * (dot(b, b) + ridge) - dot(a, b) ** 2
    B = (((dot(b, b) + ridge) * dot(a, y) - dot(a, b) * dot(b, y)) / det,
         ((dot(a, a) + ridge) * dot(b, y) - dot(a, b) * dot(a, y)) / det)
    rss = math.fsum((z - B[0] * p - B[1] * q) ** 2 for p, q, z in zip(a, b, y))
    dof = 1 + sum(s / (s + ridge) for s in (half + gap, half - gap))
    return n * rss / (n - dof) ** 2
chosen = json.loads(open("out").read())["lambda"]
least = min(gcv(10 ** (k / 100)) for k in range(-600, 500))
# The library's lambda is refined to a part in 1e4; at a minimum, gcv changes by the square of that.
assert 1e-3 < chosen < 1e3 and gcv(chosen) <= least * (1 + 1e-7), (chosen, gcv(chosen), least)
PYTHON
gives "both ways to choose lambda" 2 "$snnk" fit --train kinds.csv --choose gcv --heldout 0.1
has "both ways to choose lambda" err 'heldout needs --choose heldout'
gives "a given lambda, without held-out rows" 0 "$snnk" fit --train line.csv --features identity --ridge 0 --test line.csv --json
json "a given lambda, without held-out rows" "j['lambda'] == 0 and j['lambda_chosen'] == 'given' and j['test_rmse'] < 1e-5"
gives "task by hand" 0 "$snnk" fit --train-images images.idx --train-labels labels.idx --ridge 1 --m 8 \
    --json --task regression
json "task by hand" "j['task'] == 'regression'"

# Class names are words, but a test set has only the ones that are numbers.
awk 'BEGIN { print "a,c"; for (i = 0; i < 90; i++) print i "," (i < 30 ? "1" : i < 60 ? "2" : "x") }' >mixed.csv
grep -v x mixed.csv >numbers.csv
gives "class names that are numbers" 0 "$snnk" fit --train mixed.csv --task classification --m 256 \
    --ridge 1e-8 --test numbers.csv --save mixed.st --json
json "class names that are numbers" "j['test_accuracy'] == 1 and j['test_rows'] == 60"
gives "eval of class names that are numbers" 0 "$snnk" eval mixed.st --test numbers.csv --json
json "eval of class names that are numbers" "j['accuracy'] == 1 and j['confusion'][2] == [0, 0, 0]"

# ---- The same seed gives the same model; another one does not ----
for seed in 5 5 6; do
    "$snnk" fit --train kinds.csv --m 16 --ridge 0.1 --seed $seed --save seed.st >/dev/null 2>&1
    "$snnk" predict kinds.st kinds.csv --scores >/dev/null
    "$snnk" predict seed.st kinds.csv --scores | cksum >>sums
done
if [ "$(sed -n 1p sums)" = "$(sed -n 2p sums)" ]; then ok; else not_ok "a seed repeats"; fi
if [ "$(sed -n 1p sums)" != "$(sed -n 3p sums)" ]; then ok; else not_ok "seeds differ"; fi
"$snnk" fit --train kinds.csv --m 16 --ridge 0.1 --projection gaussian --save rows.st >/dev/null 2>&1
"$snnk" fit --train kinds.csv --m 16 --ridge 0.1 --projection gaussian --store-seed --save drawn.st >/dev/null 2>&1
"$snnk" predict rows.st kinds.csv --scores >rows.out
"$snnk" predict drawn.st kinds.csv --scores >drawn.out
if cmp -s rows.out drawn.out; then ok; else not_ok "stored and drawn rows predict the same"; fi
gives "info of a seed" 0 "$snnk" info drawn.st
has "info of a seed" out '^projections +drawn from the seed$'

# ---- Bad files: status 1, one line that names the file ----
printf 'a,b\n1,2\n3\n' >ragged.csv
printf '\000\000\010\003\177\377\377\377\000\000\000\002\000\000\000\002abc' >lies.idx
head -c 100 line.st >cut.st
: >empty.csv
for bad in nowhere.csv ragged.csv empty.csv; do
    gives "fit $bad" 1 "$snnk" fit --train $bad
    one_line "fit $bad" err
    has "fit $bad" err "$bad"
done
gives "IDX that lies" 1 "$snnk" fit --train-images lies.idx --train-labels labels.idx
has "IDX that lies" err 'lies\.idx'
for bad in nowhere.st cut.st line.csv; do
    gives "info $bad" 1 "$snnk" info $bad
    one_line "info $bad" err
    has "info $bad" err "$bad"
done
gives "unequal rows" 1 "$snnk" fit --train-images images.idx --train-labels line.csv
has "unequal rows" err '4 rows.*200|200.*4'
gives "unknown target" 1 "$snnk" fit --train line.csv --target nope
has "unknown target" err nope
gives "missing column" 1 "$snnk" predict line.st kinds_without.csv
gives "wrong width" 1 "$snnk" predict kinds.st images.idx
has "wrong width" err '4 input columns, but the model has 2'
printf '\000\000\010\003\000\000\000\001\000\000\000\002\000\000\000\002abcd' >cube.idx
gives "wrong width of a cube" 1 "$snnk" predict kinds.st cube.idx
has "wrong width of a cube" err '4 input columns, but the model has 2 inputs \(an array of 1 x 2 x 2: rows are its first'

# Words, dates and missing values: y is 10 in Rome, 20 in Oslo, 30 in Lima, and 2 more for yes. The fit is linear in the
# encoded inputs, so it is exact but for the ridge, 1e-9 of the sums of squares.
awk 'BEGIN { print "city,ok,when,y"; split("Rome Oslo Lima", c, " ")
    for (i = 0; i < 60; i++) print c[i % 3 + 1] "," (i % 2 ? "yes" : "no") ",2026-01-" 10 + i % 7 "," 10 * (i % 3 + 1) + 2 * (i % 2) }' >towns.csv
gives "fit of words" 0 "$snnk" fit --train towns.csv --features identity --ridge 1e-9 --task regression --missing mean --save towns.st
has "fit of words" out '^encoded       3 columns as 5 inputs \(words: 1, booleans: 1, dates: 1\)$'
gives "fit of words, JSON" 0 "$snnk" fit --train towns.csv --features identity --ridge 1e-9 --task regression --json
json "fit of words, JSON" 'j["inputs"] == 5 and j["encoded_columns"] == 3'
gives "eval of words" 0 "$snnk" eval towns.st --test towns.csv --json
json "eval of words" 'j["rmse"] < 1e-4'
printf 'when,city,ok\n2026-01-12,Lima,yes\n2026-01-12,Paris,no\n2026-01-12,Oslo,\n' >flights.csv
gives "predict of words" 0 "$snnk" predict towns.st flights.csv --json
json "predict of words" 'abs(j["values"][0][0] - 32) < 1e-3 and abs(j["values"][2][0] - 21) < 1e-3'
has "a missing word" err 'flights\.csv: missing values filled in: 1, the first in row 3, column "ok"$'
has "an unknown word" err 'flights\.csv: words unknown to the model, which count as none: 1'
printf 'when,city,ok\n2026-02-30,Lima,yes\n' >no_date.csv
gives "a date that is none" 1 "$snnk" predict towns.st no_date.csv
has "a date that is none" err 'no_date\.csv: row 1, column "when": "2026-02-30" is not a date'
printf 'when,city,ok\n2026-01-12,7,yes\n' >no_words.csv
gives "numbers where the model has words" 1 "$snnk" predict towns.st no_words.csv
has "numbers where the model has words" err 'column "city": [0-9.]+ is a number, but the column had words in the training data, such as'
gives "fit with gaps" 0 "$snnk" fit --train towns.csv --keep-statistics --m 16 --missing mean --save towns_kept.st
gives "update of words" 0 "$snnk" update towns_kept.st --train towns.csv --save towns_more.st
gives "predict after an update" 0 "$snnk" predict towns_more.st flights.csv
gives "a target that is an encoded input" 1 "$snnk" eval towns.st --test towns.csv --target city
has "a target that is an encoded input" err 'column "city" is an input of the model and cannot be the target'
# The same features of other encoded inputs: Rome became Riga, so the outputs of the encoder mean other words.
sed 's/Rome/Riga/' towns.csv >others.csv
for towns in towns others; do
    gives "statistics of $towns" 0 "$snnk" fit --train $towns.csv --keep-statistics --m 16 --scaling none --save $towns.kept.st
done
gives "merge of other encoders" 1 "$snnk" merge towns.kept.st others.kept.st --save merged.st
has "merge of other encoders" err 'different features'
gives "merge of equal encoders" 0 "$snnk" merge towns.kept.st towns.kept.st --save merged.st

# refuses NAME PATTERN OPTION...: fit prints one line that matches, and an existing model stays unchanged.
refuses() {
    cp line.st kept.st
    name=$1
    pattern=$2
    shift 2
    gives "$name" 1 "$snnk" fit --save kept.st --ridge 1 "$@"
    one_line "$name" err
    has "$name" err "$pattern"
    if cmp -s line.st kept.st; then ok; else not_ok "$name: the model changed"; fi
}
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 2000; i++) print i % 9 "," (i == 1499 ? "nan" : i % 7) "," i % 5 / 2 }' >nan.csv
sed 's/nan/inf/; 2s/,[^,]*,/,,/' nan.csv >far.csv
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 2000; i++) print i % 9 "," i % 7 "," (i == 1499 ? "inf" : i % 5 / 2) }' >inf.csv
refuses "NaN in an input" '^snnk fit: nan\.csv: row 1500, column "b": the value is missing: ' --train nan.csv --missing refuse
refuses "an infinite input" '^snnk fit: far\.csv: row 1500, column "b": inf is not a finite number' --train far.csv
refuses "infinite target" '^snnk fit: inf\.csv: row 1500, column "y": inf ' --train inf.csv --task regression
sed '3s/^[^,]*/q/' line.csv >words_in_line.csv
# A missing number must not turn a regression into a classification.
sed '7s/,[^,]*$/,/' line.csv >hole.csv
missing='hole\.csv: row 6, column "y": the value is missing: fill it in, or remove the row$'
refuses "a missing target" "^snnk fit: $missing" --train hole.csv
refuses "a missing target of a regression" "^snnk fit: $missing" --train hole.csv --task regression
refuses "a missing target in the test" "^snnk fit: $missing" --train line.csv --test hole.csv
gives "eval with a missing target" 1 "$snnk" eval line.st --test hole.csv
has "eval with a missing target" err "$missing"
# A missing or infinite input is refused by predict and eval, and never answered.
printf 'a,b,y\n1,2,3\nNA,2,3\n' >gap.csv
printf 'a,b,y\n1,2,3\n1,-inf,3\n' >infinite.csv
for run in "predict line.st" "eval line.st --test"; do
    gives "$run, a missing input" 1 "$snnk" $run gap.csv
    has "$run, a missing input" err 'gap\.csv: row 2, column "a": the value is missing'
    if [ -s out ]; then not_ok "$run: there is output"; else ok; fi
    gives "$run, an infinite input" 1 "$snnk" $run infinite.csv
    has "$run, an infinite input" err 'infinite\.csv: row 2, column "b": -inf is not a finite number'
done
# NA is a class among words; an empty class is missing.
awk 'BEGIN { print "x,continent"; for (i = 0; i < 60; i++) print i "," (i < 30 ? "NA" : "EU") }' >continents.csv
gives "NA is a class" 0 "$snnk" fit --train continents.csv --m 16 --ridge 1e-3 --save continents.st --test continents.csv --json
gives "NA is predicted" 0 "$snnk" predict continents.st continents.csv
has "NA is predicted" out '^NA$'
has "EU is predicted" out '^EU$'
sed '7s/,.*/,/' continents.csv >no_continent.csv
refuses "an empty class" '^snnk fit: no_continent\.csv: row 6, column "continent": the value is missing' --train no_continent.csv
# Files as they come: semicolons, decimal commas, trailing separators, no header.
awk 'BEGIN { print "x;y"; for (i = 0; i < 60; i++) printf "%d,5;%d\n", i, 2 * i + 1 }' >european.csv
gives "a decimal comma" 0 "$snnk" fit --train european.csv --features identity --ridge 0 --task regression --test european.csv --json
has "a decimal comma" out '"test_r2":(1[,}]|0\.99999)'
tail -n +2 line.csv >no_header.csv
gives "no header" 0 "$snnk" fit --train no_header.csv --features identity --ridge 0 --save numbered.st
has "no header" err '^snnk fit: no_header\.csv has no header line: its columns are named 1 \.\.\. 3$'
gives "--no-header" 0 "$snnk" predict numbered.st no_header.csv --no-header
if [ -s err ]; then not_ok "--no-header: a note"; else ok; fi
"$snnk" predict line.st line.csv | tail -n +2 >straight.out
tail -n +2 out | cmp -s - straight.out && ok || not_ok "--no-header: other predictions"
gives "no header, but names are needed" 1 "$snnk" predict line.st no_header.csv
has "no header, but names are needed" err 'has no column "a", which the model needs \(its first line is no header\)'
printf 'x|y\n1,5|1\n2,5|2\n' >bars.csv
gives "--separator and --decimal" 0 "$snnk" fit --train bars.csv --separator '|' --decimal , --features identity --ridge 0 --task regression --json
gives "a separator that is none" 2 "$snnk" fit --train bars.csv --separator :
has "a separator that is none" err 'tab'
gives "a decimal that is none" 2 "$snnk" predict line.st bars.csv --decimal x
# Several targets, the first or second of them words.
awk 'BEGIN { print "u,v"; for (i = 0; i < 200; i++) print (i % 2 ? "p" : "q") "," i }' >words_first.csv
awk -F, '{ print $2 "," $1 }' words_first.csv >words_second.csv
for bad in words_first words_second; do
    refuses "$bad" "$bad\\.csv: column \"[uv]\" holds words: several" --train-inputs line.csv --train-targets $bad.csv
done
# Reported before the fit, which would take minutes.
refuses "more features than memory" 'bytes for the statistics of 2000000000 features' --train line.csv --m 2000000000
refuses "no test file" 'nowhere\.csv' --train line.csv --test nowhere.csv
refuses "a test set without a column" 'line\.csv has no column "u"' --train words_second.csv --test line.csv
refuses "words where the model has numbers" 'row 2, column "a": "q" is not a number, but all inputs must be numbers here' --like line.st --train words_in_line.csv
refuses "a test set of another width" 'images\.idx has 4 input columns, but the model has 2' --train line.csv \
    --test-images images.idx --test-labels labels.idx
refuses "a class the model lacks" '"small" is not a class' --train mixed.csv --target c --task classification \
    --test-inputs small_in.csv --test-targets small.csv
gives "a directory to save in that is not there" 1 "$snnk" fit --train line.csv --save none/m.st

# ---- Data larger than memory: 256 MB, sparse, with 1000 rows that vary ----
python3 - <<'PYTHON'
import struct
def npy(path, descr, shape, begin, size):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n" + begin)
        f.truncate(128 + size)
values = [(i * i % 1009) / 1009 for i in range(256000)]
npy("large.npy", "<f4", (262144, 256), struct.pack("<256000f", *values), 262144 * 256 * 4)
npy("large_y.npy", "|u1", (262144,), bytes(i % 7 for i in range(1000)), 262144)
PYTHON
gives "data on disk" 0 "$snnk" fit --train-inputs large.npy --train-targets large_y.npy --m 16 --ridge 1 \
    --task regression --threads 2 --json
# The program takes 10 MB (a sanitizer 100 more); the whole file in memory would take 256.
json "data on disk" "j['train_rows'] == 262144 and j['peak_rss_mb'] < 200"
rm large.npy large_y.npy

# ---- Output that would overwrite an input ----
cp line.csv kept.csv && cp line.st kept.st && ln -s kept.csv link.csv
cksum kept.csv kept.st >before
gives "a model over its data" 2 "$snnk" fit --train kept.csv --save kept.csv
gives "a model over its data by another name" 2 "$snnk" fit --train line.csv --test kept.csv --save link.csv
gives "values over the model" 2 "$snnk" predict kept.st line.csv --out kept.st
gives "values over the data" 2 "$snnk" predict kept.st kept.csv --out kept.csv
cksum kept.csv kept.st >after
if cmp -s before after; then ok; else not_ok "an input was overwritten"; fi

# ---- Output that cannot be written ----
if [ -w /dev/full ]; then
    for output in "predict line.st line.csv" "info line.st --json" "--help" "eval line.st --test line.csv"; do
        # shellcheck disable=SC2086
        "$snnk" $output >/dev/full 2>err
        if [ $? = 1 ]; then ok; else not_ok "snnk $output to a full disk"; fi
        one_line "snnk $output to a full disk" err
    done
fi

# ---- A progress bar on a terminal, and only there ----
says=
gives "a bar on a terminal" 0 bar fit --train line.csv --m 8 --ridge 1 --json
gives "no bar when quiet" 3 bar fit --train line.csv --m 8 --ridge 1 --quiet

# ---- Models with their statistics: update, forget and merge give the same as a fit ----
head -n 101 line.csv >first.csv
{ head -n 1 line.csv && tail -n 100 line.csv; } >second.csv
fixed="--features arc-cosine --offset-scale 0.3 --m 40 --ridge 0.01 --seed 3 --scaling none --keep-statistics --quiet"
# same NAME MODEL MODEL: the same predictions on line.csv, up to rounding of floats
same() {
    "$snnk" predict "$2" line.csv >left 2>err && "$snnk" predict "$3" line.csv >right 2>>err &&
        paste -d ' ' left right | awk 'NR > 1 { d = $1 - $2; if (d < -1e-4 || d > 1e-4) bad = 1 }
            END { exit NR < 200 || bad }'
    if [ $? = 0 ]; then ok; else not_ok "$1: predictions differ"; fi
}
# shellcheck disable=SC2086 # options
for part in first second line; do
    gives "fit $part" 0 "$snnk" fit --train $part.csv $fixed --save $part.stat
done
cp first.stat grown.stat
gives "update" 0 "$snnk" update grown.stat --train second.csv --quiet --json
json "update" 'j["rows"] == 100 and j["rows_before"] == 100 and j["rows_after"] == 200'
json "update" 'j["lambda"] == 0.01 and j["model"] == "grown.stat" and j["new_classes"] == 0'
same "update" grown.stat line.stat
gives "forget" 0 "$snnk" forget grown.stat --train second.csv --save shrunk.stat --json
json "forget" 'j["rows_before"] == 200 and j["rows_after"] == 100'
same "forget" shrunk.stat first.stat
same "forget leaves its model alone" grown.stat line.stat
gives "merge" 0 "$snnk" merge first.stat second.stat --save merged.stat --json
json "merge" 'j["models"] == 2 and j["rows_after"] == 200 and j["method"] == "cholesky"'
same "merge" merged.stat line.stat
gives "another lambda" 0 "$snnk" merge first.stat second.stat --ridge 5 --save merged.stat --json
json "another lambda" 'j["lambda"] == 5'
cksum first.stat >before
gives "rows that were not there" 1 "$snnk" forget first.stat --train line.csv
has "rows that were not there" err 'snnk forget: '
cksum first.stat >after
if cmp -s before after; then ok; else not_ok "a refused forget changed the model"; fi
gives "a model without statistics" 1 "$snnk" update line.st --train line.csv
has "a model without statistics" err 'keep-statistics'
gives "other features" 0 "$snnk" fit --train first.csv --m 40 --seed 4 --ridge 0.01 \
    --keep-statistics --save other.stat
gives "other features" 1 "$snnk" merge first.stat other.stat --save x.stat
has "other features" err 'different features'
gives "like" 0 "$snnk" fit --train second.csv --like other.stat --ridge 0.01 --keep-statistics \
    --save like.stat
gives "like" 0 "$snnk" merge other.stat like.stat --save merged.stat
awk -F, '{ print $2 "," $1 "," $3 }' line.csv >swapped.csv
gives "like, other order" 0 "$snnk" fit --train swapped.csv --like line.stat --ridge 0.01 \
    --keep-statistics --save swapped.stat
same "like, other order" swapped.stat line.stat
gives "like, other order" 0 "$snnk" merge line.stat swapped.stat --save merged.stat
gives "like says features" 2 "$snnk" fit --train line.csv --like line.stat --m 7 --save x.stat
has "like says features" err "--m and --like"
sed '1s/,y$/,z/' line.csv >renamed.csv
gives "other target" 0 "$snnk" fit --train renamed.csv --target z --like line.stat --ridge 0.01 \
    --keep-statistics --save renamed.stat
gives "other target" 1 "$snnk" merge line.stat renamed.stat --save x.stat
has "other target" err 'different columns'
gives "an input for a target" 1 "$snnk" update line.stat --train line.csv --target a --save x.stat
has "an input for a target" err '"a" is an input'
gives "info of statistics" 0 "$snnk" info line.stat --json
json "info of statistics" 'j["statistics"] == {"rows": 200, "route": "gram"}'
json "info of statistics" 'float(j["notes"]["lambda"]) == 0.01'
gives "info of statistics" 0 "$snnk" info line.stat
has "info of statistics" out '^statistics     of 200 rows .gram.$'
gives "a seed stays a seed" 0 "$snnk" fit --train line.csv --m 400 --projection gaussian \
    --ridge 0.01 --keep-statistics --store-seed --save seed.stat
gives "a seed stays a seed" 0 "$snnk" update seed.stat --train first.csv
gives "a seed stays a seed" 0 "$snnk" info seed.stat --json
json "a seed stays a seed" 'j["projections"] == "drawn from the seed"'
printf 'a,b,c\n1,2,0\n2,1,1\n3,1,0\n4,2,1\n' >digits.csv
printf 'a,b,c\n1,2,1001\n' >wild.csv
gives "a wild label" 0 "$snnk" fit --train digits.csv --ridge 1 --keep-statistics --save digits.stat
gives "a wild label" 0 "$snnk" update digits.stat --train wild.csv --json
json "a wild label" "j['new_classes'] == 1"
gives "a wild label" 0 "$snnk" eval digits.stat --test wild.csv --json
json "a wild label" "j['classes'] == ['0', '1', '1001']"
head -n 6 kinds.csv | grep -v big >few.csv
gives "a shard without a class" 0 "$snnk" fit --train kinds.csv --ridge 0.1 --keep-statistics \
    --save all.stat
gives "a shard without a class" 0 "$snnk" fit --train few.csv --like all.stat --ridge 0.1 \
    --keep-statistics --save few.stat
gives "a shard without a class" 0 "$snnk" merge all.stat few.stat --save merged.stat --json
json "a shard without a class" 'j["rows_after"] == 65'
gives "like, of other inputs" 1 "$snnk" fit --train kinds.csv --like big.st --save x.stat
gives "merge over nothing" 2 "$snnk" merge first.stat second.stat
gives "merge of one" 2 "$snnk" merge first.stat --save x.stat
gives "update over its rows" 2 "$snnk" update first.stat --train second.csv --save second.csv
gives "qr" 0 "$snnk" fit --train line.csv --features arc-cosine --offset-scale 0.3 --m 40 --ridge 0.01 --factorization qr --seed 3 --scaling none \
    --keep-statistics --save qr.stat --json
json "qr" 'j["method"] == "qr"'
same "qr" qr.stat line.stat
gives "qr, update" 0 "$snnk" update qr.stat --train first.csv --json
json "qr, update" 'j["method"] == "qr" and j["rows_after"] == 300'
gives "classes" 0 "$snnk" fit --train kinds.csv --ridge 0.1 --keep-statistics --save kinds.stat
{ head -n 1 kinds.csv && printf '20,20,huge\n21,20,huge\n22,21,huge\n23,20,huge\n'; } >huge.csv
gives "a new class" 0 "$snnk" update kinds.stat --train huge.csv --json
json "a new class" 'j["new_classes"] == 1 and j["rows_after"] == 64'
gives "a new class" 0 "$snnk" eval kinds.stat --test huge.csv --json
json "a new class" 'j["classes"] == ["big, bigger", "small", "huge"] and j["accuracy"] == 1'

# ---- Cancelled: status 130, and an existing model stays ----
awk 'BEGIN { for (i = 0; i < 20000; i++) { if (i == 0) { for (k = 0; k < 40; k++) printf "x%d,", k; print "y" }
      for (k = 0; k < 40; k++) printf "%d,", (i * (k + 3)) % 11; print i % 2 } }' >big.csv
cksum line.st >before
# A shell may start background jobs that ignore SIGINT: python starts this one with the default.
python3 - "$snnk" <<'PYTHON' >status 2>err
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "fit", "--train", "big.csv", "--m", "4000", "--save", "line.st"],
                     stdout=subprocess.DEVNULL,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
time.sleep(1.5)
p.send_signal(signal.SIGINT)
print(p.wait())
PYTHON
if [ "$(cat status)" = 130 ]; then ok; else not_ok "cancelled: status $(cat status)"; fi
cksum line.st >after
if cmp -s before after; then ok; else not_ok "cancelled: the model changed"; fi
# shellcheck disable=SC2010
if ls -A | grep -q '^\.snnk-.*\.tmp$'; then not_ok "cancelled: a temporary file is left"; else ok; fi

# While a bar has moved, but long before its end: nothing here depends on seconds.
fit_stopped() {
    while=$1
    shift
    while=$while python3 - "$snnk" fit --train big.csv --save line.st "$@" <<'PYTHON' >status 2>err
import os, pty, re, signal, subprocess, sys
terminal, child = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=child,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(child)
seen, moved, sent = b"", re.compile(os.environ["while"].encode() + rb" +\[#* *\] +[1-9]\d* %"), False
try:
    while part := os.read(terminal, 4096):
        seen += part
        if not sent and moved.search(seen):
            p.send_signal(signal.SIGINT)
            sent = True
except OSError:  # the other end is closed
    pass
print(p.wait() if sent else "the bar never moved")
PYTHON
    if [ "$(cat status)" = 130 ]; then ok; else not_ok "cancelled while $while: status $(cat status)"; fi
    cksum line.st >after
    if cmp -s before after; then ok; else not_ok "cancelled while $while: the model changed"; fi
    # shellcheck disable=SC2010
    if ls -A | grep -q '^\.snnk-.*\.tmp$'; then not_ok "cancelled while $while: a temporary file is left"; else ok; fi
}
fit_stopped scaling --m 100
fit_stopped fitting --m 2000
fit_stopped solving --m 2000 --choose gcv # the eigenvectors of 2000 features

report cli
