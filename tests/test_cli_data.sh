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
for file in times far; do
    gives "$file" 0 "$snnk" fit --train $file.csv --task regression --features identity --ridge 0 \
        --keep-statistics --save $file.st --test $file.csv --json
    json "$file" "j['test_rmse'] < 1e-6 and j['test_r2'] > 1 - 1e-12"
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
gives "fewer rows than features" 0 "$snnk" fit --train named.csv --m 128
has "fewer rows than features" out '^system        rank 60 of 128, .* by dual$'

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
gives "balance" 0 "$snnk" fit --train uneven.csv --balance --features identity --scaling none --ridge 0 \
    --keep-statistics --save uneven.st
gives "balance" 0 "$snnk" predict uneven.st uneven.csv --scores --json
mv out balanced
gives "balance" 0 "$snnk" fit --train even.csv --features identity --scaling none --ridge 0 --save even.st
gives "balance" 0 "$snnk" predict even.st uneven.csv --scores --json
# Weights are 40 / (2 * 10) = 2 and 40 / (2 * 30) = 2 / 3, whose ratio is 3 up to the rounding of floats.
json "balance" "max(abs(a - b) for p, q in zip(j['scores'], json.load(open('balanced'))['scores'])
    for a, b in zip(p, q)) < 1e-6"
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
has "words are not added to numbers" err '^snnk update: words\.csv: row 1, column "y": "seven" is not a class of the model \(5, 10, 7\)$'
gives "numbers are not added to words" 0 "$snnk" fit --train named.csv --m 8 --ridge 1 --keep-statistics --save letters.st
printf 'x,kind\n1,a\n2,0\n' | sed '2s/a/1/' >bits.csv
cp letters.st before.st
gives "numbers are not added to words" 1 "$snnk" update letters.st --train bits.csv
has "numbers are not added to words" err '^snnk update: bits\.csv: row 1, column "kind": "1" is not a class of the model \(a, b\)$'
if cmp -s letters.st before.st; then ok; else not_ok "numbers are not added to words: the model changed"; fi
awk 'BEGIN { print "x,y"; for (i = 0; i < 600; i++) print i "," i % 7 }' >sevens.csv
gives "many classes" 0 "$snnk" fit --train sevens.csv --m 8 --ridge 1 --save many.st
awk 'BEGIN { print "x,y"; for (i = 0; i < 600; i++) print i "," (i == 590 ? 7 : i % 7) }' >eights.csv
gives "many classes" 1 "$snnk" eval many.st --test eights.csv
has "many classes" err '^snnk eval: eights\.csv: row 591, column "y": "7" is not a class of the model \(0, 1, 2, 3, 4 \.\.\. \(7 in all\)\)$'
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

# ---- Columns: y = 2 a - b + 1, and columns that must not be inputs ----
awk 'BEGIN { print "a,\"junk, of it\",b,note,y"; for (i = 0; i < 60; i++)
    printf "%g,%g,%g,%s,%g\n", i % 10, i * i % 31, i % 7, (i % 3 ? "x" : "z"), 2 * (i % 10) - i % 7 + 1 }' >wide.csv
cut -d , -f 1,4- wide.csv >narrow.csv
awk 'BEGIN { print "b,other,a,y"; for (i = 0; i < 9; i++) printf "%g,text,%g,%g\n", i, i * i, 2 * i * i - i + 1 }' >next.csv
for chosen in '--drop "junk, of it",note' '--drop 2,note' '--columns a,b' '--columns 3,1'; do
    gives "$chosen" 0 "$snnk" fit --train wide.csv --features identity --ridge 0 --task regression "${chosen%% *}" \
        "${chosen#* }" --save wide.st --keep-statistics --json --test next.csv
    json "$chosen" "j['inputs'] == 2 and j['test_rmse'] < 1e-5 and 'encoded_columns' not in j"
    gives "$chosen, eval" 0 "$snnk" eval wide.st --test wide.csv --json
    json "$chosen, eval" "j['rmse'] < 1e-5"
    gives "$chosen, predict" 0 "$snnk" predict wide.st next.csv
    if [ "$(tail -n 1 out | cut -c 1-3)" = 121 ]; then ok; else not_ok "$chosen, predict: 2 * 64 - 8 + 1"; fi
    gives "$chosen, update" 0 "$snnk" update wide.st --train wide.csv
    gives "$chosen, forget" 0 "$snnk" forget wide.st --train wide.csv
    gives "$chosen, eval after" 0 "$snnk" eval wide.st --test wide.csv --json
    json "$chosen, eval after" "j['rmse'] < 1e-5"
done
gives "words stay where they are chosen" 0 "$snnk" fit --train wide.csv --columns a,b,note --ridge 1 --json
json "words stay where they are chosen" "j['encoded_columns'] == 3 and j['inputs'] == 4"
# refused NAME PATTERN OPTION...: fit fails with one line that matches, and writes nothing.
refused() {
    what=$1 pattern=$2
    shift 2
    rm -f refused.st
    gives "$what" 1 "$snnk" fit --save refused.st "$@"
    one_line "$what" err
    has "$what" err "$pattern"
    if [ -e refused.st ]; then not_ok "$what: a file was written"; else ok; fi
}
refused "drop of no column" '^snnk fit: wide\.csv has no column "c": its columns are "a", "junk, of it", "b", "note", "y"$' --train wide.csv --drop c
refused "drop of column 6" '^snnk fit: wide\.csv has no column "6": its columns are "a", ' --train wide.csv --drop 6
refused "a column in another case" '^snnk fit: wide\.csv has no column "Note", but "note", which differs in case or blanks$' --train wide.csv --drop Note
refused "drop of the target" 'column "y" cannot be both dropped and the target' --train wide.csv --drop y --target y
refused "the target as an input" 'column "y" cannot be both an input and the target' --train wide.csv --columns a,y --target y
refused "a weight as an input" 'column "a" cannot be both an input and a weight' --train wide.csv --columns a,b --weights a
refused "nothing left" 'no column is left as input' --train wide.csv --drop 1,2,3,4
gives "columns and drop" 2 "$snnk" fit --train wide.csv --drop a --columns b
gives "the last that is left" 0 "$snnk" fit --train wide.csv --drop y,note --ridge 1 --json --save left.st
gives "the last that is left" 0 "$snnk" info left.st
has "the last that is left" out 'note +target: b'
# An array without names: columns 1 and 3 of 3, of which 2 is noise.
python3 - <<'END'
import struct
def npy(path, columns, values):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d)}" % (len(values) // columns, columns)
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117).encode() + b"\n" + struct.pack("<%dd" % len(values), *values))
npy("three.npy", 3, [v for i in range(50) for v in (i % 10, i * i % 31, i % 7)])
npy("sums.npy", 1, [2 * (i % 10) - i % 7 + 1 for i in range(50)])
npy("two.npy", 2, [0.0] * 8)
END
gives "columns of an array" 0 "$snnk" fit --train-inputs three.npy --train-targets sums.npy --drop 2 --features identity \
    --ridge 0 --task regression --save array.st --test-inputs three.npy --test-targets sums.npy --json
