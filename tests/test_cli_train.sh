#!/bin/sh
# Tests of snnk train. test_cli_train.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data ----
python3 - <<'PYTHON'
import json, math, struct
state = 7
def draw():  # uniform in -1 ... 1
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    return (state >> 33) / 2 ** 30 - 1
def npy(path, rows):
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n")
        for row in rows: f.write(struct.pack("<%dd" % len(row), *row))
# Three arms of a spiral: no line separates them. The columns have other means and units.
def spiral(path, n, names=("one", "two", "three")):
    with open(path, "w") as f:
        print("u,v,arm", file=f)
        for i in range(n):
            r = 0.5 + 1.5 * (draw() + 1)
            angle = 1.2 * r + i % 3 * 2 * math.pi / 3 + 0.1 * draw()
            print("%.6f,%.6f,%s" % (500 + r * math.cos(angle), 0.01 * r * math.sin(angle), names[i % 3]), file=f)
spiral("arms.csv", 600)
spiral("arms_test.csv", 600)
spiral("fourth.csv", 60, ("one", "two", "four"))
# A target without noise, in units of its own: y = 5000 + 300 (sin 3a + b c + [colour is red])
def smooth(path, n, gaps=False):
    with open(path, "w") as f:
        print("a,b,c,colour,y", file=f)
        for i in range(n):
            a, b, c, colour = draw(), draw(), draw(), ("red", "green", "blue")[i % 3]
            y = 5000 + 300 * (math.sin(3 * a) + b * c + (colour == "red"))
            print("%s,%.6f,%.6f,%s,%.6f" % ("" if gaps and i % 10 == 3 else "%.6f" % a, b, c, colour, y), file=f)
smooth("smooth.csv", 800)
smooth("smooth_test.csv", 400)
smooth("gaps.csv", 200, True)
# Two targets, as arrays
X = [[draw(), 1e4 * draw() + 3e4] for _ in range(500)]
Y = [[x[0] * (x[1] - 3e4) / 1e4 + 7, math.cos(2 * x[0])] for x in X]
npy("x.npy", X)
npy("y.npy", Y)
npy("y1.npy", [[y[0]] for y in Y])
npy("x_nan.npy", X[:17] + [[math.nan, 0]] + X[18:])
npy("x_far.npy", [[x[0] + 1e9, x[1]] for x in X])
npy("y_far.npy", [[1e9 + y[1]] for y in Y])
# Images of 3 x 3 bytes, of two classes: which diagonal is bright
with open("images.idx", "wb") as f, open("labels.idx", "wb") as g:
    f.write(struct.pack(">IIII", 0x803, 300, 3, 3))
    g.write(struct.pack(">II", 0x801, 300))
    for i in range(300):
        bright = (0, 4, 8) if i % 2 else (2, 4, 6)
        f.write(bytes(int(100 + 40 * draw() + (60 if k in bright else 0)) for k in range(9)))
        g.write(bytes([i % 2]))
