#!/bin/sh
# Tests of snnk fit --windows: images and series. test_cli_images.sh PROGRAM
set -u
snnk=$1
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/support/program.sh"

# ---- Data: bars in 8 x 8 images, along or down, at random places, with noise ----
python3 - <<'PYTHON'
import random, struct
r = random.Random(1)
def bar(along):
    image, i, j = [0.0] * 64, r.randrange(5), r.randrange(5)
    for k in range(4): image[i * 8 + j + k if along else (i + k) * 8 + j] = 1.0
    return [min(255, max(0, int(60 + 120 * p + r.gauss(0, 10)))) for p in image]
def write(name, n):
    labels = [i % 2 for i in range(n)]
    images = [bar(y) for y in labels]
    with open(name + ".images", "wb") as f:
        f.write(struct.pack(">IIII", 0x803, n, 8, 8))
        for image in images: f.write(bytes(image))
    with open(name + ".labels", "wb") as f:
        f.write(struct.pack(">II", 0x801, n) + bytes(labels))
    with open(name + ".csv", "w") as f:
        print(",".join("p%d" % k for k in range(64)), "edge", "y", sep=",", file=f)
        for image, y in zip(images, labels): print(*image, 0, "along" if y else "down", sep=",", file=f)
write("train", 500), write("test", 200)
with open("flat.csv", "w") as f:
    print(*("p%d" % k for k in range(64)), "y", sep=",", file=f)
    for i in range(50): print(*[7] * 64, i % 2, sep=",", file=f)
with open("words.csv", "w") as f:
    print("a,b,c,d,y", file=f)
    for i in range(50): print("x" if i % 3 else "z", i, i * i % 7, i % 5, i % 2, sep=",", file=f)
PYTHON
files="--train-images train.images --train-labels train.labels --test-images test.images --test-labels test.labels"

# ---- The shape is the file's; the model takes images ----
gives "images" 0 "$snnk" fit $files --windows 16 --patch 3 --save m.st --json
json "images" "j['test_accuracy'] > 0.9 and j['inputs'] == 64 and j['windows'] == 16 and j['window_features'] == 16 * 2 * 16"
gives "info" 0 "$snnk" info m.st --json
json "info" "[l['kind'] for l in j['layers']] == ['tower', 'snnk'] and j['layers'][0]['blocks'][0]['kind'] == 'window'"
gives "eval" 0 "$snnk" eval m.st --test-images test.images --test-labels test.labels --json
json "eval" "j['accuracy'] > 0.9"
gives "report" 0 "$snnk" fit $files --windows 8 --patch 3 --grid 2 --features arc-cosine --m 64
has "report" out '^windows +8 filters, pooled to 64 numbers'
has "report" out '^fitted +500 rows, 64 inputs'
gives "the same again" 0 "$snnk" fit $files --windows 16 --patch 3 --save again.st --threads 1
tensors m.st >a.txt; tensors again.st >b.txt
if cmp -s a.txt b.txt; then ok; else not_ok "the same seed gives another model"; fi
gives "quantized" 0 "$snnk" quantize m.st --storage bf16 --save q.st
gives "quantized eval" 0 "$snnk" eval q.st --test-images test.images --test-labels test.labels --json
json "quantized eval" "j['accuracy'] > 0.9"

# ---- Scattering: 1 + 18 + 108 paths of each cell of 8 x 8 pixels; the number before the logarithm is
# a hundredth of the largest value; alone and beside windows ----
gives "scattering" 0 "$snnk" fit $files --scattering --save w.st --json
json "scattering" "j['test_accuracy'] > 0.95 and j['scattering_features'] == 127 and 'windows' not in j and j['inputs'] == 64"
gives "info" 0 "$snnk" info w.st --json
json "info" "[b['kind'] for b in j['layers'][0]['blocks']] == ['scattering']"
largest=$(python3 -c "print(max(open('train.images', 'rb').read()[16:]))")
if python3 - w.st "$largest" <<'PYTHON'; then ok; else not_ok "epsilon"; fi
import re, sys
epsilon = re.search(rb'epsilon[^0-9]+([0-9.e-]+)', open(sys.argv[1], "rb").read())
sys.exit(0 if abs(float(epsilon[1]) - float(sys.argv[2]) / 100) < 0.02 * float(sys.argv[2]) / 100 else 1)
PYTHON
gives "both" 0 "$snnk" fit $files --scattering --windows 16 --patch 3 --save both.st --json
json "both" "j['test_accuracy'] > 0.95 and j['scattering_features'] == 127 and j['windows'] == 16 and j['window_features'] == 16 * 2 * 16"
gives "info" 0 "$snnk" info both.st --json
json "info" "[b['kind'] for b in j['layers'][0]['blocks']] == ['window', 'scattering']"
gives "eval" 0 "$snnk" eval both.st --test-images test.images --test-labels test.labels --json
json "eval" "j['accuracy'] > 0.95"
gives "scattering of a table" 0 "$snnk" fit --train train.csv --test test.csv --drop edge --image-shape 8x8 --scattering --augment 2
has "scattering of a table" out '^scattering +127 numbers'
has "scattering of a table" out '^copies +'
gives "two small channels" 0 "$snnk" fit --train train.csv --drop edge --image-shape 4x8x2 --scattering --json
json "two small channels" "j['scattering_features'] == 2 * (1 + 12 + 36) * 2"