json "columns of an array" "j['inputs'] == 2 and j['test_rmse'] < 1e-5"
gives "columns of an array, eval" 0 "$snnk" eval array.st --test-inputs three.npy --test-targets sums.npy --json
json "columns of an array, eval" "j['rmse'] < 1e-5"
gives "an array with too few columns" 1 "$snnk" predict array.st two.npy
has "an array with too few columns" err 'two\.npy has no column "3", which the model needs, only 2$'

# ---- Weights: x = 0, 1, 2, y = 1, 3, 5 is a line for all of them; then, copies of rows ----
printf 'x,w,y\n0,2e5,1\n1,2e8,3\n2,2e11,5\n' >heavy.csv
gives "weights" 0 "$snnk" fit --train heavy.csv --weights w --task regression --features identity --ridge 0 --save heavy.st
printf 'x\n0\n3\n' >points.csv
gives "weights, predict" 0 "$snnk" predict heavy.st points.csv --json
json "weights, predict" "abs(j['values'][0][0] - 1) < 1e-6 and abs(j['values'][1][0] - 7) < 1e-6"
awk 'BEGIN { print "x,w,z,y"; for (i = 0; i < 30; i++) print i % 7 "," i % 4 "," i * i % 11 "," i * i % 13 / 2 }' >some.csv
awk -F, 'NR == 1 { print } NR > 1 { for (k = 0; k < $2; k++) print }' some.csv >copies.csv
gives "weights" 0 "$snnk" fit --train some.csv --weights w --features identity --ridge 0 --scaling none \
    --keep-statistics --save some.st --json
json "weights" "j['inputs'] == 2 and j['train_rows'] == 22"
gives "weights" 0 "$snnk" predict some.st some.csv --json
mv out weighted
gives "copies" 0 "$snnk" fit --train copies.csv --drop w --features identity --ridge 0 --scaling none --save copies.st
gives "copies" 0 "$snnk" predict copies.st some.csv --json
json "weights are copies" "max(abs(p[0] - q[0]) for p, q in zip(j['values'], json.load(open('weighted'))['values'])) < 1e-6"
# Rows added and removed again have the weights of their column.
gives "weights, update" 0 "$snnk" update some.st --train some.csv
gives "weights, forget" 0 "$snnk" forget some.st --train some.csv
gives "weights, after" 0 "$snnk" predict some.st some.csv --json
json "weights, after" "max(abs(p[0] - q[0]) for p, q in zip(j['values'], json.load(open('weighted'))['values'])) < 1e-6"
gives "update without weights" 1 "$snnk" update some.st --train next.csv
has "update without weights" err 'next\.csv has no column "w"'
sed '4s/^\([^,]*\),[^,]*/\1,-1/' some.csv >minus.csv
refused "a negative weight" '^snnk fit: minus\.csv: row 3, column "w": the weight -1 is not 0 or in 1e-30' --train minus.csv --weights w
sed '4s/^\([^,]*\),[^,]*/\1,/' some.csv >hole.csv
refused "a missing weight" '^snnk fit: hole\.csv: row 3, column "w": the weight is missing$' --train hole.csv --weights w
awk -F, 'NR > 1 { $2 = 0 } { print $1 "," $2 "," $3 "," $4 }' some.csv >zeros.csv
refused "weights of 0" '^snnk fit: zeros\.csv: column "w" has only zeros: no row has a weight$' --train zeros.csv --weights w
refused "weights that are words" 'column "note" holds words, but weights must be numbers' --train wide.csv --weights note

# ---- A class with few rows ----
awk 'BEGIN { print "x,c"; for (i = 0; i < 100; i++) print i "," (i % 50 == 7 ? "yes" : "no") }' >rare.csv
gives "a rare class" 0 "$snnk" fit --train rare.csv --ridge 1 --m 8
has "a rare class" err '^snnk fit: rare\.csv: class "yes" has 2 of 100 rows, so it may rarely be predicted: --balance'
gives "a rare class, balanced" 0 "$snnk" fit --train rare.csv --ridge 1 --m 8 --balance
if [ -s err ]; then not_ok "a rare class, balanced: a note"; else ok; fi

# Where a class is rare, cross-entropy is compared. Logistic labels: a line through ones and zeros never predicts "yes".
awk 'BEGIN { srand(7); print "x,c"; for (i = 0; i < 3000; i++) { x = 2 * rand() - 1; print x "," (rand() < 1 / (1 + exp(58 - 60 * x)) ? "yes" : "no") } }' >steep.csv
gives "a loss is chosen" 0 "$snnk" fit --train steep.csv --features identity --json --save steep.st
json "a loss is chosen" "j['loss'] == 'cross-entropy' and j['log_loss_cross_entropy'] < j['log_loss_squared'] and j['loss_rows'] >= 1000"
json "a loss is chosen: errors" "j['misclassified_cross_entropy'] == j['heldout_error'] <= j['misclassified_squared']"
gives "info of a loss" 0 "$snnk" info steep.st --json
json "info of a loss" "j['notes']['loss'] == 'cross-entropy'"
gives "update without statistics" 1 "$snnk" update steep.st --train steep.csv
has "update without statistics" err 'steep\.st has no statistics, because it minimizes the cross-entropy: fit it with --keep-statistics'
gives "its probabilities" 0 "$snnk" predict steep.st steep.csv --probabilities
has "its probabilities" out '^yes,'
gives "its text" 0 "$snnk" fit --train steep.csv --features identity
has "its text" out '^loss          cross-entropy: log loss'
# lambda was chosen by least squares, here by leave-one-out of few rows; the error is that of the cross-entropy.
head -901 steep.csv >steep_few.csv
gives "few rows" 0 "$snnk" fit --train steep_few.csv --features identity --loss cross-entropy
has "few rows: lambda" out '^lambda .*\(leave-one-out\)$'
has "few rows: the error" out '^held-out      [0-9.]* % of 900 rows misclassified$'
gives "few rows, json" 0 "$snnk" fit --train steep_few.csv --features identity --loss cross-entropy --json
json "few rows, json" "j['lambda_chosen'] == 'leave-one-out' and j['heldout_rows'] == j['loss_rows'] and j['heldout_error'] == j['misclassified_cross_entropy']"
# Few groups are held out one by one.
for groups in 5 6; do
    awk -F, -v groups=$groups 'NR == 1 { print "x,g,c"; next } { print $1 "," int(NR / 7) % groups "," $2 }' steep_few.csv >groups.csv
    for seed in 0 1 2; do
        gives "$groups groups, seed $seed" 0 "$snnk" fit --train groups.csv --group g --features identity --seed $seed
        has "$groups groups, seed $seed" out 'compared on 900 held-out rows'
    done