# Rows that are there twice, in groups of 20, and some of weight 0
with open("copies.csv", "w") as f:
    print("p,q,person,counts,y", file=f)
    for i in range(400):
        p, q = draw(), draw()
        for _ in range(2): print("%.6f,%.6f,%d,%d,%.6f" % (p, q, i // 10, i % 4 > 0, p * q), file=f)
# A trained layer of 12 neurons, of which 4 differ, and one after it
G = [[draw() for _ in range(5)] for _ in range(4)]
w1 = [[(0.5 + i % 3) * v for v in G[i % 4]] for i in range(12)]
w2 = [[draw() for _ in range(12)] for _ in range(3)]
data = struct.pack("<60f", *sum(w1, [])) + struct.pack("<36f", *sum(w2, []))
text = json.dumps({"w1": {"dtype": "F32", "shape": [12, 5], "data_offsets": [0, 240]},
                   "w2": {"dtype": "F32", "shape": [3, 12], "data_offsets": [240, 384]}}).encode()
open("teacher.st", "wb").write(struct.pack("<Q", len(text)) + text + data)
T = [[draw() for _ in range(5)] for _ in range(400)]
npy("t.npy", T)
npy("ty.npy", [[sum(w * max(0, sum(a * b for a, b in zip(v, x))) for w, v in zip(row, w1)) for row in w2] for x in T])
PYTHON
arms="--train arms.csv --test arms_test.csv"

# ---- Help ----
gives "help" 0 "$snnk" train --help
has "help" out '^  \$ snnk train '
gives "help of all" 0 "$snnk" --help
has "help lists train" out '^  train '

# ---- Classes: the arms of a spiral. A linear network cannot tell them apart ----
# shellcheck disable=SC2086
{
    gives "linear" 0 "$snnk" train $arms --layers dense --json
    json "linear" 'j["test"]["accuracy"] < 0.75 and j["parameters"] == 9'
    gives "arms" 0 "$snnk" train $arms --save arms.st --plot curve.png --json
}
json "arms" 'j["test"]["accuracy"] > 0.97 and j["accuracy"] > 0.95 and j["test"]["rows"] == 600'
json "keys" 'set("parameters trained_parameters epochs steps best_epoch seconds loss heldout_loss first_loss accuracy"
    " first_accuracy stopped solved optimizer rate layers test curve train_rows heldout_rows inputs batch loss_function"
    " task classes model plot plot_data seed threads scaling uncertainty".split()) <= set(j)'
# rows 256 x 2, offsets 256, Psi 3 x 256, bias 3
json "numbers" 'j["parameters"] == j["trained_parameters"] == 256 * 2 + 256 + 3 * 256 + 3'
json "rows" 'j["train_rows"] + j["heldout_rows"] == 600 and 30 <= j["heldout_rows"] <= 90'
json "steps" 'j["steps"] == j["epochs"] * -(-j["train_rows"] // j["batch"]) and j["steps"] >= 2000'
json "the curve" '[c["epoch"] for c in j["curve"]] == list(range(1, j["epochs"] + 1))'
json "the best epoch" '(j["heldout_loss"] == min(c["heldout_loss"] for c in j["curve"])
    == j["curve"][j["best_epoch"] - 1]["heldout_loss"] < j["first_loss"])'
json "its accuracy" 'abs(j["accuracy"] - j["curve"][j["best_epoch"] - 1]["accuracy"]) < 1e-9'
json "the last loss" 'j["loss"] == j["curve"][-1]["loss"]'
json "settings" '(j["layers"] == "snnk:relu:256 -> 3" and j["optimizer"] == "adam" and j["rate"] == 0.02
    and j["loss_function"] == "cross-entropy" and j["scaling"] == "standardize" and j["uncertainty"])'
if [ "$(head -c 4 curve.png | tail -c 3)" = PNG ]; then ok; else not_ok "the plot is no PNG"; fi
has "the numbers of the plot" curve.csv '^epoch,loss,heldout_loss,accuracy,rate$'
epochs=$(python3 -c 'import json; print(json.load(open("out"))["epochs"])')
if [ "$(wc -l <curve.csv)" = $((epochs + 1)) ]; then ok; else not_ok "the plot: a line for each epoch"; fi
accuracy=$(python3 -c 'import json; print(json.load(open("out"))["test"]["accuracy"])')

# The model is one like any other.
gives "eval" 0 "$snnk" eval arms.st --test arms_test.csv --json
json "eval" "abs(j['accuracy'] - $accuracy) < 1e-12 and j['classes'] == ['one', 'three', 'two'] and j['log_loss'] < 0.15"
gives "predict" 0 "$snnk" predict arms.st arms_test.csv --probabilities
has "predict" out '^class,one,three,two$'
gives "info" 0 "$snnk" info arms.st
has "info" out '^note +training: snnk:relu:256 -> 3; rows of features learn, loss cross-entropy, adam'
gives "quantize" 0 "$snnk" quantize arms.st --storage int8 --save arms8.st
gives "quantize" 0 "$snnk" eval arms8.st --test arms_test.csv --json
json "quantize" "j['accuracy'] > $accuracy - 0.02"

