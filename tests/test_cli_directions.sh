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
has "text" out '^directions    learnt in round [12] of 2; inputs are limited to the range of the training rows$'
has "text" out '^importances   (x3|x7|city) [0-9.]+ %, (x3|x7|city) [0-9.]+ %, (x3|x7|city) [0-9.]+ %,'
gives "statistics" 0 "$snnk" fit --train train.csv $common --learn-directions 2 --keep-statistics --save s.st
gives "update" 0 "$snnk" update s.st --train few.csv
gives "eval after update" 0 "$snnk" eval s.st --test test.csv --json
json "eval after update" "j['rmse'] < $plain"

# ---- Inputs are limited to the range of the training rows ----
python3 - <<'PYTHON'
import csv
rows = list(csv.reader(open("train.csv")))
far = [rows[1][:], rows[1][:], rows[1][:]]
values = [float(r[7]) for r in rows[1:]]
far[1][7], far[2][7] = repr(max(values)), repr(1e12 * max(values))
csv.writer(open("far.csv", "w")).writerows([rows[0]] + far)
PYTHON
gives "limited" 0 "$snnk" fit --train train.csv $common --learn-directions 2 --save limited.st --json
json "limited" "j['inputs_limited'] is True"
gives "far rows" 0 "$snnk" predict limited.st far.csv
python3 -c 'v = [float(x) for x in open("out").read().split()[1:]]; print(abs(v[1] - v[2]) < 1e-5 and abs(v[0] - v[1]) > 0.1)' >same
if [ "$(cat same)" = True ]; then ok; else not_ok "far rows: $(cat out)"; fi
gives "not limited" 0 "$snnk" fit --train train.csv $common --learn-directions 2 --extrapolate --save free.st --json
json "not limited" "j['inputs_limited'] is False"
gives "the same rows, near" 0 "$snnk" predict limited.st train.csv
cp out near.csv
gives "the same rows, near" 0 "$snnk" predict free.st train.csv
python3 -c '
a, b = ([float(x) for x in open(f).read().split()[1:]] for f in ("near.csv", "out"))
print(len(a) == len(b) == 1500 and max(abs(x - y) for x, y in zip(a, b)) < 1e-4)' >same
if [ "$(cat same)" = True ]; then ok; else not_ok "limits change training rows"; fi
gives "far rows, not limited" 0 "$snnk" predict free.st far.csv
python3 -c 'v = [float(x) for x in open("out").read().split()[1:]]; print(abs(v[1] - v[2]) > 10)' >same
if [ "$(cat same)" = True ]; then ok; else not_ok "far rows, not limited: $(cat out)"; fi
gives "few features" 0 "$snnk" fit --train train.csv --features arc-cosine --m 74 --learn-directions 2 --json
json "few features" "j['directions_chosen_round'] > 0 and j['inputs_limited'] is False"
gives "nothing to extrapolate" 2 "$snnk" fit --train few.csv --extrapolate
has "nothing to extrapolate" err 'extrapolate has no effect without --learn-directions'

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
refused "a plot of nothing" 2 'plot draws the importances that --learn-directions finds: add it' --train few.csv --plot none.png
refused "a plot over its input" 2 'the numbers of --plot few.csv would overwrite' --train few.csv --learn-directions 1 --plot few.png
refused "a plot over the model" 2 'the numbers of --plot m.csv would overwrite --save' --train few.csv --learn-directions 1 --plot m.png --save m.csv
refused "another picture" 2 'it draws PNG, not pdf' --train few.csv --learn-directions 1 --plot m.pdf

# ---- Importances as a picture ----
if command -v gnuplot >none.out; then
    python3 - <<'PYTHON'
import csv, random
r = random.Random(2)
with open("odd.csv", "w", newline="") as f:
    w = csv.writer(f)
    names = ["it's 100% \\n {x}_1^2 \"q\"", "Größe, in einer sehr langen Überschrift mit vielen Wörtern", "a`b$c", "\ttab"]
    w.writerow(names + ["z%d" % k for k in range(20)] + ["city", "y"])
    for i in range(400):
        x = [r.gauss(0, 1) for _ in range(24)]
        city = r.choice(["Rome", "Oslo", "Lima"])
        w.writerow(["%.4f" % v for v in x] + [city, "%.4f" % (abs(x[0]) + x[1] + (city == "Rome"))])
PYTHON
    gives "plot" 0 "$snnk" fit --train odd.csv --m 100 --learn-directions 1 --plot "it's.png" --json
    json "plot" "j['plot'] == \"it's.png\" and j['plot_data'] == \"it's.csv\""
    if head -c 4 "it's.png" | grep -q PNG; then ok; else not_ok "the plot is no PNG"; fi
    python3 - <<'PYTHON' >same
import csv, json, struct
names = next(csv.reader(open("odd.csv", newline="")))
j, rows = json.load(open("out")), list(csv.reader(open("it's.csv", newline="")))
shares = [(c["column"], float("%.6g" % c["importance"])) for c in j["importances"]]
width, height = struct.unpack(">II", open("it's.png", "rb").read(24)[16:])
print(rows[0] == ["column", "importance"] and [(a, float(b)) for a, b in rows[1:]] == shares and len(shares) == 25
      and {rows[1][0], rows[2][0]} == {names[0], names[1]} and width == 900 and height == 21 * 26 + 96)
PYTHON
    if [ "$(cat same)" = True ]; then ok; else not_ok "the numbers of the plot: $(cat same)"; fi
    # What gnuplot is told: names as they are, but a quote and a % twice, and no more than 36 letters.
    mkdir -p told && printf '#!/bin/sh\n[ "$1" = --version ] || cat >told/commands\n' >told/gnuplot && chmod +x told/gnuplot
    gives "a plot that draws nothing" 1 env PATH="$PWD/told:$PATH" "$snnk" fit --train odd.csv --m 100 --learn-directions 1 \
        --plot "it's.png"
    has "commands" told/commands "'it''s 100%% .n [{]x[}]_1\\^2 \"q\"' "
    has "commands" told/commands "'Größe, in einer sehr langen Überschr\.\.\.' "
    has "commands" told/commands "'5 others' 20[)]"
    has "commands" told/commands "^set output 'it''s.png.part'"
    mkdir -p broken && printf '#!/bin/sh\n[ "$1" = --version ]\n' >broken/gnuplot && chmod +x broken/gnuplot
    echo kept >no.csv && cp m.st kept.st
    gives "a plot that fails" 1 env PATH="$PWD/broken:$PATH" "$snnk" fit --train few.csv --m 50 --learn-directions 1 --plot no.png \
        --save kept.st
    one_line "a plot that fails" err
    has "a plot that fails" err 'no\.png'
    if cmp -s m.st kept.st && [ "$(cat no.csv)" = kept ] && [ "$(ls no.*)" = no.csv ]; then ok; else not_ok "a plot that fails wrote"; fi
fi
gives "a plot without gnuplot" 1 env PATH=/nonexistent "$snnk" fit --train few.csv --learn-directions 1 --plot none.png
one_line "a plot without gnuplot" err
has "a plot without gnuplot" err 'needs gnuplot, which could not be started'
gives "series" 2 "$snnk" fit --train x.csv --series --learn-directions 2
has "series" err '--learn-directions and --series: use one of them'
report directions
