#!/bin/sh
# Tests of snnk fit --learn-directions. test_cli_directions.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: of 22 columns, two numbers and one word matter ----
python3 - <<'PYTHON'
import random
r = random.Random(1)
def write(name, n):
    with open(name, "w") as f:
        print(*("x%d" % k for k in range(20)), "city", "flag", "y", sep=",", file=f)
        for i in range(n):
            x = [r.gauss(0, 1) * (k + 1) for k in range(20)]
            city, flag = r.choice(["Rome", "Oslo", "Lima"]), r.choice(["a", "b"])
            y = abs(x[3] / 4 + x[7] / 8) + {"Rome": 0, "Oslo": 0.7, "Lima": -0.7}[city]
            print(*("%.4f" % v for v in x), city, flag, "%.4f" % y, sep=",", file=f)
write("train.csv", 1500), write("few.csv", 500), write("test.csv", 1000)
with open("noise.csv", "w") as f:
    print("a,b,c,y", file=f)
    for i in range(1200): print(*("%.4f" % r.gauss(0, 1) for k in range(4)), sep=",", file=f)
PYTHON

# ---- The columns that matter come first, and the test error falls ----
common="--features arc-cosine --m 300 --task regression"
for train in train few; do
    gives "plain, $train" 0 "$snnk" fit --train $train.csv --test test.csv $common --json
    json "plain, $train" "'importances' not in j and 'directions_rounds' not in j"
    plain=$(python3 -c 'import json; print(json.load(open("out"))["test_rmse"])')
    gives "learnt, $train" 0 "$snnk" fit --train $train.csv --test test.csv $common --learn-directions 3 --save m.st --json
    json "learnt, $train" "j['directions_rounds'] == 3 and 1 <= j['directions_chosen_round'] <= 3 and j['m'] == 300"
    json "columns, $train" "{c['column'] for c in j['importances'][:3]} == {'x3', 'x7', 'city'} and len(j['importances']) == 22"
    json "shares, $train" "abs(sum(c['importance'] for c in j['importances']) - 1) < 1e-9"
    json "sorted, $train" "(lambda s: s == sorted(s, reverse=True))([c['importance'] for c in j['importances']])"
    json "better, $train" "j['test_rmse'] < 0.8 * $plain"
    learnt=$(python3 -c 'import json; print(json.load(open("out"))["test_rmse"])')
    gives "eval, $train" 0 "$snnk" eval m.st --test test.csv --json
    json "eval, $train" "abs(j['rmse'] - $learnt) < 1e-6"
done
gives "quantized" 0 "$snnk" quantize m.st --storage bf16 --save q.st
gives "text" 0 "$snnk" fit --train train.csv $common --learn-directions 2
has "text" out '^directions    learnt in round [12] of 2$'
has "text" out '^importances   (x3|x7|city) [0-9.]+ %, (x3|x7|city) [0-9.]+ %, (x3|x7|city) [0-9.]+ %,'
gives "statistics" 0 "$snnk" fit --train train.csv $common --learn-directions 2 --keep-statistics --save s.st
gives "update" 0 "$snnk" update s.st --train few.csv
gives "eval after update" 0 "$snnk" eval s.st --test test.csv --json
json "eval after update" "j['rmse'] < $plain"

# ---- Where nothing is to be learnt, plain features stay or are not worse ----
gives "noise" 0 "$snnk" fit --train noise.csv --json
json "noise" "True"
error=$(python3 -c 'import json; print(json.load(open("out"))["heldout_error"])')
gives "noise, learnt" 0 "$snnk" fit --train noise.csv --learn-directions 2 --json
json "noise, learnt" "j['heldout_error'] <= $error + 1e-12"
gives "given ridge" 0 "$snnk" fit --train few.csv $common --ridge 1e-3 --learn-directions 2 --json
json "given ridge" "j['directions_chosen_round'] == 2"

# ---- Refusals ----
refused() { # refused WHAT STATUS TEXT OPTION...
    what=$1 status=$2 text=$3
    shift 3
    gives "$what" "$status" "$snnk" fit "$@"
    has "$what" err "$text"
    one_line "$what" err
}
refused "no rounds" 2 "'0' is not a whole number from 1 to 100" --train few.csv --learn-directions 0
refused "windows" 2 '--learn-directions and --windows: use one' --train few.csv --windows 4 --learn-directions 1
refused "like" 2 '--learn-directions and --like: use one' --train few.csv --like m.st --learn-directions 1
refused "a seed" 2 '--learn-directions and --store-seed: use one' --train few.csv --projection gaussian --store-seed --learn-directions 1
refused "steps" 1 'no gradient' --train few.csv --order 0 --m 64 --learn-directions 1
gives "series" 2 "$snnk" fit --train x.csv --series --learn-directions 2
has "series" err '--learn-directions and --series: use one of them'
report directions
