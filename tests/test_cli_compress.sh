#!/bin/sh
# Tests of snnk compress, bundle and quantize. test_cli_compress.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

printf 'a,b\n1,2\n' >line.csv
awk 'BEGIN { print "u,v"; for (i = 0; i < 200; i++) print (i % 2 ? "p" : "q") "," i }' >words_first.csv

# ---- Compressing: a block of 6 -> 24 -> 4 with three different neurons, and errors ----
python3 - <<'PYTHON'
import json, struct
state = 1
def draw():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    return (state >> 33) / 2 ** 30 - 1
def matrix(rows, columns): return [[draw() for _ in range(columns)] for _ in range(rows)]
def turned(A): return [list(column) for column in zip(*A)]
def flat(A): return [v for row in A for v in (row if isinstance(row, list) else [row])]
def npy(path, rows, d):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), d)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n")
        f.write(struct.pack("<%df" % (len(rows) * d), *flat(rows)))
G, c = matrix(3, 6), [0.2, 0.1, 0.3]
scale = [0.5 + i % 3 for i in range(24)]
w1 = [[scale[i] * v for v in G[i % 3]] for i in range(24)]
b1 = [scale[i] * c[i % 3] for i in range(24)]
w2, b2, square = matrix(4, 24), [1, 2, 3, 4], matrix(6, 6)
tensors = {"w1": ("F32", w1), "b1": ("F32", b1), "w2": ("F32", w2), "b2": ("F32", b2),
           "w1t": ("F32", turned(w1)), "w2t": ("F32", turned(w2)), "wide": ("F32", matrix(24, 6)),
           "wide64": ("F64", w1), "high": ("F32", [100.0] * 24), "sq": ("F32", square), "sqt": ("F32", turned(square)),
           "whole": ("I8", [[1] * 6] * 24), "short": ("F32", [1, 2, 3]), "w3": ("F32", matrix(4, 23)),
           "hole": ("F32", [[float("nan")] * 6] * 24)}