done
gives "too large to compare" 0 "$snnk" fit --train steep_few.csv --m 5000 --features gaussian
has "too large to compare" out '^loss          squared; cross-entropy was not compared: it would take long .--loss cross-entropy does it.$'
gives "loss squared" 0 "$snnk" fit --train steep.csv --features identity --json --loss squared
json "loss squared" "j['loss'] == 'squared' and 'loss_rows' not in j"
gives "statistics keep the squared loss" 0 "$snnk" fit --train steep.csv --features identity --json --keep-statistics --save steep.st
json "statistics keep the squared loss" "j['loss'] == 'squared' and 'loss_rows' not in j"
gives "a loss that is asked for" 0 "$snnk" fit --train steep.csv --features identity --balance --json --loss cross-entropy
json "a loss that is asked for" "j['loss'] == 'cross-entropy'"
gives "cross-entropy and statistics" 2 "$snnk" fit --train steep.csv --loss cross-entropy --keep-statistics --save steep.st
has "cross-entropy and statistics" err 'keep-statistics needs --loss squared: statistics cannot update a solution by cross-entropy'
awk 'BEGIN { print "x,y"; for (i = 0; i < 50; i++) print i "," i / 4 }' >line.csv
gives "cross-entropy of a regression" 1 "$snnk" fit --train line.csv --loss cross-entropy
has "cross-entropy of a regression" err 'loss cross-entropy needs classes, but this is a regression'

# ---- Groups: a column that is no input ----
gives "groups" 0 "$snnk" fit --train wide.csv --group note --ridge 1 --json --save group.st
json "groups" "j['inputs'] == 3"
gives "groups" 0 "$snnk" info group.st
sed '4s/,[xz],/,,/' wide.csv >lost.csv
refused "a missing group" 'lost\.csv: row 3, column "note": the group is missing' --train lost.csv --group note --ridge 1

awk 'BEGIN { print "x,who,y"; for (i = 0; i < 2000; i++) print i * i % 311 "," int(i / 10) "," i * i % 17 / 4 }' >people.csv
gives "rows of a group stay together" 0 "$snnk" fit --train people.csv --group who --m 8 --choose heldout --json
json "rows of a group stay together" "j['heldout_rows'] > 0 and j['heldout_rows'] % 10 == 0"

# ---- Bad data: one sentence, and nothing is written ----
printf 'a,b,y\n,,1.5\n,,2\n,,3\n' >gaps.csv
refused "all missing" '^snnk fit: gaps\.csv: no input column varies: there is nothing to learn from$' --train gaps.csv
printf 'a,b,y\n,,\nNA,NA,NA\n,,\n' >empty.csv
refused "every cell missing" '^snnk fit: empty\.csv: no input column varies: there is nothing to learn from$' --train empty.csv
printf 'w,y\nq,a\nq,b\nq,a\n' >allwords.csv
refused "no numbers, one word" '^snnk fit: allwords\.csv: no input column varies: there is nothing to learn from$' --train allwords.csv
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 10; i++) print i "," i * i % 7 "," i / 2 }' >ten.csv
refused "more features than a BLAS can count" 'features = 46341: .*use at most 46340 features$' --train ten.csv --features arc-cosine --m 46341
printf 'a,y\n7,1.5\n7,2\n7,4\n' >same.csv
refused "all the same" '^snnk fit: same\.csv: every input has the same value in all rows: there is nothing to learn from$' \
    --train same.csv --ridge 1
printf 'a,y\n7,1.5\n' >row.csv
refused "one row" '^snnk fit: row\.csv has only one row: nothing can be learned from it$' --train row.csv --ridge 1
printf 'a,y\n' >none.csv
refused "no rows" '^snnk fit: none\.csv has no rows$' --train none.csv --ridge 1
printf 'a,y\n1,\n2,\n' >unknown.csv
refused "no target" '^snnk fit: unknown\.csv: row 1, column "y": the value is missing' --train unknown.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 1000000; i++) print i ",w" i }' >million.csv
# A model with an encoder names the field, too. A gap is the cure only if the model fills gaps.
printf 'a,w,day,y\n1,q,2026-01-01,1.5\n2,z,2026-01-02,2\n4,q,2026-01-03,3\n' >kinds.csv
gives "fit of all kinds" 0 "$snnk" fit --train kinds.csv --features identity --ridge 1 --task regression --missing mean --save kinds.st
gives "fit of all kinds" 0 "$snnk" fit --train kinds.csv --features identity --ridge 1 --task regression --missing refuse --save strict.st
# not_fit NAME TEXT SENTENCE: predict refuses a table.
not_fit() {
    printf 'a,w,day\n3,q,2026-01-04\n%s\n' "$2" >odd.csv
    gives "$1" 1 "$snnk" predict kinds.st odd.csv
    one_line "$1" err
    has "$1" err "^snnk predict: odd\\.csv: row 2, column $3: correct it, or leave the field empty\$"
    gives "$1" 1 "$snnk" predict strict.st odd.csv
}
not_fit "a word where numbers were" 'three,q,2026-01-05' '"a": "three" is not a number, but the column had numbers in the training data'
has "a word where numbers were" err 'correct it, or remove the row$'
not_fit "a date that is none" '3,q,2026-02-30' '"day": "2026-02-30" is not a date like 2026-11-30 or 2026-11-30T09:53:16Z'
not_fit "an infinite number" 'inf,q,2026-02-03' '"a": inf is not a finite number'
printf 'a,w,day\n,q,2026-01-04\n' >odd.csv
gives "a gap that is refused" 1 "$snnk" predict strict.st odd.csv
has "a gap that is refused" err '^snnk predict: odd\.csv: row 1, column "a": the value is missing: fill it in, or fit with --missing mean$'
refused "a gap in training" '^snnk fit: hole\.csv: row 3, column "w": the value is missing: fill it in, or fit with --missing mean$' \
    --train hole.csv --missing refuse
printf 'a,w\n3,q\n' >odd.csv
gives "a column that is not there" 1 "$snnk" predict kinds.st odd.csv
has "a column that is not there" err '^snnk predict: odd\.csv has no column "day", which the model needs: its columns are "a", "w"$'
if grep -qi encoder err; then not_ok "a word of the library"; else ok; fi
printf 'a,w,DAY \n3,q,2026-01-04\n' >odd.csv
gives "a column in another case" 1 "$snnk" predict kinds.st odd.csv
has "a column in another case" err 'has no column "day", which the model needs, but "DAY ", which differs in case or blanks: rename it$'
printf 'foo,bar\n' >odd.csv
gives "other columns, no rows" 1 "$snnk" predict kinds.st odd.csv
has "other columns, no rows" err 'has no column "a", which the model needs: its columns are "foo", "bar"$'
printf 'a,w,day\n' >odd.csv
gives "no rows" 0 "$snnk" predict kinds.st odd.csv
if [ "$(cat out)" = y ]; then ok; else not_ok "no rows"; fi
gives "swapped arguments" 1 "$snnk" predict odd.csv kinds.st
one_line "swapped arguments" err
has "swapped arguments" err ': give the model first, then the table$'
gives "a table as the model" 1 "$snnk" eval kinds.csv --test kinds.csv
has "a table as the model" err ': the first argument must be the model$'
printf 'day,y\n2026-01-01,1.5\n2026-13-02,2\n2026-11-02,2.5\n' >whens.csv
refused "dates as targets" '^snnk fit: whens\.csv: column "day" holds dates, such as "2026-01-01": to predict when, write them as numbers, such as days; if they are classes, use --task classification$' \
    --train whens.csv --target day --ridge 1
