#!/bin/sh
# Tests of snnk train --window: rows that are read while training. test_cli_window.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: 3000 rows, more than are read at a time ----
python3 - <<'PYTHON'
import math, random, struct
r = random.Random(3)
def npy(path, rows, kind="d"):
    head = "{'descr': '<f%d', 'fortran_order': False, 'shape': (%d, %d), }" % (8 if kind == "d" else 4, len(rows), len(rows[0]))
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n")
        for row in rows: f.write(struct.pack("<%d%s" % (len(row), kind), *row))
def columns(path, rows):  # in Fortran order
    head = "{'descr': '<f8', 'fortran_order': True, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n")
        for column in zip(*rows): f.write(struct.pack("<%dd" % len(column), *column))
# Inputs with means and units of their own, the group of a row, and its weight, 0 for a third of them. The second half of
# the rows is not like the first.
X, Y = [], []
for i in range(3000):
    a, b = r.gauss(0, 1), r.gauss(0, 1) + (i > 1500)
    X.append([700 + 50 * a, 0.001 * b - 3, r.uniform(-1, 1), i // 4, (0, 0.5, 2)[i % 3]])
    Y.append([4000 + 90 * (math.sin(2 * a) + b * X[-1][2]), 0.01 * b])
npy("x.npy", X), npy("y.npy", Y)
columns("x_fortran.npy", X)
npy("x_floats.npy", [row[:3] for row in X], "f")
npy("labels.npy", [[float(y[0] > 4000) + (y[1] > 0.005)] for y in Y])
kept = [i for i in range(3000) if X[i][4] > 0]
npy("x_kept.npy", [X[i] for i in kept]), npy("y_kept.npy", [Y[i] for i in kept])
nan = [list(row) for row in X]
nan[2499][1] = math.nan
npy("x_nan.npy", nan)
# The same inputs, standardized by hand, of the rows that count; and the deviation of a target, by their weights
def moments(values, weights):
    mean = math.fsum(w * v for w, v in zip(weights, values)) / math.fsum(weights)
    return mean, math.sqrt(math.fsum(w * (v - mean) ** 2 for w, v in zip(weights, values)) / math.fsum(weights))
weights = [x[4] for x in X]
of = [moments([row[j] for row in X], [w > 0 for w in weights]) for j in range(3)]
npy("x_scaled.npy", [[(row[j] - of[j][0]) / of[j][1] for j in range(3)] + row[3:] for row in X])
npy("y1.npy", [y[:1] for y in Y])
print(moments([y[0] for y in Y], weights)[1], file=open("deviation", "w"))
# Words, which become many columns
with open("words.csv", "w") as f:
    print("a,b,y", file=f)
    for row, y in zip(X, Y): print("%.3f,w%d,%.3f" % (row[0], r.randrange(20), y[0]), file=f)
# Bytes: in memory they are floats, of 4 times the size
with open("bytes.npy", "wb") as f, open("bytes_y.npy", "wb") as g:
    data = r.randbytes(100 * 450000)
    for h, shape, content in (f, (450000, 100), data), (g, (450000,), bytes(v & 1 for v in data[::100])):
        head = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (shape,)
        h.write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n" + content)
PYTHON
# same NAME A B: two models have the same numbers
same() {
    tensors "$2" >a.txt
    tensors "$3" >b.txt
    if [ -s a.txt ] && cmp -s a.txt b.txt; then ok; else not_ok "$1: $2 and $3 differ"; fi
}
# field KEY: a value of the JSON object in out
field() { python3 -c "import json; print(json.load(open('out'))['$1'])"; }

# ---- The same rows are held out, and scaled alike ----
weighted="--train-inputs x.npy --train-targets y.npy --group 4 --weights 5"
for data in "$weighted" "--train-inputs x_fortran.npy --train-targets y.npy --group 4 --weights 5" \
    "--train-inputs x_floats.npy --train-targets y.npy" "--train-inputs x_floats.npy --train-labels labels.npy" \
    "--train words.csv --target y" "--train words.csv --target y --scaling none"; do
    # shellcheck disable=SC2086
    {
        gives "in memory, $data" 0 "$snnk" train $data --epochs 30 --json
        json "in memory" 'j["window"] is None and j["heldout_rows"] > 100'
        first=$(field first_loss) rows=$(field heldout_rows) learnt=$(field train_rows) loss=$(field heldout_loss)
        gives "a window, $data" 0 "$snnk" train $data --epochs 30 --window 300 --json
        json "a window, $data" "j['window'] == 300 and j['heldout_rows'] == $rows and j['train_rows'] == $learnt"
        json "the first loss, $data" "abs(j['first_loss'] / $first - 1) < 1e-6"
        json "the last loss, $data" "abs(j['heldout_loss'] / $loss - 1) < 0.3 and j['heldout_loss'] < j['first_loss']"
        gives "a window of all rows, $data" 0 "$snnk" train $data --epochs 30 --window $learnt --json
        json "a window of all rows, $data" "abs(j['heldout_loss'] / $loss - 1) < 0.2"
    }
done
gives "in words" 0 "$snnk" train --train words.csv --target y --epochs 1 --window 300
has "in words" out '^window +300 of the rows to learn from are in memory at a time$'

# ---- The scaling is that of all rows which count: computed by hand, with the same groups held out ----
deviation=$(cat deviation)
for window in "" "--window 150"; do
    # shellcheck disable=SC2086
    {
        gives "scaled by hand" 0 "$snnk" train --train-inputs x_scaled.npy --train-targets y1.npy --group 4 --weights 5 \
            --scaling none --epochs 3 --json $window
        first=$(field first_loss)
        gives "scaled by the program" 0 "$snnk" train --train-inputs x.npy --train-targets y1.npy --group 4 --weights 5 \
            --epochs 3 --json $window
    }
    json "inputs, $window" "abs(j['first_loss'] / $first - 1) < 1e-5"
    # The squared loss is half the square of the error, in standard deviations.
    json "targets, $window" "abs(j['rmse'] ** 2 / ($deviation ** 2 * j['heldout_loss']) - 1) < 1e-4"
done

# ---- Rows of weight 0 are as if they were not there; groups are held out whole ----
for window in "" "--window 200"; do
    # shellcheck disable=SC2086
    {
        gives "weights of 0" 0 "$snnk" train $weighted --epochs 3 --save zeros.st --json $window
        json "weights of 0" "j['train_rows'] + j['heldout_rows'] == 2000"
        gives "without these rows" 0 "$snnk" train --train-inputs x_kept.npy --train-targets y_kept.npy --group 4 --weights 5 \
            --epochs 3 --save kept.st $window
    }
    same "weights of 0, $window" zeros.st kept.st
done

# ---- L-BFGS takes all rows in their order, so that a window makes no difference; solving takes them too ----
# shellcheck disable=SC2086
{
    gives "L-BFGS" 0 "$snnk" train $weighted --layers dense:tanh:8,dense --optimizer lbfgs --epochs 15 --save memory.st
    gives "L-BFGS" 0 "$snnk" train $weighted --layers dense:tanh:8,dense --optimizer lbfgs --epochs 15 --window 256 --save window.st
    same "L-BFGS" memory.st window.st
    for when in end epoch; do
        gives "solve, $when" 0 "$snnk" train $weighted --solve $when --epochs 4 --window 256 --json
        json "solve, $when" "j['solved'] and j['heldout_loss'] < 0.5 * j['first_loss']"
    done
    gives "the same again" 0 "$snnk" train $weighted --epochs 4 --window 256 --save window.st --threads 1
    gives "the same again" 0 "$snnk" train $weighted --epochs 4 --window 256 --save again.st --threads 2
    if cmp -s window.st again.st; then ok; else not_ok "the same again: another model"; fi
    gives "nothing held out" 0 "$snnk" train $weighted --epochs 2 --window 256 --heldout 0 --json
    json "nothing held out" 'j["train_rows"] == 2000 and j["heldout_rows"] == 0'
    gives "from a model" 0 "$snnk" train $weighted --model window.st --epochs 2 --window 256 --json
    json "from a model" "j['heldout_loss'] <= j['first_loss']"
}

# ---- What is refused ----
# refused STATUS PATTERN ARGUMENT...: one line on stderr that matches; nothing is written
refused() {
    wanted=$1
    pattern=$2
    shift 2
    rm -f refused.st
    gives "refused: $*" "$wanted" "$snnk" train "$@" --save refused.st
    one_line "refused: $*" err
    has "refused: $*" err "^snnk train: .*$pattern"
    if [ -e refused.st ]; then not_ok "refused: $*: a model was written"; else ok; fi
}
for n in 0 -1 1.5 x ''; do
    refused 2 "--window: '$n' is not a whole number >= 1" --train words.csv --target y --window "$n"
done
refused 1 '--window 127 is less than the 128 rows of a step \(--batch\)' --train words.csv --target y --window 127
refused 1 '--window 300 is less than the 301 rows of a step' --train words.csv --target y --window 300 --batch 301
refused 1 'x_nan.npy: row 2500, column 2: nan is not a finite number' --train-inputs x_nan.npy --train-targets y.npy --window 300

# ---- Memory: too little for all rows, or for the window. Sanitizers need too much of it ----
bytes="--train-images bytes.npy --train-labels bytes_y.npy --layers snnk:relu:2 --epochs 1 --threads 1"
# limited KILOBYTES ARGUMENT...: the program with so little memory
limited() { (ulimit -v "$1" && shift && OPENBLAS_NUM_THREADS=1 "$snnk" "$@"); }
if limited 180000 --version >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    {
        gives "a window by default" 0 limited 180000 train $bytes --json
        has "a window by default" err \
            'the rows of bytes.npy take 0.191 GB, more than half of the 0.184 GB of memory: it goes on as with --window 65536$'
        json "a window by default" 'j["window"] == 65536'
        gives "a large window" 1 limited 180000 train $bytes --window 500000 --heldout 0.5
        one_line "a large window" err
        has "a large window" err '[0-9]{6} rows in a window and [0-9]{6} held-out ones take 0.191 GB, but there are 0.184 GB of memory'
    }
fi

# ---- Ctrl-C, and going on: the same model, byte for byte, with the same window ----
# stopped HOW ARGUMENT...: in epoch 4, SIGINT, or the file x.npy is cut; prints the exit status
stopped() {
    python3 - "$snnk" "$@" <<'PYTHON' >status 2>err
import os, pty, signal, subprocess, sys, time
snnk, how, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
terminal, child = pty.openpty()
p = subprocess.Popen([snnk, "train", *arguments], stdout=subprocess.DEVNULL, stderr=child,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
os.close(child)
seen, since = b"", 0
try:
    while part := os.read(terminal, 4096):
        seen += part
        if since == 0 and b"epoch 4 of" in seen:
            since = time.monotonic()
            if how == "SIGINT": p.send_signal(signal.SIGINT)
            else: os.truncate(how, 50000)
except OSError:  # the other end is closed
    pass
took = time.monotonic() - since
print(p.wait() if took < 1 else "late: %.1f s" % took)
sys.stderr.write(seen.decode().split("\033[K")[-1].replace("\r", ""))
PYTHON
}
# shellcheck disable=SC2086
{
    gives "whole" 0 "$snnk" train $weighted --window 300 --epochs 60 --save whole.st
    stopped SIGINT $weighted --window 300 --epochs 60 --checkpoint check.st --save part.st
    if [ "$(cat status)" = 130 ]; then ok; else not_ok "cancelled: status $(cat status)"; fi
    gives "resumed" 0 "$snnk" train $weighted --window 300 --epochs 60 --resume check.st --save part.st --json
    json "resumed" '3 <= j["resumed_epochs"] < j["epochs"] == 60'
    if cmp -s whole.st part.st; then ok; else not_ok "resumed: another model"; fi
    refused 1 'made with "rows in memory 300", but now it is "rows in memory 301"' $weighted --window 301 --epochs 60 \
        --resume check.st
    refused 1 'made with "rows in memory 300", but now it is "rows in memory all"' $weighted --epochs 60 --resume check.st
    refused 1 'check.st is a checkpoint of other rows' --train-inputs x_scaled.npy --train-targets y.npy --group 4 --weights 5 \
        --window 300 --epochs 60 --resume check.st
    refused 1 'check.st is a checkpoint of other rows' $weighted --scaling common --window 300 --epochs 60 --resume check.st
    # An error in the middle of training says where it is.
    cp x.npy cut.npy
    stopped cut.npy --train-inputs cut.npy --train-targets y.npy --group 4 --weights 5 --window 300 --epochs 100000
    if [ "$(cat status)" = 1 ]; then ok; else not_ok "a file that is cut: status $(cat status)"; fi
    one_line "a file that is cut" err
    has "a file that is cut" err '^snnk train: cut.npy: '
}

report cli_window
