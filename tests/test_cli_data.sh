#!/bin/sh
# Tests of what the snnk program makes of data: numbers, columns, classes. test_cli_data.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Numbers that need more digits than a float has ----
# A column of times, y = 3 + i / 2: floats near 1.7e9 are 128 apart. Up to the rounding of features and weights to float,
# half an ulp of 1 each, and of y up to 8.
awk 'BEGIN { print "t,y"; for (i = 0; i < 10; i++) printf "%d,%g\n", 1700000000 + i, 3 + i / 2 }' >times.csv
# Targets of 1e8 + x, where floats are 8 apart.
awk 'BEGIN { print "x,y"; for (i = 0; i < 4; i++) printf "%d,%d\n", i, 100000000 + i }' >far.csv
for how in "heldout" "gcv"; do
    for file in times far; do
        gives "$file, $how" 0 "$snnk" fit --train $file.csv --task regression --features identity --ridge 0 \
            --choose $how --keep-statistics --save $file.st --test $file.csv --json
        json "$file, $how" "j['test_rmse'] < 1e-6 and j['test_r2'] > 1 - 1e-12"
    done
    gives "predict of times" 0 "$snnk" predict times.st times.csv
    if [ "$(tail -n 1 out)" = 7.5 ]; then ok; else not_ok "predict of times"; fi
    # Twice the rows give the same line, and so do the rows that are left.
    gives "update" 0 "$snnk" update far.st --train far.csv
    gives "eval after update" 0 "$snnk" eval far.st --test far.csv --json
    json "eval after update" "j['rmse'] < 1e-6"
    gives "forget" 0 "$snnk" forget far.st --train far.csv
    gives "eval after forget" 0 "$snnk" eval far.st --test far.csv --json
    json "eval after forget" "j['rmse'] < 1e-6"
done

# ---- Classes have the names in the file ----
for names in "1 2 3" "-1 1" "5 10" "0 1" "-7 0 1e3" "no yes" "b a"; do
    # shellcheck disable=SC2086 # several names
    awk -v names="$names" 'BEGIN { k = split(names, name, " "); print "x,kind"
        for (i = 0; i < 60; i++) print i % k "," name[i % k + 1] }' >named.csv
    gives "classes $names" 0 "$snnk" fit --train named.csv --m 32 --ridge 1e-6 --save named.st --test named.csv --json
    names=$names json "classes $names" "(lambda names: j['task'] == 'classification' and j['test_accuracy'] == 1
        and j['classes'] == len(names) and j['class_names'] == names)(
        sorted(__import__('os').environ['names'].replace('1e3', '1000').split(), key=lambda s: (s if s.isalpha() else float(s))))"
    gives "predict $names" 0 "$snnk" predict named.st named.csv
    tail -n +2 named.csv | sed 's/1e3/1000/' | cut -d , -f 2 >truth
    if tail -n +2 out | cmp -s - truth; then ok; else not_ok "predict $names"; fi
    gives "eval $names" 0 "$snnk" eval named.st --test named.csv --json
    json "eval $names" "j['accuracy'] == 1 and len(j['classes']) == len(j['confusion'])"
done
gives "the first line" 0 "$snnk" fit --train named.csv --m 8 --ridge 1
if [ "$(head -n 1 out)" = 'task          classification: column "kind" holds words' ]; then ok; else not_ok "the first line"; fi

# ---- Classification or regression ----
# table ROWS VALUES: whole numbers 0 ... VALUES-1 in turn
table() { awk -v n="$1" -v k="$2" 'BEGIN { print "x,y"; for (i = 0; i < n; i++) print i * i % 101 "," i % k }' >table.csv; }
# decided TASK REASON OPTION...: what fit finds, and a part of the reason
decided() {
    task=$1 says=$2
    shift 2
    gives "decided $task: $says" 0 "$snnk" fit --m 8 --ridge 1 --json "$@"
    json "decided $task: $says" "j['task'] == '$task' and '$says' in j['task_reason']"
}
table 200 100
decided regression "100 different whole numbers" --train table.csv
decided classification "asked for with --task" --train table.csv --task classification
json "100 classes" "j['classes'] == 100 and j['class_names'] == [str(k) for k in range(100)]"
table 42 21
decided regression "21 different whole numbers" --train table.csv
table 40 20
decided classification "20 different whole numbers" --train table.csv
table 39 20
decided regression "20 different whole numbers in 39 rows" --train table.csv
sed '30s/,.*/,0.5/' table.csv >half.csv
decided regression "not whole, such as 0.5" --train half.csv
gives "classes that are not whole" 1 "$snnk" fit --train half.csv --task classification
has "classes that are not whole" err '^snnk fit: half\.csv: classes must be words or whole numbers: row 29, column "y" has 0\.5$'
paste -d , table.csv table.csv | sed '1s/.*/a,b,c,d/' >four.csv
decided regression "there are 4 target columns" --train-inputs table.csv --train-targets four.csv
# 64 labels 0 ... 31 as unsigned bytes, and as float: classes only where the type and the option say so.
python3 - <<'END'
import struct
def npy(path, kind, code, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%d,)}" % (kind, len(values))
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n" + struct.pack("<%d%s" % (len(values), code), *values))
npy("x.npy", "<f4", "f", [i * i % 101 for i in range(64)])
npy("bytes.npy", "|u1", "B", [i % 32 for i in range(64)])
npy("floats.npy", "<f4", "f", [i % 32 for i in range(64)])
END
decided classification "the labels are 32 different" --train-images x.npy --train-labels bytes.npy
decided regression "32 different" --train-images x.npy --train-targets bytes.npy
decided regression "32 different" --train-images x.npy --train-labels floats.npy