refused "dates of a regression" 'column "day" holds dates, such as "2026-01-01": to predict when, write them as numbers, such as days$' \
    --train whens.csv --target day --ridge 1 --task regression
gives "dates as classes" 0 "$snnk" fit --train whens.csv --target day --ridge 1 --m 8 --task classification --json
json "dates as classes" "j['class_names'] == ['2026-01-01', '2026-11-02', '2026-13-02']"
refused "a million classes" 'holds 1000000 different words, but the limit is 10000 classes' --train million.csv --task classification
# Numbers that are not read as such are no classes, unless they are asked for.
awk 'BEGIN { print "x,y"; for (i = 0; i < 200; i++) printf "%d,$-%d.27\n", i * 7 % 31, i }' >dollars.csv
refused "numbers as targets" 'column "y" has a different word in nearly every row, such as "\$-0\.27": if it is a number, write it without signs and commas; if these are classes, use --task classification$' \
    --train dollars.csv
refused "names as targets" 'has a different word in nearly every row, such as "w0"' --train million.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 200; i++) printf "%d,%d%%\n", i * 7 % 31, i % 25 }' >shares.csv
refused "shares as targets" 'column "y" has 25 different words, such as "0%": if it is a number' --train shares.csv
refused "a regression of words" 'column "y" holds words: not a regression: row 1 has "0%"\. If it is a number, write it without signs and commas$' --train shares.csv --task regression
gives "classes with signs" 0 "$snnk" fit --train shares.csv --task classification --m 8 --ridge 1 --json
json "classes with signs" "j['classes'] == 25"
# Inputs of numbers that are not read are named, with one of them.
awk 'BEGIN { print "p,q,d,u,y"; for (i = 0; i < 200; i++) printf "%g%%,\"1,%03d\",%02d/%02d/1999,c%d,%g\n", i / 4, i, i % 12 + 1, i % 9 + 1, i % 70, i % 13 / 2 }' >written.csv
gives "numbers as inputs" 0 "$snnk" fit --train written.csv --m 8 --ridge 1
for input in 'p.*"0%"' 'q.*"1,000"' 'd.*"01/01/1999"'; do
    has "numbers as inputs, $input" err "^snnk fit: written\\.csv: column \"${input%%.*}\" is read as words, such as \"${input#*\"}: write numbers without %, commas and currency signs, dates as 2024-03-14"
done
if grep -q '"u"' err; then not_ok "words are words"; else ok; fi
has "many words" out '^note          column "u" has 70 different words, such as "c0": the 64 most frequent are an input each, the others share one$'
refused "a million words" '^snnk fit: million\.csv: column "y" has a different word in nearly every row: there is nothing to learn from$' \
    --train million.csv --target x
printf 'day,y\n2026-01-01,1.5\n2026-13-02,2\n2026-11-02,2.5\n' >badday.csv
refused "a date that is none" 'row 2, column "day": "2026-13-02" is no date, but most of the column are' --train badday.csv --ridge 1
# Words in training and numbers later, and the other way round.
printf 'w,y\nq,1.5\nz,2\nq,4\n' >word.csv
printf 'w,y\n1,1.5\n2,2\n3,4\n' >number.csv
for kind in word number; do
    gives "fit of a $kind" 0 "$snnk" fit --train $kind.csv --m 8 --ridge 1 --save $kind.st --keep-statistics
done
for run in "eval word.st --test number.csv" "predict word.st number.csv" "update word.st --train number.csv" \
    "eval number.st --test word.csv" "predict number.st word.csv" "update number.st --train word.csv"; do
    cksum word.st number.st >before
    # shellcheck disable=SC2086
    gives "$run" 1 "$snnk" $run
    one_line "$run" err
    has "$run" err '^snnk [a-z]*: (number\.csv: row 1, column "w": 1 is a number, but the column had words in the training data, such as q: check that it is the same column|word\.csv: row 1, column "w": "q" is not a number, but the column had numbers in the training data: correct it, or remove the row)$'
    cksum word.st number.st >after
    if cmp -s before after; then ok; else not_ok "$run: the model changed"; fi
done
# A target is not needed for predictions, but to score and to update.
cut -d , -f 1 number.csv >bare.csv
gives "predict without a target" 0 "$snnk" predict number.st bare.csv
gives "eval without a target" 1 "$snnk" eval number.st --test bare.csv
has "eval without a target" err '^snnk eval: bare\.csv has no column "y": its columns are "w"$'
gives "update without a target" 1 "$snnk" update number.st --train bare.csv
has "update without a target" err '^snnk update: bare\.csv has no column "y": its columns are "w"$'
# Constant columns are named and left out.
awk 'BEGIN { print "one,x,two,y"; for (i = 0; i < 20; i++) print "5," i * i % 11 ",6," i / 4 }' >flat.csv
gives "constant columns" 0 "$snnk" fit --train flat.csv --ridge 1 --m 8 --json --save flat.st
json "constant columns" "j['constant_columns'] == ['one', 'two'] and j['inputs'] == 1"
gives "constant columns" 0 "$snnk" fit --train flat.csv --ridge 1 --m 8
has "constant columns" out '^note +2 columns have one value: they are no inputs; the first is "one"$'
cut -d , -f 2,4 flat.csv >slim.csv
gives "constant columns are not needed" 0 "$snnk" eval flat.st --test slim.csv

# ---- Linear data: --linear does not add the inputs to themselves ----
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 60; i++) print i % 7 "," i % 11 "," i % 7 + 2 * (i % 11) }' >plane.csv
gives "linear, chosen" 0 "$snnk" fit --train plane.csv --linear --json
json "linear, chosen" "j['features'] == 'identity' and j['m'] == 2"

# ---- What becomes of the inputs ----
for how in "none:as they are" "center:centered, with their own units" "common:centered, with one scale for all" \
    "standardize:standardized"; do
    gives "scaling $how" 0 "$snnk" fit --train plane.csv --scaling "${how%%:*}"
    has "scaling $how" out "^inputs  *${how#*:}\$"
done

# ---- Rows of weight 0 ----
# Of 30000 rows, 30 count: they are found, however rare.
awk 'BEGIN { print "x,w,y"; for (i = 0; i < 30000; i++) print i % 997 "," (i % 1000 == 3) "," 2 * (i % 997) + i % 3 / 4 }' >light.csv
gives "few rows count" 0 "$snnk" fit --train light.csv --weights w --json
json "few rows count" "j['train_rows'] == 30 and j['candidate_rows'] == 30"

# ---- Dates and missing values ----
awk 'BEGIN { print "day,x,y"; for (i = 0; i < 40; i++)
    printf "2026-%02d-%02d,%s,%g\n", 1 + i % 12, 1 + i % 28, (i % 9 ? i % 5 : "-999"), i / 3 }' >days.csv
