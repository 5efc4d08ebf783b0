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

# ---- Several channels: the class is whether two of three channels move together, which no channel
# alone tells ----
python3 - <<'PYTHON'
import math, random, struct
r = random.Random(2)
def write(name, n, length=40):
    rows = []
    for i in range(n):
        together, p = i % 2, 6 * r.random()
        a = [math.sin(0.6 * t + p) for t in range(length)]
        rows.append(([[a[t], (1 if together else -1) * a[t], r.gauss(0, 1)] for t in range(length)], together))
    with open(name + ".csv", "w") as f:
        print(",".join("t%d_%s" % (t, c) for t in range(length) for c in "xyz") + ",y", file=f)
        for x, y in rows: print(*["%.4f" % v for at in x for v in at], "ab"[y], sep=",", file=f)
    def npy(path, shape, kind, data):
        header = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)).encode()
        header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
        open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
    npy(name + ".npy", (n, length, 3), "<f4", b"".join(struct.pack("<3f", *at) for x, _ in rows for at in x))
    npy(name + "_labels.npy", (n,), "<i4", b"".join(struct.pack("<i", y) for _, y in rows))
    npy(name + "_first.npy", (n, 3, length), "<f4", b"".join(struct.pack("<f", at[c]) for x, _ in rows for c in range(3) for at in x))
write("two", 200), write("two_test", 200)
PYTHON
gives "channels" 0 "$snnk" fit --train two.csv --target y --series --channels 3 --m 1000 --test two_test.csv --save c.st --json
json "channels" 'j["channels"] == 3 and j["inputs"] == 120 and j["m"] == 924 and j["test_accuracy"] > 0.95'
gives "an array" 0 "$snnk" fit --train-inputs two.npy --train-labels two_labels.npy --series --m 1000 --test-inputs two_test.npy --test-labels two_test_labels.npy
has "an array" out '^series +40 moments of 3 channels$'
gives "copies of channels" 0 "$snnk" fit --train two.csv --target y --series --channels 3 --m 420 --augment 2 --test two_test.csv --json
json "copies of channels" 'j["copies"] > 0 and j["test_accuracy"] > 0.9'
gives "the saved model" 0 "$snnk" eval c.st --test two_test.csv --json
json "the saved model" 'j["accuracy"] > 0.95'
gives "no such channels" 1 "$snnk" fit --train two.csv --target y --series --channels 7
has "no such channels" err '\-\-channels 7: a row of two.csv is no series of so many channels, it has 120 numbers'
gives "too short channels" 1 "$snnk" fit --train two.csv --target y --series --channels 20
has "too short channels" err 'at least 9 numbers in each channel, but there are 6, in 20 channels'
gives "channels first" 1 "$snnk" fit --train-inputs two_first.npy --train-labels two_labels.npy --series
has "channels first" err 'at least 9 numbers in each channel, but there are 3, in 40 channels.* \(an array of 200 x 3 x 40'
gives "another number" 1 "$snnk" fit --train-inputs two.npy --train-labels two_labels.npy --series --channels 2
has "another number" err 'channels 2: a row of two.npy is no series of so many channels'
gives "channels of no series" 2 "$snnk" fit --train two.csv --target y --channels 3
has "channels of no series" err '\-\-channels needs --series'
gives "channels 0" 2 "$snnk" fit --train two.csv --target y --series --channels 0
has "channels 0" err "'0' is not a whole number >= 1"

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