# The same call gives the same file, with any number of threads; another seed another one.
for threads in 1 2; do
    gives "again" 0 "$snnk" train --train arms.csv --save again.st --threads $threads --epochs 5
    if [ $threads = 1 ]; then cp again.st first.st; fi
done
if cmp -s first.st again.st; then ok; else not_ok "two threads: another model"; fi
gives "another seed" 0 "$snnk" train --train arms.csv --save again.st --epochs 5 --seed 1
if cmp -s first.st again.st; then not_ok "another seed: the same model"; else ok; fi

# ---- Numbers, words, units ----
gives "linear" 0 "$snnk" train --train smooth.csv --test smooth_test.csv --layers dense --json
json "linear" 'j["test"]["r2"] < 0.9'
# There is no noise, so what is left is the network's own error.
gives "smooth" 0 "$snnk" train --train smooth.csv --test smooth_test.csv --save smooth.st --json
json "smooth" 'j["test"]["r2"] > 0.98 and j["r2"] > 0.98 and j["inputs"] == 6 and j["rmse"] < 60'
r2=$(python3 -c 'import json; print(json.load(open("out"))["test"]["r2"])')
gives "smooth, eval" 0 "$snnk" eval smooth.st --test smooth_test.csv --json
json "smooth, eval" "abs(j['r2'] - $r2) < 1e-12 and 0.8 < j['coverage'] < 0.98"
gives "smooth, intervals" 0 "$snnk" predict smooth.st smooth_test.csv --interval 0.9
# The default rate suits every unit: the loss is that of targets in standard deviations.
awk -F, 'NR == 1 { print } NR > 1 { printf "%s,%s,%s,%s,%.9g\n", $1, $2, $3, $4, 1e-9 * $5 }' smooth.csv >small.csv
gives "small units" 0 "$snnk" train --train small.csv --json
json "small units" 'j["r2"] > 0.98'
gives "several layers" 0 "$snnk" train --train smooth.csv --test smooth_test.csv --save deep.st --json \
    --layers " snnk : gelu : 32->16 ,dense:relu:12,  dense "
json "several layers" 'j["layers"] == "snnk:gelu:32 -> 16, dense:relu:12, dense:identity:1" and j["test"]["r2"] > 0.95'
json "several layers, numbers" 'j["parameters"] == 32 * 6 + 32 + 16 * 32 + 16 + 12 * 16 + 12 + 12 + 1'
gives "bundle" 0 "$snnk" bundle deep.st --save bundled.st
"$snnk" predict deep.st smooth_test.csv >deep.txt
"$snnk" predict bundled.st smooth_test.csv >bundled.txt
if paste deep.txt bundled.txt | awk 'NR > 1 && ($1 - $2 > .05 || $2 - $1 > .05) { exit 1 }'; then ok; else
    not_ok "bundle: other predictions"
fi
for kind in gaussian arc-cosine; do
    gives "$kind" 0 "$snnk" train --train smooth.csv --layers "snnk:$kind:128" --json
    json "$kind" 'j["r2"] > 0.95'
done
gives "missing values" 0 "$snnk" train --train gaps.csv --epochs 20 --save gaps.st
gives "missing values" 0 "$snnk" eval gaps.st --test gaps.csv

# ---- Arrays: the scaling of inputs becomes a part of the first layer ----
for layers in snnk:tanh:128 "dense:tanh:32, dense"; do
    gives "arrays, $layers" 0 "$snnk" train --train-inputs x.npy --train-targets y.npy --layers "$layers" --save xy.st --json
    json "arrays, $layers" 'j["r2"] > 0.97 and j["scaling"] == "standardize"'
    gives "arrays, $layers" 0 "$snnk" eval xy.st --test-inputs x.npy --test-targets y.npy --json
    json "arrays, $layers" 'j["r2"] > 0.97'