gives "dates" 0 "$snnk" fit --train days.csv --ridge 1 --json
json "dates" "j['inputs'] == 2"
# A date has one output, and a cosine and a sine of year, week and day; x has one more for missing.
gives "dates in parts" 0 "$snnk" fit --train days.csv --ridge 1 --json --date-parts --missing-words "?,-999" --save days.st
json "dates in parts" "j['inputs'] == 7 + 2"
gives "the model knows what is missing" 0 "$snnk" predict days.st days.csv
has "the model knows what is missing" err 'missing values filled in: 5, the first in row 1, column "x"$'

# ---- What info says of columns and classes ----
awk 'BEGIN { print "age,city,member,same,kind"; split("Lima Oslo Rome", city, " ")
    for (i = 0; i < 30; i++) print (i % 10 ? i % 3 + 1 : "") "," (i % 15 == 7 ? "" : city[i % 3 + 1]) "," (i % 2 ? "yes" : "no") ",7," i % 2 * 5 }' >people.csv
gives "info of an encoder" 0 "$snnk" fit --train people.csv --m 16 --ridge 1 --save people.st
gives "info of an encoder" 0 "$snnk" info people.st
has "classes" out '^classes        2: 0, 5$'
# Rows with i % 10 = 0 are missing; 9 each of 1, 2, 3 are left.
has "numbers" out '^column         age: numbers; a missing one becomes 2, and an input says so$'
has "words" out '^column         city: words Lima, Oslo, Rome; a missing one is none of them, and an input says so$'
has "booleans" out '^column         member: booleans; a missing one is refused$'
has "a constant" out '^column         same: constant, no input$'
gives "info of an encoder, JSON" 0 "$snnk" info people.st --json
json "info of an encoder, JSON" "(j['classes'] == ['0', '5'] and j['encoder']['missing'] == 'known'
    and j['encoder']['columns'][1] == {'name': 'city', 'encoding': 'words', 'inputs': 4, 'had_missing': True,
        'words': ['Lima', 'Oslo', 'Rome'], 'others_share_an_input': False})"
gives "what is missing is refused" 0 "$snnk" fit --train wide.csv --missing refuse --ridge 1 --save strict.st
gives "what is missing is refused" 0 "$snnk" info strict.st
has "what is missing is refused" out '^column         note: words x, z; a missing one is refused$'

# ---- Files that are the other way round ----
refused "swapped" 'targets three\.npy have 3 columns and the inputs sums\.npy 1: are they swapped' --train-images sums.npy --train-labels three.npy
gives "not swapped" 0 "$snnk" fit --train-inputs sums.npy --train-targets three.npy --task regression --m 8 --ridge 1
SNNK_KERNELS=foo "$snnk" fit --train fives.csv --m 8 --ridge 1 >out 2>err
has "unknown kernels" err '^snnk: SNNK_KERNELS=foo: there are no such kernels here, [a-z0-9]* are used$'
SNNK_KERNELS=portable "$snnk" fit --train fives.csv --m 8 --ridge 1 >out 2>err
if [ ! -s err ]; then ok; else not_ok "known kernels"; fi

# ---- Options that the kind of features does not use ----
for bad in "gaussian --activation gelu" "gaussian --order 2" "gaussian --floor -1" "gaussian --offset-scale 1" \
    "elementwise --order 1" "elementwise --floor 0" "arc-cosine --activation relu" "identity --m 10" \
    "identity --projection gaussian" "identity --projection-scale 2" "identity --linear" "identity --store-seed"; do
    # shellcheck disable=SC2086 # a kind and an option
    gives "$bad" 2 "$snnk" fit --train fives.csv --features $bad
    has "$bad" err "^snnk fit: --[a-z-]* has no effect on [a-z-]* features"
    one_line "$bad" err
done

# ---- Columns of numbers with a text that is none ----
awk 'BEGIN { print ",a,b,c,y"; for (i = 0; i < 40; i++) print i "," (i % 8 == 7 ? "-" : i % 13) "," (i == 9 ? "n.a." : "w" i % 3) "," \
    i * i % 7 "," i % 13 / 2 }' >typed.csv
gives "a text among numbers" 0 "$snnk" fit --train typed.csv --ridge 1 --m 8
has "a text among numbers" out '^note .*"a" is read as words, because of "-": if that means missing, use --missing-words$'
if grep -q '"[bc]" is read' out; then not_ok "words that are no numbers"; else ok; fi
has "an index without a name" out '^note          column 1, "", counts the rows: if it is no input, use --drop 1$'
gives "a text among numbers, --json" 0 "$snnk" fit --train typed.csv --ridge 1 --m 8 --json
json "a text among numbers, --json" "j['mixed_columns'] == ['a']"
# One of ten fields at most is a mistake, or means missing.
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 40; i++) print (i == 7 || i == 12 || i == 20 ? "-" : i == 3 ? "" : i == 4 ? "n/a" : i % 13) "," i * i % 7 "," i % 13 / 2 }' >stray.csv
refused "a stray text" '^snnk fit: stray\.csv: row 8, column "a": "-" is not a number, but 35 of 38 fields are: correct it, say that it means missing with --missing-words, or drop the column with --drop$' --train stray.csv
gives "a stray text, dropped" 0 "$snnk" fit --train stray.csv --ridge 1 --m 8 --drop a
gives "a stray text that means missing" 0 "$snnk" fit --train stray.csv --ridge 1 --m 8 --missing-words=-,n/a
awk 'BEGIN { print "k,a,y"; for (i = 0; i < 40; i++) print i + 1 "," i % 11 "," i % 13 / 2 }' >counted.csv
gives "a column that counts" 0 "$snnk" fit --train counted.csv --ridge 1 --scaling none
has "a column that counts" out '^note          column 1, "k", counts the rows: if it is no input, use --drop 1$'
awk 'BEGIN { print "k,a,y"; for (i = 0; i < 40; i++) print 3 * i + 1 "," i % 11 "," i % 13 / 2 }' >counted.csv
gives "a column that grows" 0 "$snnk" fit --train counted.csv --ridge 1
if grep -q 'column 1' out; then not_ok "a column that grows"; else ok; fi
awk 'BEGIN { print ",a,y"; for (i = 0; i < 40; i++) print i * 7 % 40 "," i % 11 "," i % 13 / 2 }' >counted.csv
gives "a column without a name" 0 "$snnk" fit --train counted.csv --ridge 1
has "a column without a name" out '^note          column 1 has no name: if it only numbers or names the rows, use --drop 1$'
awk 'BEGIN { print "id,when,a,y"; for (i = 0; i < 70; i++) printf "u%d,20%02d-01-0%d,%d,%g\n", i, i, i % 9 + 1, i % 13, i % 13 / 2 }' >named.csv
gives "names of rows" 0 "$snnk" fit --train named.csv --ridge 1 --m 8 --missing mean --save named.st
has "names of rows" out '^note          column "id" has a different word in nearly every row, such as "u0": it is no input$'
gives "names are no inputs" 0 "$snnk" fit --train named.csv --ridge 1 --m 8 --json
json "names are no inputs" "j['name_columns'] == ['id'] and j['inputs'] == 2"
gives "names that are asked for" 0 "$snnk" fit --train named.csv --columns id,a --ridge 1 --m 8 --json
# 64 words, all others together, and a.
json "names that are asked for" "j['name_columns'] == [] and j['inputs'] == 66"
cut -d , -f 2- named.csv >nameless.csv
gives "names are not needed" 0 "$snnk" eval named.st --test nameless.csv
# One of ten rows without a word of its own, in at most three rows each, is a name too; a frequent word is none.
awk 'BEGIN { print "id,a,y"; for (i = 0; i < 100; i++) print "u" i - (i % 10 == 1) "," i % 13 "," i % 13 / 2 }' >nearly.csv
gives "nearly every row" 0 "$snnk" fit --train nearly.csv --ridge 1 --m 8 --json
json "nearly every row" "j['name_columns'] == ['id'] and j['inputs'] == 1"
awk 'BEGIN { print "id,a,y"; for (i = 0; i < 100; i++) print (i < 5 ? "none" : "u" i) "," i % 13 "," i % 13 / 2 }' >often.csv
gives "a frequent word" 0 "$snnk" fit --train often.csv --ridge 1 --m 8 --json
json "a frequent word" "j['name_columns'] == [] and j['inputs'] == 66"
cut -d , -f 1,3 nearly.csv >only.csv
refused "nothing but names" '^snnk fit: only\.csv: column "id" has a different word in nearly every row: there is nothing to learn from$' --train only.csv
if grep -q '"when" has a different' out; then not_ok "dates are no names"; else ok; fi
# Years 2000 ... 2069: the mean lies at the turn of 2034 to 2035.
gives "a day in place of a missing one" 0 "$snnk" info named.st
has "a day in place of a missing one" out '^column         when: dates; a missing one becomes 203[45]-[01][0-9]-[0-3][0-9]$'
gives "the text means missing" 0 "$snnk" fit --train typed.csv --ridge 1 --m 8 --json --missing-words -
json "the text means missing" "j['mixed_columns'] == []"
awk 'BEGIN { print "a;b;y"; for (i = 0; i < 40; i++) print (i % 8 == 7 ? "-" : i % 13 ",5") ";" i * i % 7 ",25;" i % 13 ",5" }' >commas.csv
gives "a text among decimal commas" 0 "$snnk" fit --train commas.csv --ridge 1 --m 8
has "a text among decimal commas" out '"a" is read as words, because of "-"'