# ---- CSV: constant columns are pixels too ----
gives "csv" 0 "$snnk" fit --train train.csv --test test.csv --drop edge --image-shape 8x8 --windows 16 --patch 3 --json
json "csv" "j['test_accuracy'] > 0.9"
gives "csv, as a series" 0 "$snnk" fit --train train.csv --test test.csv --image-shape 1x65 --windows 16 --json
json "csv, as a series" "j['inputs'] == 65"

# ---- Statistics: update and forget ----
gives "statistics" 0 "$snnk" fit $files --windows 4 --patch 3 --grid 2 --features identity --keep-statistics --save s.st
gives "update" 0 "$snnk" update s.st --train-images test.images --train-labels test.labels --save u.st
gives "forget" 0 "$snnk" forget u.st --train-images test.images --train-labels test.labels --save f.st
gives "eval" 0 "$snnk" eval f.st --test-images test.images --test-labels test.labels --json
cp out forgotten.json
gives "eval" 0 "$snnk" eval s.st --test-images test.images --test-labels test.labels --json
json "forgotten" "abs(j['accuracy'] - json.load(open('forgotten.json'))['accuracy']) < 0.011"

# ---- What cannot be ----
refused() { # refused NAME STATUS PATTERN OPTIONS...
    what=$1 status_wanted=$2 pattern=$3
    shift 3
    gives "$what" "$status_wanted" "$snnk" fit "$@"
    has "$what" err "$pattern"
    one_line "$what" err
}
refused "no shape" 1 'windows need their shape: pass --image-shape' --train train.csv --windows 8
refused "another shape" 1 '9x9x1 is not the 65 numbers of a row' --train train.csv --windows 8 --image-shape 9x9
refused "a bad shape" 2 "'8x' is not HEIGHTxWIDTH" --train train.csv --windows 8 --image-shape 8x
refused "a large patch" 1 "patch_height = 9, but must be from 1 to the image's 8" $files --windows 8 --patch 9
refused "a patch for one side" 1 "patch_height = 5, but must be from 1 to the image's 4" --train train.csv --drop edge \
    --image-shape 4x16 --windows 8 --patch 5
refused "a large grid" 1 'grid_height = 7, but must be from 1 to the 6 positions' $files --windows 8 --patch 3 --grid 7
refused "no windows" 2 'need --windows' $files --patch 3
refused "no windows but scattering" 2 'need --windows' $files --scattering --patch 3
refused "windows 0" 2 "'0' is not a whole number >= 1" $files --windows 0
refused "like" 2 '--windows and --like: use one of them' $files --windows 8 --like m.st
refused "windows and series" 2 '--windows and --series: use one of them' $files --windows 8 --series
refused "scattering and series" 2 '--scattering and --series: use one of them' $files --scattering --series
refused "scattering and like" 2 '--scattering and --like: use one of them' $files --scattering --like m.st
refused "scattering and directions" 2 '--learn-directions and --scattering: use one of them' $files --scattering --learn-directions 2
refused "scattering and boosting" 2 '--scattering and --boost: use one of them' $files --scattering --boost 2
refused "scattering of series" 1 'is 1 x 65: use --windows for series' --train train.csv --image-shape 1x65 --scattering
refused "scattering without a shape" 1 'wavelets need their shape' --train train.csv --scattering
refused "flat images" 1 'contrast 0' --train flat.csv --task classification --image-shape 8x8 --windows 8
refused "words" 1 'windows take numbers as they are' --train words.csv --image-shape 2x2 --windows 8 --patch 2
report images