done
gives "images" 0 "$snnk" train --train-images images.idx --train-labels labels.idx --save images.st --json
json "images" 'j["accuracy"] > 0.9 and j["scaling"] == "common"'
gives "images" 0 "$snnk" eval images.st --test-images images.idx --test-labels labels.idx --json
json "images" 'j["accuracy"] > 0.95'

# ---- Held-out rows: copies and groups stay together, rows of weight 0 are left out ----
gives "copies" 0 "$snnk" train --train copies.csv --drop person,counts --epochs 1 --json
json "copies" 'j["heldout_rows"] % 2 == 0 and 40 <= j["heldout_rows"] <= 120'
gives "groups" 0 "$snnk" train --train copies.csv --group person --drop counts --epochs 1 --json
json "groups" 'j["heldout_rows"] % 20 == 0 and 0 < j["heldout_rows"] <= 200'
gives "weights" 0 "$snnk" train --train copies.csv --weights counts --drop person --epochs 1 --json
json "weights" 'j["heldout_rows"] + j["train_rows"] == 600'
gives "none held out" 0 "$snnk" train --train arms.csv --heldout 0 --epochs 2 --json
json "none held out" 'j["heldout_rows"] == 0 and j["heldout_loss"] is None and j["best_epoch"] == 2 and not j["uncertainty"]'

# ---- Settings ----
# Which accuracy is weighted is said; that of the table is not.
gives "balance" 0 "$snnk" train --train arms.csv --balance --epochs 2
has "balance" out '^held-out +accuracy 0\.[0-9]+ on [0-9]+ rows, all classes counting the same;$'
has "balance, unweighted" out '^ +0\.[0-9]+ if each row counts once, as in the table$'
if python3 - <<'PYTHON'; then ok; else not_ok "balance: the table has another accuracy"; fi
import re
text = open("out").read()
table = re.search(r"epoch \d+ +\S+ +\S+ +(\S+)  kept", text)[1]
once = re.search(r"(\S+) if each row counts once", text)[1]
assert abs(float(table) - float(once)) < 1e-4
PYTHON
gives "L-BFGS" 0 "$snnk" train --train arms.csv --layers snnk:tanh:24 --optimizer lbfgs --json
json "L-BFGS" 'j["accuracy"] > 0.95 and j["epochs"] == 200'
gives "SGD" 0 "$snnk" train --train smooth.csv --optimizer sgd --json
json "SGD" 'j["r2"] > 0.9 and j["rate"] == 0.01'
gives "patience" 0 "$snnk" train --train smooth.csv --schedule constant --patience 3 --epochs 400 --json
json "patience" 'j["stopped"] and j["epochs"] == j["best_epoch"] + 3'
gives "solve" 0 "$snnk" train --train smooth.csv --solve end --epochs 3 --json
json "solve" 'j["solved"] and j["heldout_loss"] < min(c["heldout_loss"] for c in j["curve"])'
gives "solve, classes" 0 "$snnk" train --train arms.csv --solve end --loss squared --epochs 3 --json
json "solve, classes" 'j["solved"] and j["loss_function"] == "squared"'
for loss in huber cosine; do
    gives "$loss" 0 "$snnk" train --train arms.csv --loss $loss --json
    json "$loss" 'j["accuracy"] > 0.95'
done

# ---- Going on from a model ----
gives "fit" 0 "$snnk" fit --train arms.csv --m 48 --save fitted.st
for rows in fixed learn; do
    gives "from a fit, $rows" 0 "$snnk" train --train arms.csv --model fitted.st --rows $rows --save further.st --json
    json "from a fit, $rows" 'j["heldout_loss"] <= j["first_loss"] and j["loss_function"] == "squared" and j["start"] == "fitted.st"'
    gives "from a fit, $rows" 0 "$snnk" eval further.st --test arms_test.csv --json
    json "from a fit, $rows" 'j["accuracy"] > 0.95'