# ---- What the chosen features were compared with ----
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 80; i++) { a = i * 37 % 80; b = i * i % 17; print a "," b "," 3 * a - b / 2 } }' >straight.csv
gives "a linear model" 0 "$snnk" fit --train straight.csv
has "a linear model" out '^features      2 \(identity\)'
has "a linear model" out '^chosen .*; not linear: [0-9.e-]+ %$'
gives "a linear model, --json" 0 "$snnk" fit --train straight.csv --json
json "a linear model, --json" "j['candidate_error'] == j['linear_error'] <= j['not_linear_error']"

# ---- Inputs with few different values ----
# y = 0, 5, 1, 7, 2 for five doses, plus errors of -1, 0 and 1 that do not depend on them. The errors have a variance of 2/3, and y
# one of 6.8: R2 is 6.8 / (6.8 + 0.667) = 0.911, and the error of a row that is left out about sqrt(2/3) = 0.816 (a mean of
# 160 rows or more is exact to 0.06). If all rows of a dose were left out together, it would be 3. Of 5000 rows some are held out.
for n in 800 5000; do
    awk -v n=$n 'BEGIN { split("0 5 1 7 2", y, " "); print "dose,y"; for (i = 0; i < n; i++) print i % 5 "," y[i % 5 + 1] + int(i / 5) % 3 - 1 }' \
        >doses.csv
    gives "few different inputs, $n" 0 "$snnk" fit --train doses.csv --task regression --save doses.st --test doses.csv --json
    json "few different inputs, $n" "j['test_r2'] > 0.9 and 0.7 < j['heldout_error'] ** 0.5 < 0.9"
done
awk 'BEGIN { print "u,y"; for (i = 0; i < 3000; i++) print (i % 2 ? "yes" : "no") "," i % 2 * 3 + i % 7 / 10 }' >two.csv
gives "two different inputs" 0 "$snnk" fit --train two.csv --json
json "two different inputs" "j['candidate_error'] < 0.1"

# ---- Later tables with gaps ----
printf 'a,b\n,3\n' >later.csv
gives "no gaps" 0 "$snnk" fit --train straight.csv --ridge 1 --save full.st
gives "gaps only later" 1 "$snnk" predict full.st later.csv
has "gaps only later" err 'row 1, column "a": the value is missing'
gives "no gaps, --missing mean" 0 "$snnk" fit --train straight.csv --ridge 0 --features identity --missing mean --save full.st
gives "gaps only later, --missing mean" 0 "$snnk" predict full.st later.csv --json
# The mean of a = 0 ... 79 is 39.5: y = 118.5 - 1.5, up to the rounding of features and weights to float.
json "gaps only later, --missing mean" "abs(j['values'][0][0] - 117) < 1e-3"

# One rule for all tables: words or dates do not change it.
awk 'BEGIN { print "a,b,w,y"; for (i = 0; i < 80; i++) print i * 37 % 80 "," (i % 9 ? i * i % 17 : "") "," (i % 3 ? "u" : "v") "," i % 7 / 2 }' >partly.csv
gives "gaps in one column" 0 "$snnk" fit --train partly.csv --ridge 1 --m 8 --save partly.st
for gap in '1,2,;w' ',2,u;a'; do
    printf 'a,b,w\n3,,u\n%s\n' "${gap%;*}" >later.csv
    gives "a gap in ${gap#*;}" 1 "$snnk" predict partly.st later.csv
    has "a gap in ${gap#*;}" err "row 2, column \"${gap#*;}\": the value is missing, but none was in the training data: fill it in"
done
printf 'a,b,w\n3,,u\n' >later.csv
gives "a gap where gaps were" 0 "$snnk" predict partly.st later.csv
has "a gap where gaps were" err 'missing values filled in: 1, the first in row 1, column "b"$'
gives "info of gaps" 0 "$snnk" info partly.st
has "info of gaps" out '^column         a: numbers; a missing one is refused$'
has "info of gaps" out '^column         b: numbers; a missing one becomes [0-9.]*, and an input says so$'
has "info of gaps" out '^column         w: words u, v; a missing one is refused$'

# ---- The features of another model ----
gives "features to share" 0 "$snnk" fit --train straight.csv --features gaussian --m 16 --projection-scale 0.25 --ridge 1 --save shared.st
gives "shared features" 0 "$snnk" fit --train straight.csv --like shared.st --ridge 1
has "shared features" out '^features      16 \(gaussian, projection scale 0\.25\)'

