#!/bin/sh
# Run an experiment of the paper (docs/experiments.md).
#
#     sh examples/paper/run.sh NAME [--full] [--json] [--out DIR]
#
#     pointwise     error of random features of sin, the arc-cosine kernel and softmax, d = 2000
#     two_body      two particles in a trap: ground state, and the interaction from the density
#     siren_image   a photograph as a function of its coordinates
#
# 1. Installs the Debian packages that are missing, and builds.
# 2. Runs the experiment, and its rivals (PyTorch), in less than five minutes on two cores.
# 3. Prints a table and draws build/paper/NAME.png.
#
# --full: larger, up to an hour. --json: print one JSON object, and nothing else, on stdout.
# --out DIR: for the picture and the curves, instead of build/paper.
set -eu
here=examples/paper
usage() {
    cat >&2 <<TEXT
usage: sh $here/run.sh NAME [--full] [--json] [--out DIR]
  pointwise     error of random features of sin, the arc-cosine kernel and softmax, d = 2000
  two_body      two particles in a trap: ground state, and the interaction from the density
  siren_image   a photograph as a function of its coordinates
TEXT
}
refuse() {
    echo "$*" >&2
    usage
    exit 2
}

experiment=
full=no
json=
out=
while [ $# -gt 0 ]; do
    case $1 in
    --help)
        usage 2>&1
        exit 0
        ;;
    --full) full=yes ;;
    --json) json=--json ;;
    --out)
        [ -n "${2:-}" ] || refuse "--out needs a folder."
        case $2 in
        /*) out=$2 ;;
        *) out=$PWD/$2 ;;
        esac
        shift
        ;;
    -*) refuse "There is no option $1." ;;
    pointwise | two_body | siren_image)
        [ -z "$experiment" ] || refuse "One experiment at a time, not $experiment and $1."
        experiment=$1
        ;;
    *) refuse "There is no experiment $1." ;;
    esac
    shift
done
[ -n "$experiment" ] || refuse "Which experiment?"

cd "$(dirname "$0")/../.."
. scripts/packages.sh
case $experiment in
pointwise) packages="" target=bench_pointwise ;;
two_body) packages="python3-torch python3-numpy" target=paper_two_body ;;
siren_image) packages="python3-torch python3-numpy python3-pil" target=paper_siren_image ;;
esac
# shellcheck disable=SC2086 # lists
need $build_packages gnuplot-nox $packages

out=${out:-build/paper}
work=$out/$experiment
mkdir -p "$work"

echo "Building ..." >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ cmake --preset release && cmake --build --preset release --target $target; } >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

# All run on one thread (pointwise: one for each core). OpenBLAS falls back to its oldest kernels on
# processors it does not know; PyTorch uses it too.
export OPENBLAS_NUM_THREADS=1
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi
python=/usr/bin/python3 # Debian's, which has the packages

pointwise() {
    draws=500
    [ $full = no ] || draws=2000
    build/release/bench/bench_pointwise --paper --draws $draws --plot "$out/pointwise.png" $json
}

two_body() {
    systems=coulomb
    steps=3000
    [ $full = no ] || { systems="coulomb spring inverse-square" && steps=10000; }
    echo "Training networks ..." >&2
    # shellcheck disable=SC2086 # a list
    $python $here/rivals/two_body.py --steps $steps $systems >"$work/rivals.txt"
    build/release/examples/paper/paper_two_body --rivals "$work/rivals.txt" --out "$work" $json
    gnuplot -e "dir='$work'; out='$out/two_body.png'" $here/two_body.gp
}

# The photograph "camera" of scikit-image (Lav Varshney, CC0). Its package is unpacked, not
# installed: only this file is needed.
photograph() {
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/snnk/photograph
    if [ ! -e "$cache/camera.png" ]; then
        echo "Fetching the photograph ..." >&2
        made=$(mktemp -d)
        (
            cd "$made"
            # Not as the user _apt, which may not write here.
            apt-get download -q -o APT::Sandbox::User="$(id -un)" python3-skimage >&2
            dpkg -x python3-skimage_*.deb .
        )
        mkdir -p "$cache"
        mv "$made/usr/lib/python3/dist-packages/skimage/data/camera.png" "$cache/"
        rm -rf "$made"
    fi
    sha256sum --status --check - <<SUM || {
b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a  $cache/camera.png
SUM
        echo "$cache/camera.png has another checksum than expected" >&2
        exit 1
    }
    $python $here/image.py "$cache/camera.png" "$1" "$work/image.npy"
}

# train METHOD: on one core, its results into $work/METHOD.results.
train() {
    $python $here/rivals/siren_image.py "$work/image.npy" "$work" --steps $steps \
        --hidden $hidden --methods "$1" >"$work/$1.results"
}

siren_image() {
    side=64
    hidden=32
    steps=2000
    [ $full = no ] || { side=128 && hidden=64 && steps=5000; }
    photograph $side
    echo "Training networks ..." >&2
    train SIREN &
    other=$!
    train SNNK-SIREN || {
        kill $other
        exit 1
    }
    wait $other
    cat "$work/SIREN.results" "$work/SNNK-SIREN.results" >"$work/rivals.txt"
    budget=$(cut -f 2 "$work/SIREN.results" | head -n 1)
    build/release/examples/paper/paper_siren_image --budget "$budget" --rivals "$work/rivals.txt" \
        --out "$work" $json "$work/image.npy"
    gnuplot -e "dir='$work'; out='$out/siren_image.png'" $here/siren_image.gp
}

echo "Running ..." >&2
$experiment
echo "Picture: $out/$experiment.png" >&2
