#!/bin/sh
# Tests of probabilities and intervals in the snnk program: predict and eval, on models whose uncertainty is written by hand.
# test_cli_uncertainty.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# give_uncertainty FILE RECORD NAME=SHAPE=NUMBERS...: put an uncertainty into a model file, with a correct checksum.
cat >give.py <<'END'
import json, struct, sys, zlib
path, record = sys.argv[1:3]
raw = open(path, "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
notes = head.pop("__metadata__")
notes.pop("snnk.checksum"), notes.pop("snnk.uncertainty", None)
tensors = {name: (about["dtype"], about["shape"], raw[8 + n + about["data_offsets"][0]:8 + n + about["data_offsets"][1]])
           for name, about in head.items() if not name.startswith("uncertainty.")}
if record:
    notes["snnk.uncertainty"] = record
for tensor in sys.argv[3:]:
    name, shape, numbers = tensor.split("=")
    tensors["uncertainty." + name] = ("F64", json.loads(shape), struct.pack("<%dd" % len(numbers.split()),
                                                                             *map(float, numbers.split())))
summed = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in sorted(notes.items()))
body, head = b"", {}
for name, (dtype, shape, data) in sorted(tensors.items()):
    head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
    summed += name.encode() + b"\0" + dtype.encode() + b"\0" + b"".join(struct.pack("<Q", d) for d in shape) + data
    body += data
notes["snnk.checksum"] = "%08x" % zlib.crc32(summed)
head["__metadata__"] = notes
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
END
give_uncertainty() { python3 give.py "$@"; }

# npy NAME FILE EXPRESSION: the .npy file has the type t, the shape s and the numbers a, for which the Python expression holds.
npy() {
    if python3 -c "
import ast, struct
raw = open('$2', 'rb').read()
head = ast.literal_eval(raw[10:128].decode())
t, s = head['descr'], head['shape']
a = struct.unpack('<%d%s' % (s[0] * s[1], 'd' if t == '<f8' else 'f'), raw[128:])
assert $3, (t, s, a)" 2>py; then ok; else not_ok "$1: $(tail -n 1 py)"; fi
}
near='(lambda b, c: max(abs(x - y) for x, y in zip(b, c)) < 1e-5)'

# ---- Intervals ----
# y = 2 x + 1, and errors 1 ... 19: the radius is 18 at 0.9 (rank 20 * 0.9) and 10 at 0.5.
printf 'x,y\n0,1\n1,3\n2,5\n3,7\n' >line.csv
gives "fit of a line" 0 "$snnk" fit --train line.csv --task regression --features identity --ridge 0 --save line.st
give_uncertainty line.st ''
gives "no uncertainty" 1 "$snnk" predict line.st line.csv --interval 0.9
has "no uncertainty" err 'line.st does not hold its uncertainty, which --interval needs: there is none after --ridge, --choose gcv, an update that added classes, or train --model; fit it again'
gives "no uncertainty" 1 "$snnk" eval line.st --test line.csv --coverage 0.9
has "no uncertainty" err 'does not hold its uncertainty, which --coverage needs'
gives "no uncertainty" 0 "$snnk" eval line.st --test line.csv --json
json "no uncertainty" "'coverage' not in j and 'mean_width' not in j"
give_uncertainty line.st '{"kind":"regression","outputs":1,"rows":19,"errors":19}' \
    "errors=[1,19]=1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"
gives "info" 0 "$snnk" info line.st
has "info" out '^uncertainty    regression, from 19 rows$'
gives "interval" 0 "$snnk" predict line.st line.csv --interval 0.9
if [ "$(sed -n '1p;4p' out | tr '\n' ' ')" = "y,lower,upper 5,-13,23 " ]; then ok; else not_ok "interval"; fi
gives "interval" 0 "$snnk" predict line.st line.csv --interval 0.5 --json
json "interval" "len(j['lower']) == 4 and abs(j['lower'][3][0] + 3) < 1e-5 and abs(j['upper'][3][0] - 17) < 1e-5"
gives "interval to .csv" 0 "$snnk" predict line.st line.csv --interval 0.9 --out bounds.csv
has "interval to .csv" bounds.csv '^5,-13,23$'
if [ ! -s out ] && [ ! -e bounds.csv.part ]; then ok; else not_ok "interval to .csv: stdout, or a .part file"; fi
gives "interval to .npy" 0 "$snnk" predict line.st line.csv --interval 0.9 --out bounds.npy
npy "interval to .npy" bounds.npy "t == '<f8' and s == (4, 3) and $near(a, [1, -17, 19, 3, -15, 21, 5, -13, 23, 7, -11, 25])"
gives "too few rows" 1 "$snnk" predict line.st line.csv --interval 0.99
has "too few rows" err 'a coverage of 0.99 needs 99 rows that the network has not learned from, but there were 19: at most 0.95 is possible'
for wrong in 0 1 90 -0.5 nan much; do
    gives "interval $wrong" 2 "$snnk" predict line.st line.csv --interval $wrong
    has "interval $wrong" err "a number between 0 and 1"
