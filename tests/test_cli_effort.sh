#!/bin/sh
# Tests of snnk fit --effort: ways to fit under a budget of time. test_cli_effort.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data ----
# two: of 20 inputs two matter, by a wave. lines: a plane. kinds: a class with weights and groups.
python3 - <<'PYTHON'
import math, random
r = random.Random(2)
def write(name, n, columns, row):
    with open(name, "w") as f:
        print(",".join(columns), file=f)
        for i in range(n):
            print(",".join(str(v) for v in row(i)), file=f)
def two(i):
    x = [round(r.gauss(0, 1), 5) for _ in range(20)]
    return x + [round(math.sin(x[3]) * x[7], 6)]
def plane(i):
    x = [round(r.gauss(0, 1), 5) for _ in range(4)]
    return x + [round(2 * x[0] - x[1] + 0.5 * x[3] + r.gauss(0, 0.1), 6)]
def kind(i):
    a, b = r.gauss(0, 1), r.gauss(0, 1)
    return [round(a, 5), round(b, 5), i % 50, 0 if i % 10 == 0 else 1, "in" if a * a + b * b < 1.4 else "out"]
columns = ["x%d" % k for k in range(20)]
write("two.csv", 2500, columns + ["y"], two)
write("two_test.csv", 1000, columns + ["y"], two)
write("plane.csv", 600, ["a", "b", "c", "d", "y"], plane)
write("kind.csv", 1200, ["a", "b", "group", "weight", "kind"], kind)
write("few.csv", 19, ["a", "b", "c", "d", "y"], plane)
PYTHON

# ---- What is chosen ----
gives "one layer" 0 "$snnk" fit --train two.csv --target y --test two_test.csv --m 256 --quiet --json
cp out one
gives "quick" 0 "$snnk" fit --train two.csv --target y --test two_test.csv --m 256 --effort quick --seconds 500 --json \
    --quiet --save quick.safetensors
json "the first way is one layer" "j['tried'][0]['what'].startswith('one layer') and j['tried'][0]['options'] == ''"
json "the first way has nothing to be compared with" "j['tried'][0]['gain'] is None"
json "directions are the best" "[t for t in j['tried'] if t['end'] == 'best'][0]['options'] == '--learn-directions 3'"
json "they are in the model" "j['directions_chosen_round'] > 0"
json "they help on test rows" "j['test_rmse'] < 0.5 * __import__('json').load(open('one'))['test_rmse']"
json "all rows are fitted" "j['train_rows'] == 2500"
json "three of five parts are held out" "1350 < j['judged_rows'] < 1650"
json "the gain is that of the errors" "abs(j['tried'][0]['error']**2 - j['tried'][1]['error']**2 - j['tried'][1]['gain']) < 1e-9"
json "the budget" "j['budget_seconds'] == 500 and j['effort'] == 'quick'"
gives "two threads" 0 "$snnk" fit --train two.csv --target y --m 256 --effort quick --seconds 500 --quiet --threads 2 \
    --save again.safetensors
has "text has the ways" out "^ +[0-9.]+ +[0-9]+ +[0-9.]+ +best +learnt directions: --learn-directions 3"
tensors quick.safetensors >a.txt
tensors again.safetensors >b.txt
if cmp -s a.txt b.txt; then ok; else not_ok "two threads give other numbers"; fi

# The errors of the held-out rows are those of a fit to the others: the same parts by hand.
gives "plane" 0 "$snnk" fit --train plane.csv --target y --effort normal --seconds 500 --json --quiet
json "a plane needs no more" "j['tried'][0]['end'] == 'best' or j['features'] == 'identity'"
json "all rows are held out once" "j['judged_rows'] == 600 and j['train_rows'] == 600"
json "noise of .1 is left" "0.09 < min(t['error'] for t in j['tried'] if t['error']) < 0.115"

gives "classes" 0 "$snnk" fit --train kind.csv --target kind --weights weight --group group --effort normal --m 32 \
    --seconds 500 --json --quiet
