#!/bin/sh
# Tests of snnk fit --leaves. test_cli_leaves.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: the slope changes its sign at 0, and the noise is 0 ----
python3 - <<'PYTHON'
import random
r = random.Random(1)
def write(name, n):
    with open(name + ".csv", "w") as f, open(name + "_kind.csv", "w") as g:
        print("a,b,c,city,y", file=f)
        print("a,b,c,city,kind", file=g)
        for i in range(n):
            a, b, c = (r.gauss(0, 1) for k in range(3))
            city = r.choice(["Rome", "Oslo"])
            y = 5 * a + (b if a > 0 else -b) + (city == "Rome")
            x = "%.4f,%.4f,%.4f,%s" % (a, b, c, city)
            print(x, "%.4f" % y, sep=",", file=f)
            print(x, "high" if y > 0 else "low", sep=",", file=g)
write("train", 3000), write("test", 500)
PYTHON

common="--train train.csv --test test.csv --target y --m 64"
gives "tree" 0 "$snnk" fit $common --leaves 1000 --save m.st --json
json "tree" "j['leaves'] == 4 and j['depth'] == 2 and j['m'] == 64 and j['train_rows'] == 3000"
json "rows" "700 < j['least_leaf_rows'] <= j['most_leaf_rows'] < 1400 and j['constant_leaves'] == 0"
json "good" "j['test_r2'] > 0.98 and j['heldout_squared_error'] > 0 and j['heldout_rows'] >= 100"
rmse=$(python3 -c 'import json; print(json.load(open("out"))["test_rmse"])')
gives "eval" 0 "$snnk" eval m.st --test test.csv --json
json "eval" "abs(j['rmse'] - $rmse) < 1e-6"
gives "predict" 0 "$snnk" predict m.st test.csv --out p.csv
gives "info" 0 "$snnk" info m.st
has "info" out '^layer 0 +leaves, .* 4 leaves, depth 2$'
gives "quantized" 0 "$snnk" quantize m.st --storage bf16 --save q.st
gives "bundled" 0 "$snnk" bundle m.st --save b.st
gives "text" 0 "$snnk" fit $common --leaves 1000
has "text" out '^leaves        4, at most 2 splits deep, of [0-9]+ to [0-9]+ rows and 64 features each; [0-9]+ parameters$'
has "text" out '^held-out      rmse [0-9.]+ on [0-9]+ rows$'
gives "one leaf" 0 "$snnk" fit $common --leaves 5000 --ridge 1e-3 --json
json "one leaf" "j['leaves'] == 1 and j['depth'] == 0 and 'heldout_squared_error' not in j"
gives "linear" 0 "$snnk" fit --train train.csv --target y --features identity --leaves 1000 --json
json "linear" "j['leaves'] == 4"
gives "classes" 0 "$snnk" fit --train train_kind.csv --test test_kind.csv --target kind --leaves 1600 --m 64 --json
json "classes" "j['test_accuracy'] > 0.9 and j['leaves'] == 2"

# ---- Refusals ----
refused() { # refused WHAT STATUS TEXT OPTION...
    what=$1 status=$2 text=$3
    shift 3
    gives "$what" "$status" "$snnk" fit "$@"
    has "$what" err "$text"
    one_line "$what" err
}
refused "no rows" 2 "'0' is not a whole number of rows, at least 1" --train train.csv --leaves 0
refused "statistics" 2 'use one of them, the program cannot update a tree' --train train.csv --leaves 9 --keep-statistics --save s.st
refused "boosting" 2 '--boost and --leaves: use one' --train train.csv --leaves 9 --boost 2
refused "gcv" 2 '--choose and --leaves: use one' --train train.csv --leaves 9 --choose gcv
refused "no scaling" 2 '--leaves needs --scaling' --train train.csv --leaves 9 --scaling none
gives "update" 1 "$snnk" update m.st --train train.csv
one_line "update" err
report leaves