done
gives "a folder that is none" 1 "$snnk" predict line.st line.csv --out no/such.csv
# Residuals 0, 9, -18, 19: three of four within 18.
printf 'x,y\n0,1\n1,12\n2,-13\n3,26\n' >off.csv
gives "coverage" 0 "$snnk" eval line.st --test off.csv --json
json "coverage" "j['coverage'] == 0.75 and abs(j['mean_width'] - 36) < 1e-9 and j['wanted_coverage'] == 0.9"
gives "coverage" 0 "$snnk" eval line.st --test off.csv --coverage 0.5
has "coverage" out 'intervals for coverage 0.5: 0.5000 of the targets are inside, mean width 20'
gives "coverage" 1 "$snnk" eval line.st --test off.csv --coverage 0.999
has "coverage" err 'needs 999 rows'

# Large values keep their digits.
awk 'BEGIN { print "x,y"; for (i = 0; i < 4; i++) printf "%d,%.2f\n", i, 100000000 + i / 4 }' >far.csv
gives "digits" 0 "$snnk" fit --train far.csv --task regression --features identity --ridge 0 --save far.st
gives "digits" 0 "$snnk" predict far.st far.csv
has "digits" out '^100000000\.75$'
gives "digits" 0 "$snnk" predict far.st far.csv --out far.npy
npy "digits in .npy" far.npy "s == (4, 1) and abs(a[3] - 100000000.75) < 1e-6"

# A target that is named like a bound.
sed '1s/y/upper/' line.csv >upper.csv
gives "target named upper" 0 "$snnk" fit --train upper.csv --task regression --features identity --ridge 0 --save upper.st
give_uncertainty upper.st '{"kind":"regression","outputs":1,"rows":2,"errors":2}' "errors=[1,2]=1 2"
gives "target named upper" 1 "$snnk" predict upper.st upper.csv --interval 0.5
has "target named upper" err 'the target is named "upper", so two columns of the CSV would have that name: use --json'
gives "target named upper" 0 "$snnk" predict upper.st upper.csv
for file in p.parquet p.CSV csv p.csv.gz; do
    gives "--out $file" 2 "$snnk" predict line.st line.csv --out $file
    has "--out $file" err "^snnk predict: --out $file: the name must end in .csv or .npy"
    if [ -e $file ]; then not_ok "--out $file: a file was written"; else ok; fi
done

# ---- Probabilities ----
# Scores are nearly 0 or 1 by class, so with slope log 9 and no biases the probabilities are 9/11, 1/11, 1/11.
awk 'BEGIN { print "a,b,kind"; for (i = 0; i < 30; i++) print (i % 3 == 0) "," (i % 3 == 1) "," \
    (i % 3 == 0 ? "red" : i % 3 == 1 ?  "\"green, light\"" : "blue") }' >colors.csv
gives "fit of colors" 0 "$snnk" fit --train colors.csv --features identity --ridge 0 --save colors.st
gives "no probabilities" 1 "$snnk" predict line.st line.csv --probabilities
has "no probabilities" err 'needs the model of a classification'
gives "both" 2 "$snnk" predict colors.st colors.csv --probabilities --scores
# Classes are in the order of their names: blue, green, red. The right class has p = 9/11 in 18 of 20 rows, 1/11 in two:
# rank 19 of 20 is one of those. Ranks up to 18 are 9/11 (0.857 (n + 1) = 18).
errors=$(awk 'BEGIN { for (i = 0; i < 18; i++) printf "%.17g ", -9 / 11; printf "%.17g %.17g", -1 / 11, -1 / 11 }')
slope=$(awk 'BEGIN { printf "%.17g", log(9) }')
give_uncertainty colors.st "{\"kind\":\"classification\",\"outputs\":3,\"rows\":20,\"errors\":20,\"slope\":$slope}" \
    "errors=[1,20]=$errors" "biases=[3]=0 0 0"