head, data = {}, b""
for name, (kind, values) in tensors.items():
    shape = [len(values)] + ([len(values[0])] if isinstance(values[0], list) else [])
    part = struct.pack("<%d%s" % (len(flat(values)), {"F32": "f", "F64": "d", "I8": "b"}[kind]), *flat(values))
    head[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
    data += part
head["cube"] = {"dtype": "F32", "shape": [2, 3, 4], "data_offsets": [len(data), len(data) + 96]}
data += b"\0" * 96
text = json.dumps(head).encode()
open("teacher.st", "wb").write(struct.pack("<Q", len(text)) + text + data)
X = matrix(600, 6)
def block(x):
    h = [max(0, sum(a * b for a, b in zip(w, x)) + b) for w, b in zip(w1, b1)]
    return [sum(a * b for a, b in zip(w, h)) + b for w, b in zip(w2, b2)]
Y = [block(x) for x in X]
npy("x.npy", X, 6)
npy("y.npy", Y, 4)
npy("twice_y.npy", [[2 * v for v in y] for y in Y], 4)
npy("short_y.npy", Y[:-1], 4)
npy("narrow.npy", [x[:5] for x in X], 5)
npy("still.npy", [X[0]] * 600, 6)
npy("few.npy", X[:28], 6)
npy("one.npy", X[:1], 6)
npy("none.npy", [], 6)
npy("still_y.npy", [Y[0]] * 600, 4)
npy("huge.npy", [[3e38 * v for v in x] for x in X], 6)
npy("inf.npy", [[float("inf") if (i, j) == (5, 1) else v for j, v in enumerate(x)] for i, x in enumerate(X)], 6)
npy("nan_y.npy", [[float("nan") if (i, j) == (9, 3) else v for j, v in enumerate(y)] for i, y in enumerate(Y)], 4)
for cut, whole in ("cut.npy", "x.npy"), ("cut.st", "teacher.st"):
    open(cut, "wb").write(open(whole, "rb").read()[:5000])
X[6][2] = float("nan")
npy("nan.npy", X, 6)
PYTHON
block="teacher.st --weight w1 --bias b1 --activation relu --then w2 --then-bias b2 --quiet"
# shellcheck disable=SC2086 # options
gives "compress" 0 "$snnk" compress $block --inputs x.npy --features 3 --ridge 0 --save student.st --json
json "compress, exact" "j['features'] == 3 and j['methods'][1]['method'] == 'student' and j['methods'][1]['relative_error'] < 1e-5"
json "compress, sizes" "j['methods'][1]['parameters'] == 3 * 11 + 4 and j['methods'][1]['multiply_adds'] == 30 and j['methods'][1]['bytes'] == 148"
json "compress, the layer itself" "j['methods'][0] == {'method': 'teacher', 'explained': 1, 'relative_error': 0, 'parameters': 268, 'multiply_adds': 240, 'bytes': 1072}"
json "compress, methods" "[m['method'] for m in j['methods']] == ['teacher', 'student', 'linear', 'neurons', 'random', 'int8', 'int4', 'student_int8']" # no rank of 1 for both matrices
json "compress, linear maps have a rank of 3" "j['methods'][2]['parameters'] == 3 * 10 + 4 and j['methods'][2]['multiply_adds'] == 30 and j['methods'][2]['relative_error'] > 0.1"
json "compress, nothing simpler" "not j['simpler_is_better'] and not j['few_rows'] and j['rows'] + j['heldout_rows'] == 600"
gives "the compressed model" 0 "$snnk" eval student.st --test-inputs x.npy --test-targets y.npy --json
json "the compressed model" "j['rmse'] < 1e-5 and j['r2'] > 1 - 1e-9"
# shellcheck disable=SC2086
gives "compress, for people" 0 "$snnk" compress $block --inputs x.npy --share 0.2 --ridge 0 --save student.st
has "a row a method" out '^student +1\.0000 +0\.0000 +48 +40 +192$'
has "a row a method" out '^the layer itself +1\.0000 +0\.0000 +268 +240 +1072$'
has "features of a share" out '^student: 4 features'
has "the model's place" out '^saved student\.st$'
# shellcheck disable=SC2086
gives "compress to an error" 0 "$snnk" compress $block --inputs x.npy --error 0.01 --json
json "compress to an error" "1 < j['features'] <= 3 and j['methods'][1]['relative_error'] < 0.02"
# shellcheck disable=SC2086
gives "compress to targets" 0 "$snnk" compress $block --inputs x.npy --targets twice_y.npy --features 3 --ridge 0 --save student.st
gives "compress to targets" 0 "$snnk" eval student.st --test-inputs x.npy --test-targets twice_y.npy --json
json "compress to targets" "j['rmse'] < 1e-5"
# The same weights the other way round, and in double.
other="--inputs x.npy --features 3 --json --quiet --activation relu --bias b1 --then-bias b2"
for names in "w1 --then w2" "w1t --then w2t" "w1 --then w2t" "wide64 --then w2"; do
    # shellcheck disable=SC2086
    gives "weights as $names" 0 "$snnk" compress teacher.st $other --weight $names
    cp out "report.$(echo "$names" | tr -d ' ')"
done
for names in w1t--thenw2t w1--thenw2t wide64--thenw2; do
    sed -i 's/"layers":\[[^]]*\],//' report.w1--thenw2 report.$names # they name the weights
    if cmp -s report.w1--thenw2 report.$names; then ok; else not_ok "weights as $names: another student"; fi
done
# shellcheck disable=SC2086
gives "both ways round" 2 "$snnk" compress teacher.st $other --transposed=1 --weight w1t --then w2t
# A square matrix says nothing: it must be given.
for turn in "sq --orientation outputs-by-inputs" "sqt --transposed" "sqt --orientation outputs-by-inputs"; do
    # shellcheck disable=SC2086
    gives "square weights" 0 "$snnk" compress teacher.st --weight $turn --activation relu --inputs x.npy --features 2 --json
    python3 -c "import json; print(json.load(open('out'))['methods'])" >"square.$(echo "$turn" | tr -d ' ')"
done
json "square weights" "j['layers'][0]['orientation'] == 'outputs-by-inputs' and j['layers'][0]['orientation_found_by'] == 'option'"
if cmp -s square.sq--orientationoutputs-by-inputs square.sqt--transposed; then ok; else not_ok "--transposed turns square weights"; fi
if cmp -s square.sq--orientationoutputs-by-inputs square.sqt--orientationoutputs-by-inputs; then not_ok "square weights as given"; else ok; fi
gives "square weights that are not given" 1 "$snnk" compress teacher.st --weight sq --activation relu --inputs x.npy --features 2
one_line "square weights that are not given" err
has "square weights that are not given" err 'tensor "sq" is square \(6 x 6\), so its shape does not tell'
# A linear layer: relu is linear on every row.
gives "a simpler one does as well" 0 "$snnk" compress teacher.st --weight wide --bias high --activation relu --then w2 \
    --inputs x.npy --features 4 --quiet
has "a simpler one does as well" out '^A simpler replacement is as good or better: linear map, with 1\.0000 explained'
# shellcheck disable=SC2086
gives "few rows" 0 "$snnk" compress $block --inputs few.npy --features 2 --ridge 0.01
has "few rows" out '^There are fewer rows than features to choose from'
gives "refined" 0 "$snnk" compress teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy \
    --features 6 --tier refined --epochs 3 --rate 0.03 --seed 5 --linear 2 --heldout-block-rows 5 --threads 1 --json
json "refined" "j['tier'] == 'refined' and 0 <= j['epochs'] <= 3 and j['features'] == 6"
json "singular values" "[m['method'] for m in j['methods']] == ['teacher', 'student', 'linear', 'neurons', 'random', 'int8', 'int4', 'student_int8']" # 70 numbers: 58 and 28 biases are more
gives "singular values" 0 "$snnk" compress teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy \
    --features 8 --json
json "singular values" "j['methods'][4]['method'] == 'singular_values' and j['methods'][4]['parameters'] == 58 + 28 and j['methods'][4]['multiply_adds'] == 58"
json "no more parameters" "all(m['parameters'] <= j['methods'][1]['parameters'] for m in j['methods'][1:-3])"
for tier in random selected; do
    gives "tier $tier" 0 "$snnk" compress teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy \
        --features 6 --tier $tier --json
    json "tier $tier" "j['tier'] == '$tier' and j['epochs'] == 0"
done

# will_not NAME PATTERN OPTION...: compress prints one line that matches, and writes nothing.
will_not() {
    name=$1
    pattern=$2
    shift 2
    cp student.st kept.st
    gives "$name" 1 "$snnk" compress "$@" --save kept.st --plot no.png --quiet
    one_line "$name" err
    has "$name" err "$pattern"
    if cmp -s student.st kept.st; then ok; else not_ok "$name: the model changed"; fi
    if [ -n "$(ls no.png* no.csv* kept.st.* 2>/dev/null)" ]; then not_ok "$name: something was drawn"; else ok; fi
}
if command -v gnuplot >none.out; then
    will_not "a tensor that is missing" 'teacher\.st: tensor "nope" is missing' teacher.st --weight nope --activation relu --inputs x.npy
    will_not "a bias that is missing" 'tensor "nope" is missing' teacher.st --weight w1 --bias nope --activation relu --inputs x.npy
    will_not "weights of whole numbers" 'tensor "whole" has type I8, not F16' teacher.st --weight whole --activation relu --inputs x.npy
    will_not "weights that are no matrix" 'tensor "cube" has 3 dimensions instead of 2' teacher.st --weight cube --activation relu --inputs x.npy
    will_not "a bias that is a matrix" 'tensor "sq" has 2 dimensions instead of 1' teacher.st --weight w1 --bias sq --activation relu --inputs x.npy
    will_not "a bias too short" 'tensor "short" has 3 numbers, but "w1" has 24 outputs' teacher.st --weight w1 --bias short --activation relu --inputs x.npy
    will_not "inputs of another width" 'tensor "w1" is 24 x 6, but narrow\.npy has 5 columns' teacher.st --weight w1 --activation relu --inputs narrow.npy
    will_not "a readout of another width" 'tensor "w3" is 4 x 23, but its input has 24 columns' teacher.st --weight w1 --activation relu --then w3 --inputs x.npy
    will_not "transposed that is not" 'as inputs-by-outputs x\.npy would have 24 columns, not 6' teacher.st --weight w1 --transposed --activation relu --inputs x.npy
    will_not "weights that are not finite" 'tensor "hole" at \(0, 0\) is nan' teacher.st --weight hole --activation relu --inputs x.npy
    # shellcheck disable=SC2086
    {
        will_not "inputs that do not vary" 'the inputs are constant: all [0-9]+ rows to fit to are the same' $block --inputs still.npy
        will_not "targets that do not vary" 'the outputs are constant: all [0-9]+ rows' $block --inputs x.npy --targets still_y.npy
        will_not "NaN in a target" 'nan_y\.npy: row 10, column 4: -?nan' $block --inputs x.npy --targets nan_y.npy
        will_not "infinity in an input" 'inf\.npy: row 6, column 2: inf' $block --inputs inf.npy
        will_not "inputs that the layer makes infinite" "the teacher's output\[[0-9]+\]\[[0-3]\] = -?(nan|inf) is not finite" $block --inputs huge.npy
        will_not "inputs that are cut off" 'cut\.npy: the header describes 14400 bytes of data, but the file has 4872' $block --inputs cut.npy
        will_not "weights that are cut off" 'cut\.st: the header describes [0-9]+ bytes of tensors, but the file has' cut.st --weight w1 --activation relu --inputs x.npy
        will_not "a readout that is missing" 'tensor "nope" is missing' teacher.st --weight w1 --activation relu --then nope --inputs x.npy
        will_not "a readout of whole numbers" 'tensor "whole" has type I8, not F16' teacher.st --weight w1 --activation relu --then whole --inputs x.npy
        will_not "more features than differ" 'fewer than 8 features are linearly independent' $block --inputs x.npy --features 8 --linear 0
        will_not "NaN in an input" 'nan\.npy: row 7, column 3: -?nan' $block --inputs nan.npy
        will_not "one row" 'each part needs at least 2' $block --inputs one.npy
        will_not "no rows" 'none\.npy has no rows' $block --inputs none.npy
        will_not "words" 'words_first\.csv: row 1, column "u": "q" is not a number, but all inputs must be numbers here' $block --inputs words_first.csv
        will_not "no file of inputs" 'nowhere\.npy' $block --inputs nowhere.npy
        will_not "no file of weights" 'nowhere\.st' nowhere.st --weight w --activation relu --inputs x.npy
        will_not "weights that are no safetensors" 'line\.csv' line.csv --weight w --activation relu --inputs x.npy
        will_not "a share below one feature" 'leaves no room for one feature' $block --inputs x.npy --share 0.01
        will_not "more features than the layer is worth" '24 features have 268 parameters, but the layer itself has 268' $block --inputs x.npy --features 24
        will_not "an error that nothing has" 'relative error of' teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs few.npy --error 0.0001
        will_not "targets of fewer rows" 'short_y\.npy has 599 rows, but x\.npy has 600' $block --inputs x.npy --targets short_y.npy
        will_not "targets of another width" 'x\.npy has 6 columns, but there are 4 outputs' $block --inputs x.npy --targets x.npy
        gives "a folder that is not there" 1 "$snnk" compress $block --inputs x.npy --save none/m.st
        one_line "a folder that is not there" err
        gives "a folder for the plot" 1 "$snnk" compress $block --inputs x.npy --plot none/m.png
        has "a folder for the plot" err 'cannot create a file in none/'
        mkdir -p drawn.csv
        gives "a folder where numbers go" 1 "$snnk" compress $block --inputs x.npy --plot drawn.png --save new.st
        has "a folder where numbers go" err 'drawn\.csv is a directory'
        if [ -n "$(ls drawn.png* new.st* 2>/dev/null)" ]; then not_ok "a folder where numbers go: written"; else ok; fi
        gives "a plot of some linear features" 0 "$snnk" compress $block --inputs x.npy --features 3 --linear 3 --plot lines.png
        gives "a plot" 0 "$snnk" compress $block --inputs x.npy --features 3 --plot "it's.png" --json
    }
    json "a plot" "j['plot'] == \"it's.png\" and j['plot_data'] == \"it's.csv\""
    if head -c 4 "it's.png" | grep -q PNG; then ok; else not_ok "a plot is a PNG"; fi
    has "numbers of a plot" "it's.csv" '^features,method,parameters,multiply_adds,explained,relative_error$'
    has "numbers of a plot" "it's.csv" '^8,student,92,80,'
    gives "a plot to the layer's size" 0 "$snnk" compress teacher.st --weight wide --bias b1 --activation relu --then w2 \
        --inputs x.npy --features 6 --plot wide.png --quiet
    if [ "$(sed -n 's/,student.*//p' wide.csv | tr '\n' ' ')" = "8 16 23 " ]; then ok; else not_ok "sizes of a plot"; fi
    has "singular values in a plot" wide.csv '^23,singular_values,(154,126|184,156|214,186|244,216|256,228),' # rank 1 ... 4 and a whole readout; whole and 3
fi
# shellcheck disable=SC2086
{
    cp student.st kept.st
    gives "a plot without gnuplot" 1 env PATH=/nonexistent "$snnk" compress $block --inputs x.npy --plot no.png --save kept.st
    one_line "a plot without gnuplot" err
    has "a plot without gnuplot" err 'needs gnuplot, which could not be started'
    if cmp -s student.st kept.st && [ ! -e no.csv ]; then ok; else not_ok "a plot without gnuplot wrote"; fi
    cp x.npy plotted.csv
    cksum x.npy plotted.csv teacher.st >before
    # If gnuplot exists but does not draw, model and picture stay unchanged.
    mkdir -p broken && printf '#!/bin/sh\n[ "$1" = --version ]\n' >broken/gnuplot && chmod +x broken/gnuplot
    echo kept >no.csv
    gives "a plot that fails" 1 env PATH="$PWD/broken:$PATH" "$snnk" compress $block --inputs x.npy --features 3 --plot no.png --save kept.st
    one_line "a plot that fails" err
    has "a plot that fails" err 'gnuplot could not draw no\.png'
    if cmp -s student.st kept.st && [ "$(cat no.csv)" = kept ] && [ "$(ls no.*)" = no.csv ]; then ok; else not_ok "a plot that fails wrote"; fi
    rm no.csv
    gives "a model over its inputs" 2 "$snnk" compress $block --inputs x.npy --save x.npy
    gives "a model over its weights" 2 "$snnk" compress $block --inputs x.npy --save teacher.st
    gives "a plot over its inputs" 2 "$snnk" compress $block --inputs x.npy --plot x.npy
    gives "a plot's numbers over its inputs" 2 "$snnk" compress $block --inputs plotted.csv --plot plotted.png
    gives "a plot over the model" 2 "$snnk" compress $block --inputs x.npy --plot m.png --save m.csv
    cksum x.npy plotted.csv teacher.st >after
    if cmp -s before after; then ok; else not_ok "compress overwrote an input"; fi
    for bad in "--features 0" "--share 0" "--share 1.5" "--error 1" "--tier best" "--epochs 0" "--rate 0" "--seed -1" \
        "--ridge -1" "--linear -1" "--heldout-block-rows 0" "--threads 0" "--features 3 --share 0.5" "extra"; do
        gives "compress $bad" 2 "$snnk" compress $block --inputs x.npy $bad
        one_line "compress $bad" err
    done
    for missing in "--weight w1 --activation relu" "--weight w1 --inputs x.npy" "--activation relu --inputs x.npy" \
        "--weight w1 --activation relu --inputs x.npy --then-bias b2" "--weight w1 --activation swish --inputs x.npy"; do
        gives "compress $missing" 2 "$snnk" compress teacher.st $missing
        one_line "compress $missing" err
    done
}
# ---- A whole network, inputs x outputs: 5 -> 8 -> 8 -> 3, relu, tanh, and three tensors beside it ----
python3 - <<'PYTHON'
import json, math, struct
state = 7
def draw():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    return struct.unpack("<f", struct.pack("<f", (state >> 33) / 2 ** 30 - 1))[0]
def matrix(rows, columns): return [[draw() for _ in range(columns)] for _ in range(rows)]
def flat(A): return [v for row in A for v in (row if isinstance(row, list) else [row])]
def npy(path, shape, numbers):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n")
        f.write(struct.pack("<%df" % len(numbers), *numbers))
def safetensors(path, tensors, metadata):
    head, data = {"__metadata__": metadata}, b""
    for name, kind, shape, part in tensors:
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
def f32(name, A):
    shape = [len(A)] + ([len(A[0])] if isinstance(A[0], list) else [])
    return name, "F32", shape, struct.pack("<%df" % len(flat(A)), *flat(A))
K = [matrix(5, 8), matrix(8, 8), matrix(8, 3)]
c = [[draw() for _ in range(l)] for l in (8, 8, 3)]
others = [("table", "F16", [3], b"\0\x7c\1\x7e\0\0"), ("step", "I64", [], b"\1\2\3\4\5\6\7\x88"), ("codes", "F4", [3], b"\x5a\xc3\1")]
layers = [f32("dense_%d/kernel" % k, K[k]) for k in range(3)] + [f32("dense_%d/bias" % k, c[k]) for k in range(3)]
safetensors("net.st", others + layers, {"format": "tf"})
safetensors("classes.st", others + layers, {"note.task": "classification", "note.classes": '["ant","bee","cow"]'})
safetensors("more.st", layers, {"note.task": "classification", "note.classes": '["ant","bee","cow","dog"]'})
def forward(x):
    for k, f in enumerate((lambda z: max(z, 0), math.tanh, lambda z: z)):
        x = [f(sum(a * K[k][i][j] for i, a in enumerate(x)) + c[k][j]) for j in range(len(c[k]))]
    return x
X = matrix(600, 5)
Y = [forward(x) for x in X]
npy("nx.npy", (600, 5), flat(X))
npy("ny.npy", (600, 3), flat(Y))
npy("batch.npy", (200, 3, 5), flat(X))
npy("short_batch.npy", (60, 10, 5), flat(X))
npy("other_batch.npy", (600, 1, 5), flat(X))
with open("nl.csv", "w") as f:
    f.write("kind\n" + "\n".join(["ant", "bee", "cow"][y.index(max(y))] for y in Y) + "\n")
with open("nx.csv", "w") as f:
    for x in X: f.write(";".join(repr(v).replace(".", ",") for v in x) + "\n")
PYTHON
net="--layer dense_0/kernel,dense_0/bias,relu --layer dense_1/kernel,dense_1/bias,tanh --layer dense_2/kernel,dense_2/bias"
# shellcheck disable=SC2086
{
    gives "a network in full" 0 "$snnk" compress net.st $net --inputs nx.npy --share 1 --save net.small --quiet --json
    json "orientations" "[(m['orientation'], m['orientation_found_by']) for m in j['layers']] == [('inputs-by-outputs', how) for how in ('shape', 'chain', 'shape')]"
    # int8: rows of 5, 8, 8 bytes, and 8 for scale and bias; int4: of 3, 4, 4 bytes
    json "bytes of rounded networks" "{m['method']: m['bytes'] for m in j['methods'] if 'int' in m['method']} == {'int8': 8 * 13 + 8 * 16 + 3 * 16, 'int4': 8 * 11 + 8 * 12 + 3 * 12, 'compressed_int8': 8 * 13 + 8 * 16 + 3 * 16}" # nothing was replaced
    json "parts" "[(p['layers'], p['outcome'], p['parameters_before']) for p in j['parts']] == [('dense_0/kernel', 'whole', 48), ('dense_1/kernel, dense_2/kernel', 'whole', 99)]"
    json "nothing lost" "j['methods'][1]['method'] == 'compressed' and j['methods'][1]['relative_error'] < 1e-6 and j['methods'][1]['parameters'] == 147"
    gives "a network in full" 0 "$snnk" eval net.small --test-inputs nx.npy --test-targets ny.npy --json
    json "a network in full" "j['rmse'] < 1e-6" # floats
    gives "a network that is smaller" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --save net.small --write-back back.st
    has "the square one" out '^dense_1/kernel: 8 x 8, inputs x outputs \(like dense_2/kernel\), then tanh$'
    has "the places" out '^wrote back\.st$'
    gives "a network that is smaller" 0 "$snnk" info net.small --json
    json "a network that is smaller" "j['parameters'] <= 0.6 * 147 and j['notes']['task'] == 'regression'"
    gives "a tuned network" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --tune 15 --save net.tuned --write-back back.st --quiet --json
    json "a tuned network" "0 < j['methods'][1]['relative_error'] <= j['relative_error_untuned'] * 1.001 and j['tuned_epoch'] <= 15"
    json "a small network" "[m['parameters'] <= j['methods'][1]['parameters'] for m in j['methods'] if m['method'] == 'small'] == [True] and j['kept'] == 'student'"
    gives "a small network" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --tune 15 --keep small --save net.tuned --quiet
    gives "a small network is kept" 0 "$snnk" info net.tuned --json
    json "a small network is kept" "[l['kind'] for l in j['layers']] == ['dense', 'dense'] and j['parameters'] <= 0.6 * 147"
    gives "a small network without tuning" 2 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --keep small --save net.tuned
    has "a small network without tuning" err '--keep small is for --tune'
    gives "tuned to targets" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --tune 2 --tune-rate 0.01 --targets ny.npy --quiet
    has "tuned to targets" out '^tuned to the targets: error 0\.[0-9]* before; the best of 2 epochs is [012]'
    gives "targets of a network" 2 "$snnk" compress net.st $net --inputs nx.npy --targets ny.npy --quiet
    has "targets of a network" err 'is for one layer.*or for --tune'
    gives "tuning of a block" 2 "$snnk" compress net.st --layer dense_0/kernel,dense_0/bias,relu --inputs nx.npy --tune 2 --quiet
    has "tuning of a block" err 'for one layer or block use --tier refined'
    gives "a rate of nothing" 2 "$snnk" compress net.st $net --inputs nx.npy --tune-rate 0.1 --quiet
    has "a rate of nothing" err '--tune-rate is for --tune'
    gives "blends" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --tune 2 --tune-blends 0 --quiet
    gives "blends of nothing" 2 "$snnk" compress net.st $net --inputs nx.npy --tune-blends 1 --quiet
    has "blends of nothing" err '--tune-blends is for --tune'
    gives "too many blends" 2 "$snnk" compress net.st $net --inputs nx.npy --tune 2 --tune-blends 101 --quiet
    has "too many blends" err 'a number from 0 to 100'
    gives "no epochs" 2 "$snnk" compress net.st $net --inputs nx.npy --tune 0 --quiet
    has "no epochs" err "whole number from 1 to 100000"
    gives "a model" 0 "$snnk" compress net.small --inputs nx.npy --share 1 --quiet --json
    json "a model" "'layers' not in j and j['outputs'] == 3"
    gives "classes" 0 "$snnk" compress classes.st $net --inputs nx.npy --share 1 --save net.small --quiet
    gives "classes" 0 "$snnk" eval net.small --test-inputs nx.npy --test-targets nl.csv --json
    json "classes" "j['classes'] == ['ant', 'bee', 'cow'] and j['accuracy'] == 1"
    gives "classes of other outputs" 0 "$snnk" compress more.st $net --inputs nx.npy --share 1 --save net.small --quiet
    gives "classes of other outputs" 0 "$snnk" info net.small --json
    json "classes of other outputs" "j['notes']['task'] == 'regression' and 'classes' not in j['notes']"
    gives "a task" 0 "$snnk" compress net.st $net --inputs nx.npy --share 1 --save net.small --task classification --quiet
    gives "a task" 0 "$snnk" info net.small --json
    json "a task" "j['notes']['task'] == 'classification'"
}
# Every tensor that stays is the same, byte by byte; the new ones give the student's outputs.
# shellcheck disable=SC2086
gives "written back" 0 "$snnk" compress $block --inputs x.npy --features 3 --ridge 0 --write-back back.st --save student.st --json
json "written back" "j['written_back'] == 'back.st' and j['model'] == 'student.st' and j['kept'] == 'student'"
cat >check_back.py <<'PYTHON'
import json, struct, sys
def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head, body = json.loads(data[8:8 + n]), data[8 + n:]
    texts = head.pop("__metadata__", {})
    return texts, {k: (v["dtype"], v["shape"], body[slice(*v["data_offsets"])]) for k, v in head.items()}
def numbers(tensor):
    kind, shape, data = tensor
    flat = struct.unpack("<%d%s" % (len(data) // {"F32": 4, "F64": 8}[kind], {"F32": "f", "F64": "d"}[kind]), data)
    return [flat[i:i + shape[1]] for i in range(0, len(flat), shape[1])] if len(shape) == 2 else flat
before, after, name, gone = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(",")
texts, old = read(before)
new_texts, new = read(after)
for text in texts: assert text == "snnk.checksum" or new_texts[text] == texts[text]
for tensor in old: assert (tensor not in new) if tensor in gone else new[tensor] == old[tensor], tensor
added = set(new) - set(old)
assert added and all(k.startswith(name + ".layers.") for k in added), added
described = json.loads(new_texts["snnk.network." + name])["layers"]
if len(sys.argv) > 5:
    x, y = [[float(v) for v in row.split()] for row in open(sys.argv[5])]
    assert len(described) == 1 and described[0]["kind"] == "snnk"
    phi = []
    for b, block in enumerate(described[0]["blocks"]):
        at = "%s.layers.0.blocks.%d." % (name, b)
        assert block["kind"] == "elementwise"
        for row, offset in zip(numbers(new[at + "G"]), numbers(new[at + "offset"])):
            z = sum(a * v for a, v in zip(row, x)) + offset
            phi.append(max(z, 0) if block["activation"] == "relu" else z)
    for row, bias, wanted in zip(numbers(new[name + ".layers.0.psi"]), numbers(new[name + ".layers.0.bias"]), y):
        assert abs(sum(a * v for a, v in zip(row, phi)) + bias - wanted) < 1e-4, wanted # floats of size 10
PYTHON
python3 - <<'PYTHON' >row.txt
import struct
for path, d in ("x.npy", 6), ("y.npy", 4):
    print(*struct.unpack("<%df" % d, open(path, "rb").read()[128:128 + 4 * d]))
PYTHON
gives "written back, the values" 0 python3 check_back.py teacher.st back.st w1 w1,b1,w2,b2 row.txt
# shellcheck disable=SC2086
{
    gives "written back over a network" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --write-back back.st --quiet --json
    json "written back over a network" "[p['outcome'] for p in j['parts']] == ['whole', 'replaced']"
    gives "written back over a network" 0 python3 check_back.py net.st back.st dense_1/kernel dense_1/kernel,dense_1/bias,dense_2/kernel,dense_2/bias
    gives "written back twice" 0 "$snnk" compress back.st --layer dense_0/kernel,dense_0/bias,relu --inputs nx.npy --features 2 --write-back twice.st --quiet
    gives "written back twice" 0 python3 check_back.py back.st twice.st dense_0/kernel dense_0/kernel,dense_0/bias
}

# ---- Other methods than the student ----
# The saved weights are multiples of largest / 7 of their row, at most half of it from the original.
cat >check_rounded.py <<'PYTHON'
import json, struct
def read(path, name, rows):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    a, b = json.loads(data[8:8 + n])[name]["data_offsets"]
    flat = struct.unpack("<%df" % ((b - a) // 4), data[8 + n + a:8 + n + b])
    return [flat[i:i + len(flat) // rows] for i in range(0, len(flat), len(flat) // rows)]
for old, new, rows in ("w1", "layers.0.weight", 24), ("w2", "layers.1.weight", 4):
    for w, r in zip(read("teacher.st", old, rows), read("kept.st", new, rows)):
        step = max(map(abs, w)) / 7
        for a, b in zip(w, r):
            assert abs(b / step - round(b / step)) < 1e-5 and abs(a - b) < 0.50001 * step, (a, b, step)
PYTHON
# shellcheck disable=SC2086
{
    # Rows of 6 and 24 whole numbers, scales and biases.
    gives "bytes of rounded layers" 0 "$snnk" compress $block --inputs x.npy --features 3 --ridge 0 --json
    json "bytes of rounded layers" "{m['method']: m['bytes'] for m in j['methods'] if 'int' in m['method']} == {'int8': 24 * 14 + 4 * 32, 'int4': 24 * 11 + 4 * 20, 'student_int8': 3 * 14 + 4 * 11}"
    json "the student is exact" "not j['quantization_is_better']"
    gives "random features" 0 "$snnk" compress $block --inputs x.npy --features 17 --tier random --quiet
    has "quantization is better" out '^int4 weights .* 344  better$'
    # 764 bytes, 17 * 14 + 4 * 25 in int8. 464 and 344 bytes are those of floor((116 - 4) / 11) and floor((86 - 4) / 11) features.
    has "bytes of a rounded student" out '^student in int8 .* 338$'
    has "equal bytes" out '^Equal bytes: int8 weights take those of a student of 10 features in float, int4 weights of 7\.$'
    has "quantization is better" out '^Plain quantization is better: int4 weights explain 0\.9[0-9]+ in 344 bytes, the student 0\.[0-9]+ in 764\.$'
    gives "rounded weights" 0 "$snnk" compress $block --inputs x.npy --features 3 --keep int4 --save kept.st
    gives "rounded weights" 0 python3 check_rounded.py
    gives "a linear map" 0 "$snnk" compress teacher.st --weight wide --bias high --activation relu --then w2 --inputs x.npy \
        --features 4 --keep linear --save kept.st --quiet
    has "a linear map" out '^kept: linear map$'
    gives "a linear map" 0 "$snnk" info kept.st --json
    json "a linear map" "[b['activation'] for b in j['layers'][0]['blocks']] == ['identity'] and j['layers'][0]['features'] == 4"
    gives "singular values, kept" 0 "$snnk" compress teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy \
        --features 8 --keep singular-values --save kept.st --json
    json "singular values, kept" "j['kept'] == 'singular_values'"
    gives "singular values, kept" 0 "$snnk" info kept.st --json
    json "singular values, kept" "[l['kind'] for l in j['layers']] == ['dense'] * 4 and j['multiply_adds'] == 58"
    gives "singular values that are not there" 1 "$snnk" compress $block --inputs x.npy --features 3 --keep singular-values --save none.st
    has "singular values that are not there" err 'do not allow rank 1 for each matrix'
    gives "neurons of a network" 0 "$snnk" compress net.st $net --inputs nx.npy --share 0.6 --keep neurons --save kept.st --json
    json "neurons of a network" "j['kept'] == 'neurons' and j['methods'][1]['parameters'] <= 0.6 * 147"
}

# ---- Rows in a batch, and in CSV ----
methods_of() { python3 -c "import json; print(json.load(open('out'))['methods'])"; }
# shellcheck disable=SC2086
{
    layer="net.st --layer dense_0/kernel,dense_0/bias,relu --features 2 --json --inputs"
    gives "rows" 0 "$snnk" compress $layer nx.npy
    methods_of >rows.single
    gives "rows" 0 "$snnk" compress $layer nx.npy --heldout-block-rows 3
    methods_of >rows.triple
    if cmp -s rows.single rows.triple; then not_ok "rows are held out in blocks"; else ok; fi
    gives "a batch" 0 "$snnk" compress $layer batch.npy
    methods_of >rows.batch
    if cmp -s rows.triple rows.batch; then ok; else not_ok "tokens of a batch are held out together"; fi
    gives "a small batch" 0 "$snnk" compress $layer short_batch.npy
    methods_of >rows.batch
    if cmp -s rows.single rows.batch; then ok; else not_ok "tokens of a batch are rows"; fi
    gives "CSV" 0 "$snnk" compress $layer nx.csv --separator ';' --decimal , --no-header
    methods_of >rows.csv
    if cmp -s rows.single rows.csv; then ok; else not_ok "rows of CSV"; fi
    gives "CSV that is none" 2 "$snnk" compress $layer nx.npy --separator ';'
    has "CSV that is none" err 'nx\.npy is not CSV'
}

# ---- Options that have no use here ----
# shellcheck disable=SC2086
{
    for bad in "--epochs 3" "--rate 0.1" "--tier random --linear 2" "--keep linear" "--task classification" \
        "--transposed --orientation inputs-by-outputs" "--orientation sideways" "--keep nothing --save none.st" \
        "--task guess --save none.st" "--layer w2" "--write-back teacher.st" "--write-back none.st --save none.st"; do
        gives "compress, $bad" 2 "$snnk" compress $block --inputs x.npy $bad
        one_line "compress, $bad" err
    done
    for bad in "--features 3" "--error 0.1" "--targets ny.npy" "--plot none.png" "--keep int8 --save none.st"; do
        gives "a network with $bad" 2 "$snnk" compress net.st $net --inputs nx.npy $bad
        one_line "a network with $bad" err
    done
    for bad in "--orientation inputs-by-outputs" "--write-back none.st"; do
        gives "a model with $bad" 2 "$snnk" compress student.st --inputs x.npy $bad
        one_line "a model with $bad" err
    done
    gives "no layers" 2 "$snnk" compress net.st --inputs nx.npy
    has "no layers" err '^snnk compress: --layer W,BIAS,ACTIVATION is missing'
    gives "a layer without a name" 2 "$snnk" compress net.st --layer ,b1 --inputs nx.npy
    gives "a layer of no activation" 2 "$snnk" compress net.st --layer dense_0/kernel,,swish --inputs nx.npy
    has "a layer of no activation" err "'swish' is not the name of an activation"
    gives "an activation in place of a bias" 1 "$snnk" compress net.st --layer dense_0/kernel,relu --inputs nx.npy
    has "an activation in place of a bias" err 'use --layer dense_0/kernel,,relu'
    if [ -e none.st ]; then not_ok "refused, but written"; else ok; fi
}

# ---- Quantize: a student of 6 -> 4 with 3 features ----
# shellcheck disable=SC2086
gives "a student" 0 "$snnk" compress $block --inputs x.npy --features 3 --ridge 0 --save student.st
for command in bundle quantize; do
    gives "$command --help" 0 "$snnk" $command --help
    has "$command --help has an example" out "^  \\$ snnk $command "
    has "$command --help documents exit statuses" out '^Exit status:$'
    gives "$command without arguments" 2 "$snnk" $command
    gives "$command without a result" 2 "$snnk" $command student.st --storage bf16
    one_line "$command without a result" err
    gives "$command over its rows" 2 "$snnk" $command student.st --test x.npy --save x.npy $([ $command = bundle ] || echo --storage bf16)
    one_line "$command over its rows" err
    gives "$command with words for rows" 1 "$snnk" $command student.st --test words_first.csv --save none.st $([ $command = bundle ] || echo --storage bf16)
    gives "$command with other rows" 1 "$snnk" $command student.st --test narrow.npy --save none.st $([ $command = bundle ] || echo --storage bf16)
    has "$command with other rows" err 'narrow\.npy has 5 input columns, but the model has 6 inputs'
    gives "$command with CSV options" 2 "$snnk" $command student.st --decimal , --save none.st $([ $command = bundle ] || echo --storage bf16)
    if [ -e none.st ]; then not_ok "$command: refused, but written"; else ok; fi
done
gives "quantize without a storage" 2 "$snnk" quantize student.st --save none.st
gives "quantize to what is not there" 2 "$snnk" quantize student.st --storage int4 --save none.st
has "quantize to what is not there" err "'int4' is not f32, bf16, int8 or bf16x3"
# G of 3 x 6 and Psi of 4 x 3 in 2 bytes; in 1 byte with a scale a row. Offsets and bias stay: 4 bytes.
gives "bf16" 0 "$snnk" quantize student.st --storage bf16 --test x.npy --save half.st --json
json "bf16" "j['bytes_before'] == 148 and j['bytes'] == 2 * 30 + 28 and j['storage'] == 'bf16' and j['rows'] == 600 and 0 < j['relative_error'] < 2 ** -7 and j['model'] == 'half.st'"
cp out comparison
gives "int8" 0 "$snnk" quantize student.st --storage int8 --save eighth.st --json
json "int8" "j['bytes'] == 30 + 4 * 7 + 28 and 'relative_error' not in j"
gives "bf16x3" 0 "$snnk" quantize student.st --storage bf16x3 --test x.npy --save pairs.st --json
json "bf16x3" "j['bytes'] == 148 and j['storage'] == 'bf16x3' and 0 < j['relative_error'] < 2 ** -14"
gives "bf16x3, saved" 0 "$snnk" quantize pairs.st --storage bf16x3 --test x.npy --json
json "bf16x3, saved" "j['relative_error'] == 0"
gives "bf16x3, saved" 0 "$snnk" info pairs.st --json
json "bf16x3, saved" "j['notes']['storage'] == 'bf16x3'"
gives "no storage" 0 "$snnk" quantize student.st --storage f32 --test-inputs x.npy --json
json "no storage" "j['bytes'] == 148 and j['relative_error'] == 0 and 'model' not in j"
# The file has weights with 16 bits that are left, rounded to nearest; a prediction uses them.
cat >check_bf16.py <<'PYTHON'
import json, struct
def read(path, name):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    a, b = json.loads(data[8:8 + n])[name]["data_offsets"]
    return struct.unpack("<%dI" % ((b - a) // 4), data[8 + n + a:8 + n + b])
for before, after in zip(read("student.st", "layers.0.psi"), read("half.st", "layers.0.psi")):
    assert after == (before + 0x7fff + (before >> 16 & 1)) & 0xffff0000, (before, after)
PYTHON
gives "rounded to bf16" 0 python3 check_bf16.py
for model in student half; do gives "predict" 0 "$snnk" predict $model.st x.npy --json && cp out $model.out; done
cat >check_difference.py <<'PYTHON'
import json
Y, Z = ([v for row in json.load(open(name + ".out"))["values"] for v in row] for name in ("student", "half"))
squares = sum(v * v for v in Y)
error = (sum((a - b) ** 2 for a, b in zip(Y, Z)) / squares) ** 0.5
largest = max(abs(a - b) for a, b in zip(Y, Z)) / (squares / len(Y)) ** 0.5
reported = json.load(open("comparison"))
for mine, theirs in (error, reported["relative_error"]), (largest, reported["largest_error"]):
    assert abs(mine - theirs) < 1e-3 * mine, (mine, theirs)
PYTHON
gives "what predict gives is what was compared" 0 python3 check_difference.py
gives "a quantized model" 0 "$snnk" info half.st --json
json "a quantized model" "j['notes']['storage'] == 'bf16'"
gives "float again" 0 "$snnk" quantize half.st --storage f32 --save again.st --json
gives "float again" 0 "$snnk" info again.st --json
json "float again" "'storage' not in j['notes']"

# ---- Bundle: 6 -> 4 -> 3 with 3 and m features ----
python3 - <<'PYTHON'
import json, struct
data = open("teacher.st", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
def tensor(name):
    a, b = head[name]["data_offsets"]
    return head[name]["shape"], data[8 + n + a:8 + n + b]
parts = {k: tensor(k) for k in ("w1", "b1", "w2", "b2")}
shape, high = tensor("w2") # 4 x 24: as 24 -> 4 inputs x outputs of the third layer
parts["w3"] = shape, high
parts["w4"] = [24, 6], tensor("wide")[1]
made, body = {"__metadata__": {"note.task": "classification", "note.classes": '["a","b","c","d","e","f"]'}}, b""
for name, (shape, part) in parts.items():
    made[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(part)]}
    body += part
text = json.dumps(made).encode()
open("deep.st", "wb").write(struct.pack("<Q", len(text)) + text + body)
PYTHON
gives "a network of students" 0 "$snnk" compress deep.st --layer w1,b1,relu --layer w2,b2 --layer w3,,tanh --layer w4 \
    --inputs x.npy --share 0.5 --save deep.small --json
json "a network of students" "[p['outcome'] for p in j['parts']] == ['replaced', 'replaced'] and [m['orientation'] for m in j['layers']] == ['outputs-by-inputs'] * 2 + ['inputs-by-outputs'] * 2"
gives "bundle" 0 "$snnk" bundle deep.small --test x.npy --save deep.bundled --json
cp out bundle.json
gives "bundle" 0 "$snnk" info deep.small --json
# From m to k features with l = 4 between them: 4 m + 4 k multiply-adds become m k.
json "bundle" "(lambda m, k, b: b['before']['multiply_adds'] == 10 * m + 10 * k and b['after']['multiply_adds'] == 6 * m + m * k + 6 * k and b['after']['layers'] == 2)(j['layers'][0]['features'], j['layers'][1]['features'], json.load(open('bundle.json')))"
cp bundle.json out
json "the same outputs" "j['relative_error'] < 1e-5 and j['same_class'] == 1 and j['rows'] == 600 and j['model'] == 'deep.bundled'" # rounding of floats
for model in deep.small deep.bundled; do gives "classes of $model" 0 "$snnk" predict $model x.npy && cp out $model.out; done
if cmp -s deep.small.out deep.bundled.out && [ "$(sort -u deep.small.out | wc -l)" -gt 2 ]; then ok; else not_ok "a bundle predicts the same"; fi
gives "bundle, for people" 0 "$snnk" bundle deep.small --test x.npy --layers 1-1
has "bundle, for people" out '^before +2 '
has "bundle, for people" out '^Bundling does not pay here'
has "bundle, for people" out '600 of 600 rows \(100\.00 %\) are predicted as the same class$'
gives "a layer that is not there" 1 "$snnk" bundle deep.small --layers 0-2 --save none.st
has "a layer that is not there" err 'deep\.small has the layers 0 to 1'
for bad in 1-0 x 0-x -1 ""; do gives "layers $bad" 2 "$snnk" bundle deep.small --layers "$bad" --save none.st; done
gives "a quantized model, bundled" 0 "$snnk" quantize deep.small --storage bf16 --save deep.half --quiet
gives "a quantized model, bundled" 0 "$snnk" bundle deep.half --save deep.bundled --json
json "a quantized model, bundled" "j['after']['bytes'] == 4 * j['after']['parameters'] and j['before']['bytes'] < 4 * j['before']['parameters']"
gives "a quantized model, bundled" 0 "$snnk" info deep.bundled --json
json "a quantized model, bundled" "'storage' not in j['notes'] and j['notes']['task'] == 'classification'"

says=refining
gives "a bar of epochs" 0 bar compress teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy \
    --features 6 --tier refined --epochs 2 --json
# Cancelled: nothing is written. A block of 128 -> 512 -> 128, for which tier selected takes seconds.
python3 - <<'PYTHON'
import json, random, struct
random.seed(1)
def halves(n): # F16 in 2^-4 <= |w| < 2^-3
    numbers = bytearray(2 * n)
    numbers[0::2] = random.randbytes(n)
    numbers[1::2] = random.randbytes(n).translate(bytes(b & 0x80 | 0x2C | b & 3 for b in range(256)))
    return bytes(numbers)
head, data = {}, b""
for name, shape in ("w1", [512, 128]), ("w2", [128, 512]):
    part = halves(shape[0] * shape[1])
    head[name] = {"dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
    data += part
text = json.dumps(head).encode()
open("large.st", "wb").write(struct.pack("<Q", len(text)) + text + data)
header = "{'descr': '|i1', 'fortran_order': False, 'shape': (60000, 128), }"
with open("large.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n" + random.randbytes(60000 * 128))
PYTHON
# stopped WHILE OPTION...: SIGINT as soon as the bar WHILE has moved; must exit with status 130 soon after.
stopped() {
    while=$1
    shift
    cp student.st kept.st
    while=$while python3 - "$snnk" compress "$@" --save kept.st <<'PYTHON' >status 2>err
import os, pty, re, signal, subprocess, sys, time
terminal, child = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=child,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(child)
seen, moved, since = b"", re.compile(os.environ["while"].encode() + rb" +\[#* *\] +[1-9]\d* %"), 0
try:
    while part := os.read(terminal, 4096):
        seen += part
        if since == 0 and moved.search(seen):
            p.send_signal(signal.SIGINT)
            since = time.monotonic()
except OSError:  # the other end is closed
    pass
took = time.monotonic() - since
print(p.wait() if took < 1 else "late: %.1f s" % took)
sys.stderr.write(seen.decode().split("\033[K")[-1].replace("\r", ""))
PYTHON
    if [ "$(cat status)" = 130 ]; then ok; else not_ok "cancelled while $while: status $(cat status)"; fi
    has "cancelled while $while" err '^snnk compress: cancelled$'
    if cmp -s student.st kept.st; then ok; else not_ok "cancelled while $while: the model changed"; fi
    if ls | grep -qE 'kept\.st\.|\.part$'; then not_ok "cancelled while $while: a temporary file is left"; else ok; fi
}
large="large.st --weight w1 --activation relu --then w2 --inputs large.npy --threads 1"
# shellcheck disable=SC2086
{
    stopped reading $large
    stopped preparing $large
    stopped sizes $large --error 0.001
    stopped choosing $large --features 100
    stopped compressing large.st --layer w1,,relu --layer w2,,tanh --inputs large.npy --threads 1
    stopped refining teacher.st --weight wide --bias b1 --activation relu --then w2 --inputs x.npy --features 6 \
        --tier refined --epochs 100000
}

report cli_compress