done
# A rate that is far too large: no epoch is better, and the model stays as it was.
gives "never worse" 0 "$snnk" train --train smooth.csv --model smooth.st --rate 1000 --epochs 3 --save further.st --json
json "never worse" 'j["best_epoch"] == 0 and j["heldout_loss"] == j["first_loss"] and j["uncertainty"]'
tensors smooth.st >before
tensors further.st >after
if cmp -s before after; then ok; else not_ok "never worse: the model changed"; fi
gives "never worse, in words" 0 "$snnk" train --train smooth.csv --model smooth.st --rate 1000 --epochs 3
has "never worse, in words" out 'no epoch was better than the model'
# The same rows are held out again.
gives "the same rows" 0 "$snnk" train --train-images images.idx --train-labels labels.idx --epochs 3 --save again.st --json
loss=$(python3 -c 'import json; print(json.load(open("out"))["heldout_loss"])')
gives "the same rows" 0 "$snnk" train --train-images images.idx --train-labels labels.idx --model again.st --epochs 1 --json
json "the same rows" "abs(j['first_loss'] / $loss - 1) < 1e-3"
gives "begun" 0 "$snnk" train --train smooth.csv --layers " snnk : gelu : 32->16 ,dense:relu:12,  dense " --epochs 1 --save begun.st
gives "frozen" 0 "$snnk" train --train smooth.csv --model begun.st --rows learn --freeze 0,1 --epochs 20 --save further.st
tensors begun.st | grep '^layers' >before
tensors further.st | grep '^layers' >after
if [ "$(grep -v '^layers.2' before)" = "$(grep -v '^layers.2' after)" ] &&
    [ "$(grep '^layers.2' before)" != "$(grep '^layers.2' after)" ]; then ok; else not_ok "frozen layers"; fi
# What is said of the rows of features
gives "rows learn" 0 "$snnk" train --train smooth.csv --layers "snnk:relu:8 -> 4, dense" --epochs 1
has "rows learn" out '^numbers .* \(rows of features too\)$'
gives "rows are frozen" 0 "$snnk" train --train smooth.csv --layers "snnk:relu:8 -> 4, dense" --epochs 1 --freeze 0 --save frozen.st
has "rows are frozen" out '^numbers .* \(rows of features are fixed\)$'
has "rows are frozen" out '^frozen +layer 0$'
gives "rows are frozen, in the model" 0 "$snnk" info frozen.st
has "rows are frozen, in the model" out 'rows of features fixed, .*, frozen 0,'
gives "no rows" 0 "$snnk" train --train smooth.csv --layers "dense:relu:4, dense" --epochs 1
has "no rows" out '^numbers +[0-9]+ stored, [0-9]+ of them learned$'
# A trained model has no statistics.
for command in update forget; do
    gives "$command" 1 "$snnk" $command frozen.st --train smooth.csv --save refused.st
    one_line "$command" err
    has "$command" err "^snnk $command: frozen.st was trained by snnk train, .*: snnk train --model frozen.st learns from more rows; "
done
gives "from a bundle" 0 "$snnk" train --train smooth.csv --model bundled.st --epochs 3 --json
json "from a bundle" 'j["heldout_loss"] <= j["first_loss"] < 0.1'
gives "compress" 0 "$snnk" compress teacher.st --layer w1,,relu --layer w2 --inputs t.npy --save compressed.st
gives "from a compressed one" 0 "$snnk" train --train-inputs t.npy --train-targets ty.npy --model compressed.st --json
json "from a compressed one" 'j["heldout_loss"] <= j["first_loss"]'