json "rows of weight 0 are not judged" "0 < j['judged_rows'] < 1080 and j['train_rows'] == 1080"
json "the circle is found" "min(t['error'] for t in j['tried'] if t['error'] is not None) < 0.06"
json "cross-entropy and boosting were tried" "{'cross-entropy', 'boosting'} <= {t['what'] for t in j['tried']}"
json "all given options stay" "all('--m' not in t['options'] for t in j['tried'])"

# ---- Images: a bright spot somewhere, or none ----
python3 - <<'PYTHON'
import random, struct
r = random.Random(5)
def idx(name, dims, data):
    with open(name, "wb") as f:
        f.write(struct.pack(">HBB%dI" % len(dims), 0, 8, len(dims), *dims) + bytes(data))
images, labels = [], []
for i in range(1200):
    image = [r.randrange(0, 60) for _ in range(144)]
    label = i % 2
    y, x = r.randrange(0, 8), r.randrange(0, 8)
    for k in range(5):  # a stroke down, or across
        image[(y + k) * 12 + x + 2 if label else (y + 2) * 12 + x + k] += 90
    images += image
    labels.append(label)
idx("images.idx", [1200, 12, 12], images)
idx("labels.idx", [1200], labels)
PYTHON
gives "images" 0 "$snnk" fit --train-images images.idx --train-labels labels.idx --effort quick --seconds 500 --json --quiet \
    --save images.safetensors
json "windows and wavelets were tried" "{'--windows 32', '--scattering'} <= {t['options'] for t in j['tried']}"
json "one of them is the best" "[t for t in j['tried'] if t['end'] == 'best'][0]['options'][:3] in ('--w', '--s')"
json "they are far better" "[t for t in j['tried'] if t['end'] == 'best'][0]['error'] < 0.5 * j['tried'][0]['error']"
gives "the model takes images" 0 "$snnk" eval images.safetensors --test-images images.idx --test-labels labels.idx --json
json "the model sees strokes" "j['accuracy'] > 0.95"

# ---- Budgets and refusals ----
gives "a budget too small" 1 "$snnk" fit --train two.csv --target y --effort quick --seconds 0.01 --quiet
has "says so" err "^snnk fit: --seconds 0.01 is too little: one layer "
one_line "in one line" err
refused() { # refused STATUS SENTENCE OPTIONS...
    wanted=$1
    sentence=$2
    shift 2
    gives "refuses $*" "$wanted" "$snnk" fit --target y --quiet "$@"
    has "says why it refuses $*" err "$sentence"
    one_line "says it in one line: $*" err
}
refused 2 "seconds needs --effort" --train plane.csv --seconds 3
refused 2 "quick, normal or high" --train plane.csv --effort none
refused 2 "quick, normal or high" --train plane.csv --effort best
refused 2 "above 0 and at most" --train plane.csv --effort quick --seconds 0
refused 2 "use one of them" --train plane.csv --effort quick --boost 3
refused 2 "use one of them" --train plane.csv --effort quick --like quick.safetensors
refused 1 "19 rows, and --effort needs at least 20" --train few.csv --effort quick
awk 'NR == 1 { print $0 ",g" } NR > 1 { print $0 ",1" }' plane.csv >grouped.csv
refused 1 "too few of them differ, or are of different groups" --train grouped.csv --group g --effort quick

# ---- Progress, and Ctrl-C ----
says="2: "
if bar fit --train plane.csv --target y --m 64 --effort quick --seconds 500; then ok; else not_ok "no bar names the way"; fi
python3 - "$snnk" <<'PYTHON'
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "fit", "--train", "two.csv", "--target", "y", "--effort", "high", "--save", "kept"],
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), stderr=subprocess.PIPE)
time.sleep(3)
p.send_signal(signal.SIGINT)
start = time.time()
status = p.wait(timeout=60)
seconds = time.time() - start
sys.exit(0 if status == 130 and seconds < 5 and b"cancelled" in p.stderr.read() else 1)
PYTHON
if [ $? = 0 ] && [ ! -e kept ]; then ok; else not_ok "Ctrl-C"; fi

report cli_effort
