#!/bin/sh
# The snnk program from outside. test_cli.sh PROGRAM
set -u
snnk=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

ok() { passed=$((passed + 1)); }
not_ok() {
    failed=$((failed + 1))
    echo "not ok: $1"
    sed 's/^/    /' out err 2>/dev/null | head -n 20
}

# gives NAME STATUS COMMAND...: the command exits with STATUS; stdout in out, stderr in err.
gives() {
    name=$1
    wanted=$2
    shift 2
    "$@" >out 2>err </dev/null
    status=$?
    if [ $status = "$wanted" ]; then ok; else not_ok "$name: exit status $status, not $wanted"; fi
}

# has NAME FILE PATTERN: the file has a line like it.
has() { if grep -qE -- "$3" "$2"; then ok; else not_ok "$1: no \"$3\" in $2"; fi; }

# one_line NAME FILE: exactly one.
one_line() { if [ "$(wc -l <"$2")" = 1 ]; then ok; else not_ok "$1: $2 is not one line"; fi; }

# json NAME EXPRESSION: out is one JSON object j, for which the Python expression holds.
json() {
    if python3 -c "
import json, sys
j = json.loads(open('out').read())
assert isinstance(j, dict)
assert $2, j" 2>py; then ok; else not_ok "$1: $(tail -n 1 py)"; fi
}

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
gzip -k images.idx

# ---- Help, version, wrong usage ----
gives "help" 0 "$snnk" --help
has "help lists commands" out '^  fit '
gives "version" 0 "$snnk" --version
has "version" out '^snnk [0-9]+\.[0-9]+\.[0-9]+$'
for command in fit eval predict info; do
    gives "$command --help" 0 "$snnk" $command --help
    has "$command --help has an example" out '^Examples:$'
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
    "--seed -1" "--offset-scale -1" "--heldout x"; do
    # shellcheck disable=SC2086 # an option and its value
    gives "fit $bad" 2 "$snnk" fit --train line.csv $bad
    one_line "fit $bad" err
done
gives "labels without images" 2 "$snnk" fit --train-labels labels.idx
gives "both kinds of input" 2 "$snnk" fit --train line.csv --train-images images.idx
for bad in "--floor 1" "--heldout 0.9" "--features gaussian --m 3"; do
    # shellcheck disable=SC2086
    gives "fit $bad" 1 "$snnk" fit --train line.csv $bad
    one_line "fit $bad" err
done

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
gives "predict to .npy" 0 "$snnk" predict line.st line.csv --out line.npy
gives ".npy as data" 0 "$snnk" fit --train-inputs line.npy --train-targets line.npy --features identity --ridge 0 --json
json ".npy as data" "j['train_rows'] == 200"
gives "info" 0 "$snnk" info line.st
has "info" out 'note +target: y'
gives "info --json" 0 "$snnk" info line.st --json
json "info --json" "j['inputs'] == 2 and j['outputs'] == 1 and j['layers'][0]['blocks'][0]['kind'] == 'identity'"

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
json "automatic lambda" "j['lambda'] > 0 and j['heldout_rows'] > 0 and j['heldout_error'] is not None"
gives "task by hand" 0 "$snnk" fit --train-images images.idx --train-labels labels.idx --ridge 1 --m 8 \
    --json --task regression
json "task by hand" "j['task'] == 'regression'"

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
has "wrong width" err '4 input columns, the model 2'
printf 'a,b,y\n1,2,3\n1,nan,3\n' >nan.csv
gives "NaN in the data" 1 "$snnk" fit --train nan.csv --ridge 1
gives "a directory to save in that is not there" 1 "$snnk" fit --train line.csv --save none/m.st

# ---- Cancelled: status 130, and the model that was there stays ----
awk 'BEGIN { for (i = 0; i < 20000; i++) { if (i == 0) { for (k = 0; k < 40; k++) printf "x%d,", k; print "y" }
      for (k = 0; k < 40; k++) printf "%d,", (i * (k + 3)) % 11; print i % 2 } }' >big.csv
cksum line.st >before
# A shell may start background jobs deaf to SIGINT: python starts it with the default.
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
if ls | grep -q 'line\.st\..'; then not_ok "cancelled: a temporary file is left"; else ok; fi

echo "cli: $passed passed, $failed failed"
[ $failed = 0 ]