# ---- What is refused: a sentence each ----
# refused STATUS PATTERN ARGUMENT...: one line on stderr that matches; nothing is written
refused() {
    wanted=$1
    pattern=$2
    shift 2
    rm -f refused.st
    gives "refused: $*" "$wanted" "$snnk" train "$@" --save refused.st
    one_line "refused: $*" err
    has "refused: $*" err "^snnk train: .*$pattern"
    if [ -e refused.st ]; then not_ok "refused: $*: a model was written"; else ok; fi
}
for rate in 0 -1 nan inf x; do refused 2 "'$rate' is not a number above 0" --train arms.csv --rate $rate; done
refused 1 '--batch 600 is more than the 5.. rows to learn from \(.* are held out\)' --train arms.csv --batch 600
refused 2 "'0' is not a whole number" --train arms.csv --epochs 0
refused 2 "'0.6' is not a number from 0 to 0.5" --train arms.csv --heldout 0.6
refused 1 'frozen, so nothing learns' --train arms.csv --freeze 0
refused 1 'the network has 1 layer, counted from 0' --train arms.csv --freeze 1
refused 2 'cross-entropy: add --loss squared' --train arms.csv --solve end
refused 2 'needs --loss squared, not huber' --train arms.csv --solve end --loss huber
refused 1 'needs classes, but this is a regression' --train smooth.csv --loss cross-entropy
refused 1 '--balance needs classes' --train smooth.csv --balance
refused 2 '--rate has no effect with --optimizer lbfgs' --train arms.csv --optimizer lbfgs --rate 1
refused 2 '--huber needs --loss huber' --train arms.csv --huber 1
refused 2 '--patience needs held-out rows' --train arms.csv --heldout 0 --patience 2
refused 2 'use either --layers or --model' --train arms.csv --model arms.st --layers dense
refused 2 '--scaling and --model' --train arms.csv --model arms.st --scaling none
refused 1 'int8 weights, which cannot learn' --train arms.csv --model arms8.st
refused 1 '"four" is not a class' --train fourth.csv --model arms.st
refused 1 'has 1 target columns, but the model needs 2' --train-inputs x.npy --train-targets y1.npy --model xy.st
refused 1 'row 18, column 1: nan is not a finite number' --train-inputs x_nan.npy --train-targets y.npy
refused 1 'x_far.npy: a column is so large' --train-inputs x_far.npy --train-targets y.npy --layers "dense:tanh:8, dense"
refused 1 'y_far.npy: a target is so large' --train-inputs x.npy --train-targets y_far.npy
refused 1 'the loss of step .* is not finite: a smaller rate' --train arms.csv --optimizer sgd --rate 1e20
# Rows of Hadamard products, and atoms of a spectrum, are no numbers of their own.
for model in projection_hd3_rows urf_positive; do
    python3 - "$tests/data/golden/$model.safetensors" "$snnk" <<'PYTHON'
import json, subprocess, sys
j = json.loads(subprocess.check_output([sys.argv[2], "info", sys.argv[1], "--json"]))
with open("wide.csv", "w") as f, open("wide_y.csv", "w") as g:
    print(",".join("x%d" % k for k in range(j["inputs"])), file=f)
    print(",".join("y%d" % k for k in range(j["outputs"])), file=g)
    for i in range(60):
        print(",".join(str((i * (k + 3)) % 17 / 17) for k in range(j["inputs"])), file=f)
        print(",".join(str((i * (k + 5)) % 13 / 13) for k in range(j["outputs"])), file=g)
PYTHON
    wide="--train-inputs wide.csv --train-targets wide_y.csv --model $tests/data/golden/$model.safetensors --epochs 2"
    # shellcheck disable=SC2086
    {
        refused 1 'rows of its [a-z_]* features cannot learn .*: use --rows fixed' $wide --rows learn
        gives "fixed rows of $model" 0 "$snnk" train $wide --json
    }
    json "fixed rows of $model" 'j["heldout_loss"] is None or j["heldout_loss"] <= j["first_loss"]'