gives "a scaling" 0 "$snnk" fit --train straight.csv --features gaussian --m 16 --ridge 1 --scaling common --save shared.st
gives "a shared scaling" 0 "$snnk" fit --train straight.csv --like shared.st --ridge 1 --json --save again.st
json "a shared scaling" "j['scaling'] == 'common'"
gives "a scaling shared again" 0 "$snnk" fit --train straight.csv --like again.st --ridge 1 --json
json "a scaling shared again" "j['scaling'] == 'common'"

# ---- Tables that are not plain CSV ----
awk 'BEGIN { for (i = 0; i < 60; i++) printf " %6.2f   %g\t%3d  \n", i % 7, i * i % 11, i % 7 + 2 * (i * i % 11) }' >blanks.data
gives "blanks" 0 "$snnk" fit --train blanks.data --features identity --ridge 0 --task regression --save blanks.st --json
json "blanks" "j['inputs'] == 2"
has "blanks" err '^snnk fit: blanks\.data: spaces separate its columns; if they do not, use --separator ,$'
gives "blanks that are given" 0 "$snnk" fit --train blanks.data --features identity --ridge 0 --separator space --json
if grep -q separate err; then not_ok "blanks that are given: a note"; else ok; fi
gives "blanks, eval" 0 "$snnk" eval blanks.st --test blanks.data --json
json "blanks, eval" "j['rmse'] < 1e-5"
printf 'a b\n1 2\n3\n' >ragged.data
refused "too few columns" 'ragged\.data has only one column, the target: inputs are missing\. If spaces separate its columns, use --separator .* .$' \
    --train ragged.data
refused "too few fields" 'ragged\.data: line 3 has 1 fields, but the header has 2: write NA where a value is missing' \
    --train ragged.data --separator space
{ echo '# a,b,y' && sed '1d' plane.csv; } >saved.csv
gives "a header of numpy.savetxt" 0 "$snnk" fit --train saved.csv --features identity --ridge 1 --json --drop b
json "a header of numpy.savetxt" "j['inputs'] == 1"
if [ -s err ]; then not_ok "a header of numpy.savetxt: a note"; else ok; fi
{ echo '# made by hand' && cat plane.csv; } >noted.csv
gives "a comment" 0 "$snnk" fit --train noted.csv --features identity --ridge 1 --json
has "a comment" err '^snnk fit: noted\.csv: lines at the beginning that start with #, skipped: 1$'
awk 'BEGIN { for (i = 0; i < 30; i++) printf "%s%02d00,%d,%d\n", (i < 2 ? "#a" : "a"), i, i % 7, 2 * (i % 7) }' >colors.csv
gives "records that begin with #" 0 "$snnk" fit --train colors.csv --no-header --features identity --ridge 1 --json
json "records that begin with #" "j['train_rows'] == 30"
gives "records that begin with #, no option" 0 "$snnk" fit --train colors.csv --features identity --ridge 1 --json
json "records that begin with #, no option" "j['train_rows'] == 30"
refused "decimal commas that separate" 'plane\.csv: line 1: commas separate the columns, so they cannot be decimal points too: use a point$' \
    --train plane.csv --decimal ,
gives "twice a comma" 2 "$snnk" fit --train plane.csv --decimal , --separator ,
has "twice a comma" err '^snnk fit: --separator and --decimal are both .,.: leave one of them out'

# ---- Outputs are checked before the work ----
gives "a fit" 0 "$snnk" fit --train plane.csv --features identity --ridge 1 --keep-statistics --save plane.st
# The table is not there either: the output comes first.
for run in "predict plane.st none --out no/p.csv" "predict plane.st none --out no/p.npy" "update plane.st --train none --save no/m.st" \
    "forget plane.st --train none --save no/m.st" "merge plane.st none --save no/m.st"; do
    # shellcheck disable=SC2086
    gives "$run" 1 "$snnk" $run
    has "$run" err "^snnk [a-z]*: no/[pm]\\.[a-z]*: cannot create a file in no/: No such file or directory\$"
done
gives "predict to a device" 0 "$snnk" predict plane.st plane.csv --out /dev/null

# ---- Weights in eval: copies of rows ----
gives "fit to weigh" 0 "$snnk" fit --train some.csv --drop w --features identity --ridge 1 --task regression --save values.st
awk -F, 'BEGIN { OFS = "," } NR > 1 { $4 = $3 % 3 } { print }' some.csv >kinds.csv
awk -F, 'NR == 1 { print } NR > 1 { for (k = 0; k < $2; k++) print }' kinds.csv >kinds_copies.csv
gives "fit to weigh" 0 "$snnk" fit --train kinds.csv --drop w --features identity --task classification --save kinds.st
for what in "values some copies" "kinds kinds kinds_copies"; do
    # shellcheck disable=SC2086
    set -- $what
    gives "eval of copies, $1" 0 "$snnk" eval $1.st --test $3.csv --json
    mv out of_copies
    gives "eval with weights, $1" 0 "$snnk" eval $1.st --test $2.csv --weights w --json
    # Sums in another order: up to rounding. Of 30 rows, 8 have weight 0.
    json "eval with weights, $1" "(lambda c: j['rows'] == 22 and j['weight'] == c['rows'] and all(j.get(k) == c[k] if k == 'confusion'
        else abs(j[k] - c[k]) < 1e-9 * max(1, abs(c[k])) for k in c if k not in ('rows', 'predict_us_per_row', 'task', 'classes',
        'recall')) and len(c) > 5)(json.load(open('of_copies')))"
    gives "eval without weights, $1" 0 "$snnk" eval $1.st --test $2.csv --json
    json "eval without weights, $1" "j['rows'] == 30 and 'weight' not in j"
done
gives "eval with a negative weight" 1 "$snnk" eval values.st --test minus.csv --weights w
has "eval with a negative weight" err '^snnk eval: minus\.csv: row 3, column "w": the weight -1 is not 0 or in'

# ---- Processors that may be used ----
if command -v taskset >/dev/null; then
    gives "one processor" 0 taskset -c "$(taskset -pc $$ | sed 's/.*[ ,-]//')" "$snnk" fit --train plane.csv --features identity --ridge 1 --json
    json "one processor" "j['threads'] == 1"
fi

# ---- Arrays of three dimensions ----
# array A B C FILE: zeros
array() {
    { printf '\223NUMPY\001\000v\000' && printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1, $2, $3), }" &&
        head -c $((4 * $1 * $2 * $3)) /dev/zero; } >"$4"
}
awk 'BEGIN { OFS = ","; print "a,b,c,d,e,f,y"; for (i = 1; i < 30; i++) print i, i * i % 7, i % 5, i % 3, i % 11, i * i % 13, i }' >six.csv
array 4 2 3 matching.npy
array 4 3 3 wider.npy
gives "a fit of six inputs" 0 "$snnk" fit --train six.csv --features identity --ridge 1 --save six.st
gives "rows of 2 x 3" 0 "$snnk" predict six.st matching.npy
if [ "$(wc -l <out)" = 5 ]; then ok; else not_ok "rows of 2 x 3"; fi
gives "rows of 3 x 3" 1 "$snnk" predict six.st wider.npy
has "rows of 3 x 3" err 'wider\.npy has 9 input columns, but the model has 6 inputs .an array of 4 x 3 x 3: rows are its first dimension\. If they are not, reshape it.$'

