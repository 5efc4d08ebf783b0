#!/bin/sh
# Tests of snnk fit --augment: changed copies of images and series. test_cli_augment.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: few images of one bar at one place; the test images have it elsewhere. Series with a
# step at one moment, or at others ----
python3 - <<'PYTHON'
import random, struct
r = random.Random(1)
def bar(along, shift):
    image, i, j = [0.0] * 196, 5 + shift, 5 + shift
    for k in range(5): image[i * 14 + j + k - 2 if along else (i + k - 2) * 14 + j] = 1.0
    return [min(255, max(0, int(60 + 120 * p + r.gauss(0, 20)))) for p in image]
def write(name, n, most):
    labels = [i % 2 for i in range(n)]
    images = [bar(y, r.randint(-most, most)) for y in labels]
    with open(name + ".images", "wb") as f:
        f.write(struct.pack(">IIII", 0x803, n, 14, 14))
        for image in images: f.write(bytes(image))
    with open(name + ".labels", "wb") as f:
        f.write(struct.pack(">II", 0x801, n) + bytes(labels))
    with open(name + ".csv", "w") as f:
        print(",".join("p%d" % k for k in range(196)), "person", "y", sep=",", file=f)
        for i, (image, y) in enumerate(zip(images, labels)): print(*image, i // 4, "along" if y else "down", sep=",", file=f)
write("train", 60, 0), write("test", 200, 1), write("more", 1400, 1)
def series(path, n, most):
    with open(path, "w") as f:
        print(",".join("t%d" % t for t in range(80)) + ",y", file=f)
        for i in range(n):
            at = 40 + r.randint(-most, most)
            print(*["%.3f" % ((abs(t - at) < 3) * (1 if i % 2 else -1) + r.gauss(0, 0.2)) for t in range(80)], "ab"[i % 2], sep=",", file=f)
series("train_series.csv", 40, 0), series("test_series.csv", 200, 4)
with open("words.csv", "w") as f:
    print("a,b,c,d,y", file=f)
    for i in range(50): print("x" if i % 3 else "z", i, i * i % 7, i % 5, i % 2, sep=",", file=f)
PYTHON
files="--train-images train.images --train-labels train.labels --test-images test.images --test-labels test.labels"
plain="--features gaussian --m 128 --projection-scale 0.5 --scaling common"

# ---- Copies help where test images are moved; they are counted, and the rows with the copies that
# no held-out row has are what was fitted ----
gives "without" 0 "$snnk" fit $files $plain --json
cp out without.json
json "without" "j['train_rows'] == 60 and 'copies' not in j"
gives "with" 0 "$snnk" fit $files $plain --augment 20 --save a.st --json
json "with" "j['train_rows'] == 60 and j['augment'] == 20 and 0 < j['heldout_rows'] < 40 and j['copies'] == 20 * (60 - j['heldout_rows'])"
json "with" "j['test_accuracy'] >= json.load(open('without.json'))['test_accuracy'] + 0.02"
json "a choice on held-out rows" "j['lambda_chosen'] == 'held-out rows'"
gives "the same again" 0 "$snnk" fit $files $plain --augment 20 --save b.st --threads 1
has "the same again" out '^copies +[0-9]+, changed; the held-out rows have none$'
gives "three threads" 0 "$snnk" fit $files $plain --augment 20 --save c.st --threads 3
tensors a.st >a.txt
for other in b c; do
    tensors $other.st >$other.txt
    if cmp -s a.txt $other.txt; then ok; else not_ok "the same seed gives another model ($other)"; fi
done
gives "another seed" 0 "$snnk" fit $files $plain --augment 20 --seed 1 --save d.st
tensors d.st >d.txt
if cmp -s a.txt d.txt; then not_ok "another seed gives the same model"; else ok; fi

# ---- With a given lambda all are used; with windows; many rows; growing ----
gives "a given lambda" 0 "$snnk" fit $files $plain --augment 3 --ridge 1 --json
json "a given lambda" "j['copies'] == 180 and j['heldout_rows'] == 0"
gives "windows" 0 "$snnk" fit $files --windows 8 --patch 5 --features identity --augment 3 --json
json "windows" "j['windows'] == 8 and j['copies'] == 3 * (60 - j['heldout_rows']) and j['test_accuracy'] > 0.9"
gives "many rows" 0 "$snnk" fit --train-images more.images --train-labels more.labels --augment 2 --json
json "many rows" "j['train_rows'] == 1400 and 70 < j['heldout_rows'] < 280 and j['copies'] == 2 * (1400 - j['heldout_rows'])"
gives "groups" 0 "$snnk" fit --train more.csv --group person --image-shape 14x14 $plain --augment 2 --json
json "groups" "j['train_rows'] == 1400 and j['heldout_rows'] % 4 == 0 and j['copies'] == 2 * (1400 - j['heldout_rows'])"

# ---- Series ----
gives "series without" 0 "$snnk" fit --train train_series.csv --test test_series.csv --image-shape 1x80 --windows 8 --features identity --json
gives "series" 0 "$snnk" fit --train train_series.csv --test test_series.csv --series --m 168 --augment 4 --json
json "series" "j['features'] == 'minirocket' and j['copies'] == 4 * (40 - j['heldout_rows']) and j['test_accuracy'] > 0.9"
gives "series of windows" 0 "$snnk" fit --train train_series.csv --test test_series.csv --image-shape 1x80 --windows 8 --features identity --augment 4 --json
json "series of windows" "j['copies'] > 0"

# ---- What cannot be ----
refused() { # refused NAME STATUS PATTERN OPTIONS...
    what=$1 status_wanted=$2 pattern=$3
    shift 3
    gives "$what" "$status_wanted" "$snnk" fit "$@"
    has "$what" err "$pattern"
    one_line "$what" err
}
refused "neither images nor series" 1 'changed copies need their shape: pass --image-shape' --train train.csv --augment 2
refused "another shape" 1 '9x9x1 is not the 197 numbers of a row' --train train.csv --augment 2 --image-shape 9x9
refused "words" 1 'changed copies take numbers as they are' --train words.csv --image-shape 2x2 --augment 2
refused "series of words" 1 'some have words or missing values|take numbers as they are' --train words.csv --series --augment 2
for many in 0 101 x -1 2.5; do
    refused "$many copies" 2 "'$many' is not a whole number from 1 to 100" $files --augment $many
done
refused "boosting" 2 '--boost' $files --augment 2 --boost 2
refused "directions" 2 '--augment and --learn-directions: use one of them' $files --augment 2 --learn-directions 2
refused "statistics" 2 'to forget a row would leave its copies' $files --augment 2 --keep-statistics
refused "like" 2 '--augment and --like' $files --augment 2 --like a.st
refused "gcv" 2 'takes copies for new rows' $files --augment 2 --choose gcv
refused "cross-entropy" 2 '--augment and --loss cross-entropy' $files --augment 2 --loss cross-entropy
refused "a shape of nothing" 2 'needs --windows, --scattering or --augment' $files --image-shape 14x14
report augment