gives "probabilities" 0 "$snnk" predict colors.st colors.csv --probabilities --interval 0.85
# Numbers that rounding of the scores changes in the seventh digit.
if [ "$(head -n 3 out | sed 's/\(0\.[0-9]\{4\}\)[0-9]*/\1/g' | tr '\n' ' ')" = "class,blue,\"green, light\",red,set \
red,0.0909,0.0909,0.8181,red \"green, light\",0.0909,0.8181,0.0909,\"green, light\" " ]; then ok; else not_ok "probabilities"; fi
gives "probabilities in JSON" 0 "$snnk" predict colors.st colors.csv --probabilities --interval 0.8 --json
json "probabilities in JSON" "(abs(j['probabilities'][0][2] - 9 / 11) < 1e-5 and j['sets'][1] == ['green, light'] and
    j['classes'][0] == 'red' and all(abs(sum(p) - 1) < 1e-12 for p in j['probabilities']))"
gives "probabilities in .npy" 0 "$snnk" predict colors.st colors.csv --probabilities --interval 0.85 --out p.npy
npy "probabilities in .npy" p.npy "t == '<f4' and s == (30, 6) and $near(a, [1 / 11, 1 / 11, 9 / 11, 0, 0, 1])"
# With a bias, blue (p = 1/3) is more probable than the printed class, which is in the set all the same.
cp colors.st biased.st
give_uncertainty biased.st "{\"kind\":\"classification\",\"outputs\":3,\"rows\":20,\"errors\":20,\"slope\":$slope}" \
    "errors=[1,20]=$errors" "biases=[3]=4 -2 -2"
gives "the class is in the set" 0 "$snnk" predict biased.st colors.csv --probabilities --interval 0.85 --json
json "the class is in the set" "(all(c in s for c, s in zip(j['classes'], j['sets'])) and j['classes'][0] == 'red' and
    j['probabilities'][0][0] > 0.9 and j['sets'][0] == ['blue', 'red'])"
# Names that CSV cannot hold: a column of this name is there already, or | is in the name.
for odd in class set 'a|b'; do
    awk -v name="$odd" 'BEGIN { print "x,y"; for (i = 0; i < 20; i++) print i "," (i % 2 ? name : "other") }' >odd.csv
    gives "class $odd" 0 "$snnk" fit --train odd.csv --features identity --ridge 1 --save odd.st
    give_uncertainty odd.st "{\"kind\":\"classification\",\"outputs\":2,\"rows\":2,\"errors\":2,\"slope\":1}" \
        "errors=[1,2]=-0.6 -0.5" "biases=[2]=0 0"
    gives "class $odd" 1 "$snnk" predict odd.st odd.csv --probabilities --interval 0.5
    has "class $odd" err "^snnk predict: the model has a class named \"$odd\", .*: use --json, without --out$"
    gives "class $odd" 1 "$snnk" predict odd.st odd.csv --probabilities --interval 0.5 --json --out odd.out.csv
    gives "class $odd" 0 "$snnk" predict odd.st odd.csv --probabilities --interval 0.5 --json
    gives "class $odd" 0 "$snnk" predict odd.st odd.csv --probabilities --interval 0.5 --out odd.npy
    gives "class $odd" 0 "$snnk" predict odd.st odd.csv
done
# New classes remove it, which is said; an update without new classes keeps it.
awk 'BEGIN { print "x,y"; for (i = 0; i < 60; i++) print i "," (i % 2 ? "a" : "b") }' >ab.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 14; i++) print 90 + i ",new" int(i / 2) }' >new.csv
gives "new classes" 0 "$snnk" fit --train ab.csv --features identity --keep-statistics --save ab.st
gives "no new classes" 0 "$snnk" update ab.st --train ab.csv
if grep -q 'probabilities' err; then not_ok "no new classes: a note"; else ok; fi
gives "no new classes" 0 "$snnk" predict ab.st ab.csv --probabilities
gives "new classes" 0 "$snnk" update ab.st --train new.csv
has "new classes" err 'no probabilities and intervals any more, .* without the new classes new0, new1, new2, new3, new4 and 2 more; fit it again'
gives "new classes" 1 "$snnk" predict ab.st ab.csv --probabilities
has "new classes" err 'an update that added classes, or train --model; fit it again$'
# Every row is right, with p = 9/11.
gives "calibration" 0 "$snnk" eval colors.st --test colors.csv --coverage 0.85 --json
json "calibration" "(abs(j['calibration_error'] - 2 / 11) < 1e-5 and abs(j['log_loss'] - 0.2006707) < 1e-5 and
    abs(j['brier'] - 6 / 121) < 1e-5 and j['coverage'] == 1 and j['mean_set_size'] == 1 and j['balanced_accuracy'] == 1 and
    j['recall'] == [1, 1, 1])"
