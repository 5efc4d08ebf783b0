#!/bin/sh
# Tests of snnk fit --boost: features that are added in rounds. test_cli_boost.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: products of inputs, which take more than a linear model ----
python3 - <<'PYTHON'
import random
r = random.Random(4)
for name, n in ("train.csv", 1500), ("test.csv", 400):
    with open(name, "w") as f, open(name.replace(".csv", "_class.csv"), "w") as g:
        print("a,b,colour,y", file=f), print("a,b,colour,kind", file=g)
        for i in range(n):
            a, b, c = r.gauss(0, 1), r.gauss(5, 2), r.choice(["red", "green", "blue"])
            y = a * (b - 5) + (c == "red") + r.gauss(0, 0.05)
            print("%.5f,%.5f,%s,%.5f" % (a, b, c, y), file=f)
            print("%.5f,%.5f,%s,%s" % (a, b, c, "high" if y > 0.5 else "low"), file=g)
PYTHON

# ---- Fits ----
fit="$snnk fit --train train.csv --target y --test test.csv --m 64 --quiet"
gives "regression" 0 $fit --boost 4 --json --save model.safetensors
json "rounds of the regression" "j['rounds'] <= 4 and 0 <= j['rounds_kept'] <= j['rounds']"
json "losses of the regression" "len(j['train_losses']) == len(j['heldout_losses']) == j['rounds'] + 1"
json "the best round is kept" "j['heldout_loss'] == min(j['heldout_losses']) == j['heldout_losses'][j['rounds_kept']]"
json "the regression predicts" "j['test_r2'] > 0.95 and j['loss'] == 'squared' and j['m'] == 64 * (1 + j['rounds_kept'])"
json "it is one layer, behind three that limit inputs" "j['m_of_round'] == 64 and j['inputs_limited'] and j['parameters'] == j['m'] * (5 + 1 + 1) + 1 + 3 * 5 * 6"
json "rows of the regression" "j['train_rows'] == j['round_rows'] == 1500 and 100 < j['heldout_rows'] < 200"
cp out fitted
gives "eval" 0 "$snnk" eval model.safetensors --test test.csv --json --quiet
json "eval scores as fit did" "abs(j['r2'] - __import__('json').load(open('fitted'))['test_r2']) < 1e-9"
(cat test.csv && echo "1e6,5,red,0" && echo "-1e6,5,red,0") >far.csv
gives "far rows" 0 "$snnk" predict model.safetensors far.csv
tail -n 2 out >far
if awk -F, '{ y = $NF; if (y < -50 || y > 50) exit 1 }' far; then ok; else not_ok "far rows are not limited"; fi
gives "extrapolates" 0 $fit --boost 4 --extrapolate --json
json "nothing is limited with --extrapolate" "not j['inputs_limited'] and j['parameters'] == j['m'] * (5 + 1 + 1) + 1"
gives "predict" 0 "$snnk" predict model.safetensors test.csv
gives "info" 0 "$snnk" info model.safetensors
has "info names the features" out "elementwise"

gives "classes" 0 "$snnk" fit --train train_class.csv --target kind --test test_class.csv --m 32 --boost 2 \
    --loss cross-entropy --pairs --activation tanh --json --quiet
json "the classes are told apart" "j['test_accuracy'] > 0.9 and j['loss'] == 'cross-entropy'"
json "settings of the classes" "j['rows'] == 'pairs' and j['boost_activation'] == 'tanh'"
gives "text" 0 $fit --boost 2 --heldout 0.2
has "text has the rounds" out "^boosting +[0-2] of [12] rounds that were tried, each of 64 (relu|tanh) features"
has "text has the losses" out "^losses .*squared, round by round. on 1200 rows"
has "text has the held-out losses" out "^ +[0-9.e-]+, .* on 300 held-out rows"
has "text has the size" out "^features +(64|128|192), "
gives "the same bits again" 0 $fit --boost 4 --json --threads 2 --save again.safetensors
tensors model.safetensors >a.txt
tensors again.safetensors >b.txt
if cmp -s a.txt b.txt; then ok; else not_ok "two threads give other numbers"; fi

# ---- The features are those of an ordinary fit: it has statistics and uncertainty, and rows can be
# forgotten. The rounds learn from all of 1500 rows, so half of them differ only in the readout. ----
gives "statistics" 0 $fit --boost 2 --ridge 1 --extrapolate --keep-statistics --save whole.safetensors --json
head -n 751 train.csv >first.csv
(head -n 1 train.csv && tail -n 750 train.csv) >second.csv
cp whole.safetensors halved.safetensors
gives "forget" 0 "$snnk" forget halved.safetensors --train second.csv --quiet
gives "a fit of half the rows" 0 "$snnk" fit --train first.csv --target y --like whole.safetensors --ridge 1 --save half.safetensors --quiet
gives "half" 0 "$snnk" eval half.safetensors --test test.csv --json --quiet
cp out half
gives "halved" 0 "$snnk" eval halved.safetensors --test test.csv --json --quiet
json "forgetting is exact" "abs(j['rmse'] - __import__('json').load(open('half'))['rmse']) < 1e-5 * j['rmse']"
gives "uncertainty" 0 "$snnk" predict model.safetensors test.csv --interval 0.9
for option in "--choose gcv" "--factorization qr" "--precision single"; do
    gives "$option" 0 $fit --boost 1 --json $option
    json "$option predicts" "j['test_r2'] > 0.9"
done

# ---- Many rows: the rounds learn from a sample, the readout from all ----
python3 - <<'PYTHON'
import random
r = random.Random(6)
with open("many.csv", "w") as f:
    print("a,b,y", file=f)
    for i in range(70000):
        a, b = r.gauss(0, 1), r.gauss(0, 1)
        print("%.4f,%.4f,%.4f" % (a, b, a * b), file=f)
PYTHON
gives "many rows" 0 "$snnk" fit --train many.csv --target y --boost 1 --m 32 --json --quiet
json "rounds learn from one row of three" "j['train_rows'] == 70000 and 17000 < j['round_rows'] < 23400"

# ---- Refusals ----
refused() { # refused SENTENCE OPTIONS...
    sentence=$1
    shift
    gives "refuses $*" 2 $fit "$@"
    has "says why it refuses $*" err "$sentence"
}
refused "boost.*1 to 1000" --boost 0
refused "needs --boost" --pairs
for option in "--windows 8" "--features gaussian" "--projection gaussian" "--linear"; do
    refused "^snnk fit: ${option%% *} and --boost: use one of them" --boost 2 $option
done
fit="$snnk fit --train train.csv --target y"
refused "above 32768" --boost 2 --m 40000
refused "^snnk fit: --like and --boost: use one of them" --boost 2 --like model.safetensors
refused "needs --scaling common or standardize" --boost 2 --scaling none
gives "common scaling" 0 $fit --boost 1 --m 16 --scaling common --json --quiet
json "common scaling is used" "j['scaling'] == 'common'"
gives "one class" 1 "$snnk" fit --train train.csv --target y --boost 2 --loss cross-entropy --quiet
has "says that cross-entropy needs classes" err "needs classes"

gives "series" 2 "$snnk" fit --train x.csv --series --boost 2
has "series" err '--series and --boost: use one of them'
gives "directions" 2 "$snnk" fit --train x.csv --learn-directions 2 --boost 2
has "directions" err '--learn-directions and --boost: use one of them'
report cli_boost