done
# shellcheck disable=SC2088
{
    refused 2 'character 6: .rleu. is not gaussian, arc-cosine, relu' --train arms.csv --layers snnk:rleu:8
    refused 2 'character 11: .99999999999. is not a number of features from 1 to 100000000' --train arms.csv \
        --layers snnk:relu:99999999999
    refused 1 'character 1: with 100000000 features of 2 inputs and 1000000 outputs, training takes 4e\+06 GB, but there are' \
        --train arms.csv --layers 'snnk:relu:100000000 -> 1000000, dense'
    refused 1 'character 20: with 1000000 inputs and 10000000 outputs, training takes 4e\+05 GB' \
        --train arms.csv --layers 'dense:relu:1000000,dense:relu:10000000,dense'
    refused 2 'character 11: .0. is not a number of features' --train arms.csv --layers snnk:relu:0
    refused 2 'character 15: .7. is not an even number' --train arms.csv --layers snnk:gaussian:7
    refused 2 'character 16: .y. is not a width' --train arms.csv --layers 'snnk:relu:8 -> y'
    refused 2 'character 13: .;. is not .,. or the end' --train arms.csv --layers 'dense:relu:8; dense'
    refused 2 'at its end: snnk or dense is missing' --train arms.csv --layers 'dense:relu:8,'
    refused 2 'character 1: this layer has no width' --train arms.csv --layers 'snnk:relu:8, dense'
    refused 2 'character 1: this layer has no activation' --train arms.csv --layers 'dense:8, dense'
    refused 1 'character 15: the last layer has the width 10, but the data have 3 classes' --train arms.csv \
        --layers 'dense:relu:8, dense:10'
    refused 1 'the last layer has the width 2, but the data have 1 targets' --train smooth.csv --layers dense:2
}
refused 2 'would overwrite' --train curve.csv --plot curve.png
for ending in pdf svg jpg jpeg gif PDF; do
    refused 2 "--plot curve\\.$ending: it draws PNG, not .*: end the name in .png" --train arms.csv --plot curve.$ending
done
gives "an unknown option" 2 "$snnk" train --train arms.csv --ridge 1
gives "no data" 2 "$snnk" train
gives "a model over its data" 2 "$snnk" train --train arms.csv --save arms.csv