gives "calibration" 0 "$snnk" eval colors.st --test colors.csv
has "calibration" out 'log loss 0.2007, Brier score 0.0496, calibration error 0.1818'
# Recall of a class that is not there is null; that of the others counts once each.
awk 'BEGIN { print "a,b,kind"; for (i = 0; i < 4; i++) print "1,0,red"; print "1,0,blue"; print "0,0,blue" }' >two.csv
gives "recall" 0 "$snnk" eval colors.st --test two.csv --json
json "recall" "j['recall'] == [0.5, None, 1] and j['balanced_accuracy'] == 0.75"

# ---- Never a silent wrong answer ----
printf 'x\n1\n\n3\n' >gap.csv
printf 'x\n1\nNA\n3\n' >na.csv
printf 'x,y\n1,3\ninf,4\n' >inf.csv
printf 'x,y\n1,3\n2,\n3,7\n' >untold.csv
gives "missing input" 1 "$snnk" predict line.st na.csv
has "missing input" err 'na.csv: row 2, column "x": the value is missing'
gives "infinite input" 1 "$snnk" eval line.st --test inf.csv
has "infinite input" err 'inf.csv: row 2, column "x"'
gives "missing target" 1 "$snnk" eval line.st --test untold.csv
has "missing target" err 'untold.csv: row 2, column "y": the value is missing'
awk 'BEGIN { print "x,z,y"; for (i = 0; i < 20; i++) print (i == 3 ? "" : i) "," i % 4 "," 2 * i + 1 }' >gaps.csv
printf 'x,z\n,1\n' >gap2.csv
gives "an encoder fills in" 0 "$snnk" fit --train gaps.csv --task regression --features identity --save gaps.st
gives "an encoder fills in" 0 "$snnk" predict gaps.st gap2.csv
has "an encoder fills in" err 'missing values filled in: 1'
python3 - <<'END'
import struct
def save(path, kind, shape, numbers):
    head = "{'descr': '<%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    open(path, "wb").write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n" +
                           struct.pack("<%d%s" % (len(numbers), "f" if kind == "f4" else "i"), *numbers))
x = [i * 7 % 19 / 19 for i in range(360)]
save("x.npy", "f4", (40, 9), x)
save("y.npy", "i4", (40,), [int(x[9 * i] > 0.5) for i in range(40)])
x[7 * 9 + 5] = float("nan")
save("nan.npy", "f4", (40, 9), x)
END
gives "arrays" 0 "$snnk" fit --train-inputs x.npy --train-labels y.npy --m 32 --save arrays.st
gives "NaN in an array" 1 "$snnk" predict arrays.st nan.npy
has "NaN in an array" err 'nan.npy: row 8, column 6: nan is not a finite number'
gives "swapped files" 1 "$snnk" eval arrays.st --test-inputs y.npy --test-labels x.npy
has "swapped files" err 'y.npy has 1 input columns, and x.npy has 9 target columns, .*: are the two files swapped\?'

# ---- Ctrl-C while a table is written: what was written is removed ----
# The file is a pipe here that nobody reads, so it is full when the signal comes.
awk 'BEGIN { for (i = 0; i < 50000; i++) { if (i == 0) print "x"; print i % 7 } }' >many.csv
mkfifo many.out.csv.part
python3 - "$snnk" line.st many.csv <<'PYTHON' >status 2>err
import array, fcntl, os, signal, subprocess, sys, termios, time
p = subprocess.Popen([sys.argv[1], "predict", *sys.argv[2:], "--out", "many.out.csv", "--quiet"],
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
pipe, full = os.open("many.out.csv.part", os.O_RDONLY), array.array("i", [0])
while full[0] < 65536 and p.poll() is None:
    time.sleep(0.01)
    fcntl.ioctl(pipe, termios.FIONREAD, full)
p.send_signal(signal.SIGINT)
print(p.wait())
PYTHON
if [ "$(cat status)" = 130 ]; then ok; else not_ok "writing cancelled: status $(cat status)"; fi
if [ -e many.out.csv.part ]; then not_ok "writing cancelled: a temporary file is left"; else ok; fi

report cli_uncertainty
