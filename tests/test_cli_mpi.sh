#!/bin/sh
# Tests of a fit shared by processes. test_cli_mpi.sh PROGRAM MPIEXEC NUMPROC-FLAG
set -u
snnk=$1
mpiexec=$2
numproc=$3
. "$(dirname "$0")/support/program.sh"

# shared N ARGUMENT...: snnk by N processes; stdout in out, stderr in err, its exit status in $status.
shared() {
    n=$1
    shift
    "$mpiexec" "$numproc" "$n" "$snnk" "$@" >out 2>err </dev/null
    status=$?
}

# complains NAME STATUS PATTERN: the last run exited with STATUS, and exactly one process printed an error
# that matches.
complains() {
    if [ $status != "$2" ]; then
        not_ok "$1: exit status $status, not $2"
    elif [ "$(grep -c '^snnk ' err)" != 1 ] || ! grep -qE -- "$3" err; then
        not_ok "$1: not one complaint with \"$3\""
    elif [ -s out ]; then
        not_ok "$1: it printed"
    else
        ok
    fi
}

# same NAME ONE MANY: both wrote one JSON object and a model. The solutions differ by rounding in double, 1e-15
# times the condition number; as floats, by one more rounding (2^-23).
same() {
    if python3 - "$2" "$3" 2>py <<'PYTHON'; then ok; else not_ok "$1: $(tail -n 1 py)"; fi
import array, json, struct, sys

def model(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header, tensors = json.loads(data[8:8 + n]), {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = (8 + n + k for k in about["data_offsets"])
            tensors[name] = array.array({"F32": "f", "F64": "d"}[about["dtype"]], data[begin:end])
    return tensors

one, many = (json.loads(open(name + ".json").read()) for name in sys.argv[1:])
assert many["processes"] > 1 and one["processes"] == 1, many
for key in "task", "m", "train_rows", "rank", "method", "lambda_chosen", "heldout_rows", "parameters":
    assert one[key] == many[key], (key, one[key], many[key])
assert abs(one["lambda"] - many["lambda"]) <= 1e-10 * one["lambda"], (one["lambda"], many["lambda"])
tolerance = max(1e-10, 1e-15 * one["condition"])
one_task = one["task"]
one, many = (model(name + ".st") for name in sys.argv[1:])
assert one.keys() == many.keys() and "layers.0.psi" in one
for name in one:
    largest = max(map(abs, one[name]))
    assert len(one[name]) == len(many[name])
    if name == "uncertainty.errors" and one_task == "classification":
        # The parts of the rows are drawn by a hash of their scores, so rounding changes the parts, and these numbers. Only a
        # gross fault shows here. One in the held-out rows shows in the slope and the biases above, which are of all rows.
        x, y = (sum(errors) / len(errors) for errors in (one[name], many[name]))
        assert abs(x - y) <= 0.01, (name, x, y)
        continue
    for x, y in zip(one[name], many[name]):
        # Probabilities are fitted by Newton steps, which end at a tolerance of their own.
        allowed = max(tolerance, 1e-5) if name.startswith("uncertainty.") else tolerance
        assert abs(x - y) <= 2 ** -23 * abs(x) + allowed * largest, (name, x, y)
        assert x == y or name.startswith(("layers.0.psi", "layers.0.bias", "uncertainty.", "statistics.")), (name, x, y)
PYTHON
}

# both NAME N ARGUMENT...: fit by one process, and by N.
both() {
    name=$1
    n=$2
    shift 2
    if ! "$snnk" fit "$@" --json --quiet --save one.st >one.json 2>err; then
        not_ok "$name: one process"
        return
    fi
    shared "$n" fit "$@" --json --save many.st
    cp out many.json
    if [ $status != 0 ] || [ -s err ]; then not_ok "$name: status $status"; else same "$name" one many; fi
}

# Noise: the squares of i modulo a prime. awk's own generator differs between machines.
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 4001; i++) { a = i % 83 / 20; b = i % 61 / 20
      printf "%.5g,%.5g,%.5g\n", a, b, sin(a) * b + i * i % 1009 / 5000 } }' >waves.csv
awk 'BEGIN { print "a,b,kind"; for (i = 0; i < 3000; i++) { a = i % 83 / 20; b = i % 61 / 20
      print a "," b "," (i * i % 1009 < 100 ? "odd" : a > b ? "left" : "right") } }' >kinds.csv
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 4001; i++) print i % 9 "," (i == 2500 ? "inf" : i % 7) "," i % 5 / 2 }' >inf.csv
printf 'a,y\n1,2.5\n2,3\n5,4\n' >three.csv
head -n 801 waves.csv >few.csv
awk -F, 'NR == 1 { print "g," $0 } NR > 1 { print int(NR / 50) "," $0 }' waves.csv >groups.csv
# The first column is centered on its first rows, which only process 0 reads otherwise.
awk 'BEGIN { print "t,b,y"; for (i = 0; i < 3000; i++) { b = i % 61 / 20
      printf "%d,%.5g,%.5g\n", 1700000000 + i % 83 * 10, b, sin(i % 83 / 20) * b + i * i % 1009 / 5000 } }' >times.csv