# ---- Progress and Ctrl-C ----
says="epoch 3 of 20, held-out loss" bar train --train arms.csv --epochs 20
gives "a bar on a terminal" 0 test $? = 0
cp arms.st kept.st
python3 - "$snnk" <<'PYTHON' >status 2>err
import os, pty, signal, subprocess, sys, time
terminal, child = pty.openpty()
p = subprocess.Popen([sys.argv[1], "train", "--train", "arms.csv", "--epochs", "1000000", "--save", "kept.st",
                      "--plot", "kept.png"], stdout=subprocess.DEVNULL, stderr=child,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(child)
seen, since = b"", 0
try:
    while part := os.read(terminal, 4096):
        seen += part
        if since == 0 and b"epoch 3 of" in seen:
            p.send_signal(signal.SIGINT)
            since = time.monotonic()
except OSError:  # the other end is closed
    pass
took = time.monotonic() - since
print(p.wait() if took < 1 else "late: %.1f s" % took)
sys.stderr.write(seen.decode().split("\033[K")[-1].replace("\r", ""))
PYTHON
if [ "$(cat status)" = 130 ]; then ok; else not_ok "cancelled: status $(cat status)"; fi
has "cancelled" err '^snnk train: cancelled after [0-9]+ epochs: nothing was saved. With --checkpoint FILE, the same command with'
if cmp -s arms.st kept.st; then ok; else not_ok "cancelled: the model changed"; fi
# shellcheck disable=SC2010
if ls -A | grep -qE '\.tmp$|\.part$|kept\.(png|csv)$'; then not_ok "cancelled: a file is left"; else ok; fi

# ---- Checkpoints: the same model, byte for byte, as if nothing had happened ----
# interrupted ARGUMENT...: SIGINT in epoch 4; the checkpoint has three epochs at least
interrupted() {
    python3 - "$snnk" train "$@" --checkpoint check.st --save part.st <<'PYTHON' >status 2>err
import os, pty, signal, subprocess, sys
terminal, child = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=child,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(child)
seen, sent = b"", False
try:
    while part := os.read(terminal, 4096):
        seen += part
        if not sent and b"epoch 4 of" in seen:
            p.send_signal(signal.SIGINT)
            sent = True
except OSError:  # the other end is closed
    pass
print(p.wait())
sys.stderr.write(seen.decode().split("\033[K")[-1].replace("\r", ""))
PYTHON
}
for layers in snnk:relu:256 "snnk:gelu:32 -> 16, dense"; do
    for data in arms smooth; do
        rm -f check.st part.st
        gives "whole $data" 0 "$snnk" train --train $data.csv --layers "$layers" --save whole.st
        interrupted --train $data.csv --layers "$layers"
        if [ "$(cat status)" = 130 ]; then ok; else not_ok "interrupted $data: status $(cat status)"; fi
        has "interrupted $data" err \
            'cancelled after ([0-9]+) epochs: check.st has \1 of them, and the same command with --resume check.st goes on$'
        if [ -e part.st ]; then not_ok "interrupted $data: a model was written"; else ok; fi
        gives "resumed $data" 0 "$snnk" train --train $data.csv --layers "$layers" --resume check.st --save part.st \
            --threads 1 --checkpoint check.st --json
        json "resumed $data" '3 <= j["resumed_epochs"] < j["epochs"] == len(j["curve"])'
        if cmp -s whole.st part.st; then ok; else not_ok "resumed $data: another model"; fi
    done
done
# The checkpoint of the end gives the same model again.
gives "resumed at the end" 0 "$snnk" train --train smooth.csv --layers "snnk:gelu:32 -> 16, dense" --resume check.st --save part.st --json
json "resumed at the end" 'j["resumed_epochs"] == j["epochs"]'
if cmp -s whole.st part.st; then ok; else not_ok "resumed at the end: another model"; fi
# From a model, with rates and a solution at the end
further="--train smooth.csv --model smooth.st --rows learn --solve end --rate 0.005 --weight-decay 0.001 --clip 1"
# shellcheck disable=SC2086
{
    gives "whole, from a model" 0 "$snnk" train $further --save whole.st
    interrupted $further
    gives "resumed, from a model" 0 "$snnk" train $further --resume check.st --save part.st
}
if cmp -s whole.st part.st; then ok; else not_ok "resumed, from a model: another model"; fi
# Other settings, data, start
# shellcheck disable=SC2086
{
    refused 1 'made with "clip 1", but now it is "clip 2"' --train smooth.csv --model smooth.st --rows learn --solve end \
        --rate 0.005 --weight-decay 0.001 --clip 2 --resume check.st
    refused 1 'made with "rate 0.005", but now it is "rate 0.002"' --train smooth.csv --model smooth.st --rows learn \
        --solve end --resume check.st
}
gives "another model" 0 "$snnk" train --train smooth.csv --seed 5 --save other.st
refused 1 'check.st is a checkpoint of other rows, or of another model' --train smooth.csv --model other.st --rows learn \
    --solve end --rate 0.005 --weight-decay 0.001 --clip 1 --resume check.st
awk -F, 'BEGIN { OFS = "," } NR == 5 { $5 += 1 } { print }' smooth.csv >changed.csv
refused 1 'check.st is a checkpoint of other rows' --train changed.csv --model smooth.st --rows learn \
    --solve end --rate 0.005 --weight-decay 0.001 --clip 1 --resume check.st
refused 1 'smooth.st is not a checkpoint' --train smooth.csv --resume smooth.st
refused 1 'arms.csv: not a safetensors file' --train arms.csv --resume arms.csv
refused 2 'would overwrite the checkpoint' --train arms.csv --resume refused.st
head -c 5000 check.st >cut.st
# shellcheck disable=SC2086
refused 1 'cut.st' $further --resume cut.st
# The network of a checkpoint takes and gives scaled numbers: other commands refuse it.
for call in "predict check.st smooth.csv" "eval check.st --test smooth.csv" "quantize check.st --storage int8 --save q.st" \
    "bundle check.st --save q.st" "fit --train smooth.csv --like check.st" "train --train smooth.csv --model check.st" \
    "compress check.st --inputs x.npy --save q.st"; do
    # shellcheck disable=SC2086
    gives "$call" 1 "$snnk" $call
    has "$call" err 'check.st is a checkpoint: snnk train --resume makes a model of it'
done
gives "info of a checkpoint" 0 "$snnk" info check.st

report cli_train
