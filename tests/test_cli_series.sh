#!/bin/sh
# Tests of snnk fit --series. test_cli_series.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: noisy waves of three frequencies, with a moment at which all are equal ----
python3 - <<'PYTHON'
import math, random
r = random.Random(1)
def make(path, n, length=60, change=lambda i, row: row):
    with open(path, "w") as f:
        print(",".join("t%d" % t for t in range(length)) + ",y", file=f)
        for i in range(n):
            c, phase = r.randrange(3), 6 * r.random()
            row = ["%.4f" % (math.sin((0.5 + 0.1 * c) * t + phase) + r.gauss(0, 0.7)) for t in range(length)]
            row[2:3] = ["0.5"]
            print(",".join(change(i, row + ["abc"[c]])), file=f)
make("train.csv", 200)
make("test.csv", 300)
make("short.csv", 40, 8)
make("ragged.csv", 40, 60, lambda i, row: row[:30] + row[-1:] if i == 3 else row)
make("missing.csv", 40, 60, lambda i, row: row[:30] + 30 * [""] + row[-1:] if i == 3 else row)
PYTHON

gives "a fit" 0 "$snnk" fit --train train.csv --target y --series --m 1000 --test test.csv --save m.st --json
json "a fit" 'j["features"] == "minirocket" and j["m"] == 924 and j["inputs"] == 60 and j["test_accuracy"] > 0.97'
json "what has no meaning" '"projection_scale" not in j and j["constant_columns"] == [] and j["scaling"] == "none"'
gives "the same again" 0 "$snnk" fit --train train.csv --target y --series --m 1000 --save again.st --quiet
gives "its predictions" 0 "$snnk" predict m.st test.csv --out a.csv
gives "their predictions" 0 "$snnk" predict again.st test.csv --out b.csv
if cmp -s a.csv b.csv; then ok; else not_ok "two fits differ"; fi
gives "another seed" 0 "$snnk" fit --train train.csv --target y --series --seed 5 --test test.csv
has "another seed" out '^features +9996 \(minirocket\), 59979 parameters$'
gives "cross-validation" 0 "$snnk" fit --train train.csv --target y --series --m 400 --choose gcv --json
json "cross-validation" 'j["m"] == 336'
gives "info" 0 "$snnk" info m.st
has "info" out '"kind":"minirocket","features":924'

gives "too short" 1 "$snnk" fit --train short.csv --target y --series
has "too short" err 'at least 9 numbers in a row, but there are 8: each row is one series'
gives "other lengths" 1 "$snnk" fit --train ragged.csv --target y --series
has "other lengths" err 'line 5 has 31 fields, but the header has 61'
gives "missing values" 1 "$snnk" fit --train missing.csv --target y --series
has "missing values" err 'some have words or missing values: cut all series to one length'
gives "too few features" 2 "$snnk" fit --train train.csv --target y --series --m 83
has "too few features" err '\-\-m 83 is less than the 84 kernels of --series'
for option in "--linear" "--features gaussian" "--scaling common" "--like m.st" "--store-seed" "--order 1"; do
    # shellcheck disable=SC2086
    gives "$option" 2 "$snnk" fit --train train.csv --target y --series $option
    has "$option" err "${option%% *} has no effect with --series"
done

report "snnk fit --series"