# ---- One class, and classes of one row ----
for class in 7 word; do
    awk -v class=$class 'BEGIN { print "x,y"; for (i = 0; i < 9; i++) print i "," class }' >one.csv
    gives "one class" 1 "$snnk" fit --train one.csv --save one.st
    has "one class" err "^snnk fit: one\\.csv: every row has the class \"$class\": there is nothing to learn with one class\$"
    one_line "one class" err
    if [ -e one.st ]; then not_ok "one class: a file was written"; else ok; fi
done
{ cat named.csv && echo '9,rare'; } >rare.csv
gives "a class of one row" 0 "$snnk" fit --train rare.csv --m 8 --ridge 1 --json
has "a class of one row" err '^snnk fit: rare\.csv: class "rare" has only one row$'
one_line "a class of one row" err
echo '8,too' >>rare.csv
gives "two classes of one row" 0 "$snnk" fit --train rare.csv --m 8 --ridge 1 --json
has "two classes of one row" err '^snnk fit: rare\.csv: 2 classes have only one row each, the first is "rare"$'

# ---- Balanced classes: like a table with three copies of the rows of the class that has a third of the others ----
awk 'BEGIN { print "x,z,y"; for (i = 0; i < 40; i++) print i * i % 17 "," i % 5 "," (i % 4 ? "many" : "few") }' >uneven.csv
{ cat uneven.csv && grep few uneven.csv && grep few uneven.csv; } >even.csv
for how in heldout gcv; do
    gives "balance" 0 "$snnk" fit --train uneven.csv --balance --features identity --scaling none --ridge 0 --choose $how \
        --keep-statistics --save uneven.st
    gives "balance" 0 "$snnk" predict uneven.st uneven.csv --scores --json
    mv out balanced
    gives "balance" 0 "$snnk" fit --train even.csv --features identity --scaling none --ridge 0 --choose $how --save even.st
    gives "balance" 0 "$snnk" predict even.st uneven.csv --scores --json
    # Weights are 40 / (2 * 10) = 2 and 40 / (2 * 30) = 2 / 3, whose ratio is 3 up to the rounding of floats.
    json "balance" "max(abs(a - b) for p, q in zip(j['scores'], json.load(open('balanced'))['scores'])
        for a, b in zip(p, q)) < 1e-6"
done
# Rows that are added count as much as those of the fit, so forgetting them restores it.
gives "balance, update" 0 "$snnk" update uneven.st --train uneven.csv
gives "balance, forget" 0 "$snnk" forget uneven.st --train uneven.csv
gives "balance, forget" 0 "$snnk" predict uneven.st uneven.csv --scores --json
json "balance, forget" "max(abs(a - b) for p, q in zip(j['scores'], json.load(open('balanced'))['scores'])
    for a, b in zip(p, q)) < 1e-6"
gives "balance of a regression" 1 "$snnk" fit --train times.csv --task regression --balance
has "balance of a regression" err 'balance needs classes'

# ---- New classes are appended by their names ----
printf 'x,y\n1,5\n2,10\n3,5\n4,10\n' >fives.csv
printf 'x,y\n7,7\n8,7\n1,5\n' >sevens.csv
printf 'x,y\n7,seven\n' >words.csv
gives "new classes" 0 "$snnk" fit --train fives.csv --m 8 --ridge 0.1 --keep-statistics --save fives.st
gives "new classes" 0 "$snnk" update fives.st --train sevens.csv --json
json "new classes" "j['new_classes'] == 1"
gives "new classes" 0 "$snnk" eval fives.st --test sevens.csv --json
json "new classes" "j['classes'] == ['5', '10', '7']"
gives "words are not added to numbers" 1 "$snnk" update fives.st --train words.csv
has "words are not added to numbers" err '"seven" is not a class'
awk 'BEGIN { print "x,y"; for (i = 0; i < 101; i++) print i "," i + 20 }' >many.csv
gives "too many new classes" 1 "$snnk" update fives.st --train many.csv
has "too many new classes" err '101 numbers that are not classes'
# A model of version 0.1, which did not name classes that are numbers: they are 0, 1, 2.
awk 'BEGIN { print "x,y"; for (i = 0; i < 60; i++) print i % 3 "," i % 3 }' >old.csv
gives "old model" 0 "$snnk" fit --train old.csv --m 32 --ridge 1e-6 --save old.st
python3 - <<'END'
import json, struct, zlib
raw = open("old.st", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8:8 + n])
notes = head.pop("__metadata__")
del notes["note.classes"], notes["snnk.checksum"]
summed = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in sorted(notes.items()))
for name, about in sorted(head.items()):
    begin, end = about["data_offsets"]
    summed += name.encode() + b"\0" + about["dtype"].encode() + b"\0"
    summed += b"".join(struct.pack("<Q", d) for d in about["shape"]) + raw[8 + n + begin:8 + n + end]
notes["snnk.checksum"] = "%08x" % zlib.crc32(summed)
head["__metadata__"] = notes
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open("old.st", "wb").write(struct.pack("<Q", len(text)) + text + raw[8 + n:])
END
gives "old model" 0 "$snnk" eval old.st --test old.csv --json
json "old model" "j['classes'] == ['0', '1', '2'] and j['accuracy'] == 1"

report cli_data