# ---- Values have no scores ----
gives "scores of a regression" 1 "$snnk" predict full.st straight.csv --scores
has "scores of a regression" err '^snnk predict: --scores needs the model of a classification'

# ---- What a report may claim ----
# With a lambda that is given, candidates are compared at others.
awk 'BEGIN { print "a,b,w,y"; for (i = 0; i < 60; i++) print i % 11 "," i * i % 17 "," 1 + i % 3 "," 2 * (i % 11) - i * i % 17 / 2 + i % 7 / 4 }' >claim.csv
gives "a given lambda" 0 "$snnk" fit --train claim.csv --drop w --ridge 1e4
has "a given lambda" out '^chosen  .* candidates \(each at its best lambda\)[:,]'
gives "a chosen lambda" 0 "$snnk" fit --train claim.csv --drop w
if grep -q "each at its best" out; then not_ok "a chosen lambda"; else ok; fi
if grep -q weighted out; then not_ok "rows without weights"; else ok; fi
gives "weighted errors" 0 "$snnk" fit --train claim.csv --weights w
has "weighted errors" out '^left-out .* on 60 rows \(weighted\)$'
# The rows of the rare class count 19 times as much: a fifth of the variance is left, not more than all of it.
python3 - <<'END'
import random
random.seed(1)
with open("rare.csv", "w") as f:
    f.write("a,b,k\n")
    for i in range(400):
        a, b = random.gauss(0, 1), random.gauss(0, 1)
        f.write("%g,%g,%s\n" % (a, b, "yes" if a + b + random.gauss(0, .7) > 2.6 else "no"))
END
gives "errors of balanced rows" 0 "$snnk" fit --train rare.csv --balance --json
json "errors of balanced rows" "j['candidate_error'] < 0.4 and j['linear_error'] < 0.5"

# ---- Targets that do not vary ----
awk 'BEGIN { print "x,y"; for (i = 0; i < 50; i++) print i % 9 / 2 ",3.5" }' >flat.csv
awk 'BEGIN { print "x,y"; for (i = 0; i < 50; i++) print i % 9 / 2 "," i % 9 + 0.25 }' >steep.csv
gives "one target" 1 "$snnk" fit --train flat.csv
has "one target" err '^snnk fit: flat\.csv: every row has the target 3\.5: there is nothing to learn from one value$'
gives "a fit to test" 0 "$snnk" fit --train steep.csv --features identity --ridge 1 --keep-statistics --save steep.st --test flat.csv
has "a fit to test" out '^test .*, R2 undefined: the targets are all equal, on 50 rows$'
gives "equal targets" 0 "$snnk" eval steep.st --test flat.csv
has "equal targets" out ', R2 undefined: the targets are all equal, on 50 rows$'
gives "equal targets" 0 "$snnk" eval steep.st --test flat.csv --json
json "equal targets" "j['r2'] is None and j['rmse'] > 0"

# ---- Options without a value, without effect, and twice ----
no_use() {
    says=$1
    shift
    gives "$*" 2 "$snnk" "$@"
    has "$*" err "$says"
    one_line "$*" err
}
no_use '^snnk fit: --save needs a value, but --quiet follows' fit --train flat.csv --save --quiet
no_use '^snnk eval: --test needs a value, but --json follows' eval steep.st --test --json
no_use '^snnk compress: --save needs a value, but --json follows' compress steep.st --save --json
no_use '^snnk fit: --train is given twice' fit --train flat.csv --train steep.csv
no_use '^snnk eval: --test is given twice' eval steep.st --test flat.csv --test steep.csv
no_use '^snnk fit: --choose has no effect with --ridge' fit --train steep.csv --choose gcv --ridge 1
no_use '^snnk fit: --heldout has no effect with --ridge' fit --train steep.csv --heldout 0.2 --ridge 1
no_use '^snnk fit: --heldout has no effect on up to 1024 rows: each is left out in turn' fit --train steep.csv --heldout 0.2
no_use '^snnk fit: --store-seed needs --projection gaussian' fit --train steep.csv --store-seed
no_use "^snnk fit: --projection-scale: '1e300' is not a number from 1e-30 to 1e30" fit --train steep.csv --projection-scale 1e300
gives "a lambda that is found" 0 "$snnk" fit --train steep.csv --choose gcv --ridge auto --m 8
gives "a file like an option" 0 "$snnk" fit --train steep.csv --features identity --ridge 1 --save ./--quiet
gives "a file like an option" 0 "$snnk" info ./--quiet

# ---- Which row ----
sed '31s/.*/1e308,2/' steep.csv >huge.csv
refused "a huge input" '^snnk fit: huge\.csv: row 30, column "x": 1e\+308 is larger than 3\.4e38, the limit' --train huge.csv
refused "a huge input" '^snnk fit: huge\.csv: row 30, column "x": 1e\+308 is larger than 3\.4e38' --train huge.csv --features identity \
    --scaling common
sed '31s/.*/1,-2e60/' steep.csv >huge.csv
refused "a huge target" '^snnk fit: huge\.csv: row 30, column "y": -2e\+60 is larger than 3\.4e38, the limit' --train huge.csv
printf 'x,y\n1,0.5\n2,abc\n3,-0.025\n4,2\n' >mixed.csv
refused "words and numbers" '"y" has both words \(row 2 has "abc"\) and "-0\.025": is a number missing\?' --train mixed.csv
refused "words of a regression" 'holds words: not a regression: row 2 has "abc"\. If it is a number' --train mixed.csv --task regression
for run in "eval steep.st --test" "update steep.st --train"; do
    # shellcheck disable=SC2086 # a command and its options
    gives "words, $run" 1 "$snnk" $run mixed.csv
    has "words, $run" err 'column "y" holds words, but the model.s targets are numbers: row 2 has "abc"$'
done
printf 'x,d,y\n1,2026-01-01,2\n2,2026-01-03,3\n' >last.csv
refused "dates that nobody asked for" 'use --task classification; the target is the last column left: use --target$' --train last.csv --drop y
printf 'x,y\n1,21.7\n2,3\n' >digits.csv
refused "digits" 'row 1, column "y" has 21\.7$' --train digits.csv --task classification
printf 'x,y\n1,1000000000.5\n2,3\n' >digits.csv
decided regression "not whole, such as 1000000000.5" --train digits.csv

# ---- Rows that are left ----
gives "nothing left" 1 "$snnk" forget steep.st --train steep.csv --save rest.st
has "nothing left" err '^snnk forget: steep\.csv: no rows would be left in the model$'
gives "foreign rows" 1 "$snnk" forget steep.st --train flat.csv --save rest.st
has "foreign rows" err '^snnk forget: flat\.csv: some of the rows 1 to 50 were never added: '
head -n 3 steep.csv >first.csv
gives "rows to forget" 0 "$snnk" forget steep.st --train first.csv --save rest.st
has "rows to forget" out '; that each had been added is not checked row by row$'

report cli_data