# 300 rows, three times: with 512 features, sums over rows alone would choose the least lambda.
awk 'BEGIN { print "a,b,y"; for (k = 0; k < 3; k++) for (i = 0; i < 300; i++) { a = i % 83 / 20; b = i % 61 / 20
      printf "%.5g,%.5g,%.5g\n", a, b, sin(a) * b + i * i % 1009 / 500 } }' >repeats.csv

both "a given lambda" 4 --train waves.csv --m 40 --ridge 0.01
both "three processes" 3 --train waves.csv --m 40 --ridge 0.01 --features gaussian --scaling standardize
both "cross-validation" 4 --train waves.csv --m 40 --features arc-cosine --offset-scale 0.3 --scaling common --choose gcv
both "classes" 4 --train kinds.csv --m 60 --choose gcv --linear
both "classes, two processes" 2 --train kinds.csv --m 60 --ridge 1e-3
both "fewer rows than processes" 4 --train three.csv --m 4 --ridge 0.1
both "without a scaling" 2 --train waves.csv --m 40 --scaling none --choose gcv
both "held-out rows" 4 --train waves.csv --m 40 --features arc-cosine
both "a share of held-out rows" 3 --train waves.csv --m 40 --features arc-cosine --heldout 0.3
both "held-out rows of classes" 2 --train kinds.csv --m 60 --loss squared
both "held-out groups" 3 --train groups.csv --m 40 --features arc-cosine --group g --scaling none
both "leaving rows out" 4 --train few.csv --m 40 --features arc-cosine
both "everything is chosen" 2 --train kinds.csv --loss squared
both "timestamps" 3 --train times.csv --m 40 --scaling none
both "statistics are kept" 2 --train few.csv --m 40 --keep-statistics

shared 4 fit --train waves.csv --m 40 --test waves.csv
if [ $status = 0 ] && [ "$(grep -c '^test ' out)" = 1 ] &&
    grep -q '^lambda .*(held-out rows)$' out && grep -q '^fitted  *4001 rows' out; then
    ok
else
    not_ok "a report for people, by one of them"
fi
# lambda NAME: of the JSON object in a file.
lambda_of() { sed -n 's/.*"lambda": *\([^,]*\),.*/\1/p' "$1" | head -n 1; }
"$snnk" fit --train repeats.csv --m 512 --quiet --json >one.json 2>err
shared 2 fit --train repeats.csv --m 512 --json
if [ $status = 0 ] && python3 -c "
one, many = $(lambda_of one.json), $(lambda_of out)
assert 1 / 1.5 < many / one < 1.5 and many > 1e-9, (one, many)" 2>py; then
    ok
else
    not_ok "repeated rows: $(tail -n 1 py)"
fi
shared 3 fit --help
if [ $status = 0 ] && [ "$(grep -c '^Usage:' out)" = 1 ]; then ok; else not_ok "help, once"; fi

shared 4 fit --train nowhere.csv
complains "no file" 1 'nowhere\.csv: cannot open'
shared 4 fit --train waves.csv --m 0
complains "wrong usage" 2 "'0' is not a whole number >= 1"
shared 4 fit --train kinds.csv --loss cross-entropy
complains "cross-entropy" 2 'several processes cannot minimize cross-entropy: use one, or --loss squared'
shared 2 fit --train waves.csv --learn-directions 2
complains "directions" 2 'several processes cannot learn directions: use one'
shared 2 fit --train waves.csv --boost 2
complains "boosting" 2 'several processes cannot fit --boost: use one'
shared 2 fit --train waves.csv --effort quick
complains "effort" 2 'several processes cannot share --effort: use one'
shared 2 fit --train waves.csv --series --augment 2
complains "copies" 2 'several processes cannot use --augment: use one'
shared 4 fit --train inf.csv --ridge 1
complains "infinite, in every scaling" 1 'inf\.csv: row 2501, column "b": inf is not a finite number'
shared 4 fit --train inf.csv --ridge 1 --scaling none
complains "infinite, in the rows of one process" 1 'inf\.csv: row 2501, column "b": inf is not a finite number'
cp one.st kept.st
shared 4 fit --train inf.csv --ridge 1 --scaling none --save kept.st
if cmp -s one.st kept.st; then ok; else not_ok "a failure leaves the model alone"; fi
# Errors that only process 0 finds.
shared 4 fit --train waves.csv --m 40 --save none/m.st
complains "no folder to save in" 1 'none/m\.st'
awk 'BEGIN { print "a,y"; for (i = 0; i < 100; i++) print "1," i }' >constant.csv
shared 4 fit --train constant.csv --m 8 --ridge 0 --task regression
complains "nothing to solve" 1 '.'

report mpirun
