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
one, many = (model(name + ".st") for name in sys.argv[1:])
assert one.keys() == many.keys() and "layers.0.psi" in one
for name in one:
    largest = max(map(abs, one[name]))
    assert len(one[name]) == len(many[name])
    for x, y in zip(one[name], many[name]):
        assert abs(x - y) <= 2 ** -23 * abs(x) + tolerance * largest, (name, x, y)
        assert x == y or name in ("layers.0.psi", "layers.0.bias"), (name, x, y)
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

both "a given lambda" 4 --train waves.csv --m 40 --ridge 0.01
both "three processes" 3 --train waves.csv --m 40 --ridge 0.01 --features gaussian --scaling standardize
both "cross-validation" 4 --train waves.csv --m 40 --features arc-cosine --offset-scale 0.3 --scaling common --choose gcv
both "classes" 4 --train kinds.csv --m 60 --choose gcv --linear
both "classes, two processes" 2 --train kinds.csv --m 60 --ridge 1e-3
both "fewer rows than processes" 4 --train three.csv --m 4 --ridge 0.1
both "without a scaling" 2 --train waves.csv --m 40 --scaling none --choose gcv

shared 4 fit --train waves.csv --m 40 --test waves.csv
if [ $status = 0 ] && [ "$(grep -c '^test ' out)" = 1 ] &&
    grep -q '^lambda .*(generalized cross-validation)$' out && grep -q '^fitted  *4001 rows' out; then
    ok
else
    not_ok "a report for people, by one of them"
fi
shared 3 fit --help
if [ $status = 0 ] && [ "$(grep -c '^Usage:' out)" = 1 ]; then ok; else not_ok "help, once"; fi

shared 4 fit --train nowhere.csv
complains "no file" 1 'nowhere\.csv: cannot open'
shared 4 fit --train waves.csv --m 0
complains "wrong usage" 2 "'0' is not a whole number >= 1"
shared 4 fit --train waves.csv --choose heldout
complains "held-out rows" 2 'several processes cannot hold rows out: use --choose gcv or --ridge'
shared 4 fit --train waves.csv --heldout 0.2
complains "a share of held-out rows" 2 'several processes cannot hold rows out'
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
