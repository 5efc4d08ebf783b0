#!/bin/sh
# Run an experiment of the paper (docs/experiments.md).
#
#     sh examples/paper/run.sh NAME [--full] [--json] [--out DIR]
#
#     pointwise     error of random features of sin, the arc-cosine kernel and softmax, d = 2000
#     two_body      two particles in a trap: ground state, and the interaction from the density
#     siren_image   a photograph as a function of its coordinates
#     mnist_mlp     digits and clothes by a network with one hidden layer
#     uci           regression tables by networks of 1/30 of the numbers
#     pooler        the pooler of a transformer linearised, on food reviews
#     adapters      SNNK adapters in a frozen transformer against bottleneck adapters
#     uptraining    the feed-forward blocks of a transformer replaced, and fine-tuned
#
# 1. Installs the Debian packages that are missing, and builds. mnist_mlp and the transformer also
#    fetch npm packages.
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
  mnist_mlp     digits and clothes by a network with one hidden layer
  uci           regression tables by networks of 1/30 of the numbers
  pooler        the pooler of a transformer linearised, on food reviews
  adapters      SNNK adapters in a frozen transformer against bottleneck adapters
  uptraining    the feed-forward blocks of a transformer replaced, and fine-tuned
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
    pointwise | two_body | siren_image | mnist_mlp | uci | pooler | adapters | uptraining)
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
. scripts/mnist.sh
case $experiment in
pointwise) packages="" target=bench_pointwise ;;
two_body) packages="python3-torch python3-numpy" target=paper_two_body ;;
siren_image) packages="python3-torch python3-numpy python3-pil" target=paper_siren_image ;;
mnist_mlp) packages="python3-torch python3-numpy dataset-fashion-mnist" target=paper_mnist_mlp ;;
uci)
    packages="python3-torch python3-numpy python3-sklearn python3-pandas python3-rdata"
    target=paper_uci
    ;;
pooler | adapters | uptraining) packages="libutf8proc-dev" target=paper_$experiment ;;
esac
if [ "$experiment" = mnist_mlp ] && ! command -v npm >/dev/null 2>&1; then
    packages="$packages nodejs npm"
fi
# shellcheck disable=SC2086 # lists
need $build_packages gnuplot-nox $packages

out=${out:-build/paper}
work=$out/$experiment
mkdir -p "$work"

echo "Building ..." >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ cmake --preset release && cmake --build --preset release --target "$target"; } >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

# All run on one thread (pointwise: one for each core; the transformers: two). OpenBLAS falls back to its oldest kernels on
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

siren_image() {
    side=64
    hidden=32
    steps=2000
    [ $full = no ] || { side=128 && hidden=64 && steps=5000; }
    photograph $side
    echo "Training networks ..." >&2
    program=build/release/examples/paper/paper_siren_image
    $python $here/rivals/siren_image.py "$work/image.npy" "$work" --steps $steps \
        --hidden $hidden >"$work/torch.results" &
    other=$!
    for method in SIREN SNNK-SIREN; do
        $program train $method "$work/image.npy" "$work" --hidden $hidden --steps $steps \
            >"$work/$method.results" || {
            kill $other
            exit 1
        }
    done
    wait $other
    cat "$work/SIREN.results" "$work/SNNK-SIREN.results" "$work/torch.results" >"$work/rivals.txt"
    budget=$(cut -f 2 "$work/SIREN.results" | head -n 1)
    $program --budget "$budget" --rivals "$work/rivals.txt" --out "$work" $json "$work/image.npy"
    gnuplot -e "dir='$work'; out='$out/siren_image.png'" $here/siren_image.gp
}

# learn NAME FOLDER: train all networks on a data set, on one core.
# shellcheck disable=SC2086 # a list
learn() {
    build/release/examples/paper/paper_mnist_mlp run "$1" "$2" --epochs $epochs \
        >"$work/$1.results" &&
        $python $here/rivals/mnist_mlp.py "$1" "$2" --epochs $epochs --hidden $widths \
            >"$work/$1.torch.results"
}

mnist_mlp() {
    epochs=10
    widths="2 32 64 128"
    [ $full = no ] || { epochs=30 && widths="2 32 64 128 512"; }
    get_mnist || {
        echo "MNIST is missing: there is no npm, or the files in $mnist are others than expected" >&2
        exit 1
    }
    echo "Training networks ..." >&2
    learn MNIST "$mnist" &
    other=$!
    learn Fashion /usr/share/datasets/fashion-mnist || {
        kill $other
        exit 1
    }
    wait $other
    build/release/examples/paper/paper_mnist_mlp report $json --out "$work" \
        "$work/MNIST.results" "$work/MNIST.torch.results" \
        "$work/Fashion.results" "$work/Fashion.torch.results"
    gnuplot -e "dir='$work'; out='$out/mnist_mlp.png'" $here/mnist_mlp.gp
}

uci() {
    rows=5000
    [ $full = no ] || rows=50000
    tables=$($python $here/rivals/uci.py prepare "$work" --rows $rows)
    echo "Training networks ..." >&2
    # shellcheck disable=SC2086 # a list
    $python $here/rivals/uci.py train "$work" torch $tables >"$work/torch.results" &
    other=$!
    # shellcheck disable=SC2086 # a list
    {
        build/release/examples/paper/paper_uci run "$work" $tables >"$work/snnk.results" &&
            $python $here/rivals/uci.py train "$work" sklearn $tables >"$work/sklearn.results"
    } || {
        kill $other
        exit 1
    }
    wait $other
    build/release/examples/paper/paper_uci report $json --out "$work" "$work/snnk.results" \
        "$work/torch.results" "$work/sklearn.results"
    gnuplot -e "dir='$work'; out='$out/uci.png'" $here/uci.gp
}

# transformer [OPTION...]: run an experiment on the sentence encoder, whose files
# examples/sentence_encoder/run.sh fetches.
transformer() {
    sh examples/sentence_encoder/run.sh --fetch
    program=build/release/examples/paper/paper_$experiment
    $program run "${XDG_CACHE_HOME:-$HOME/.cache}/snnk/sentence-encoder-0.2.0" "$@" \
        >"$work/results.txt"
    # shellcheck disable=SC2086 # empty, or one word
    $program report $json --out "$work" "$work/results.txt"
    gnuplot -e "dir='$work'; out='$out/$experiment.png'" "$here/$experiment.gp"
}

pooler() {
    tokens=64
    [ $full = no ] || tokens=128
    transformer --tokens $tokens
}

adapters() {
    tokens=32
    [ $full = no ] || tokens=64
    transformer --tokens $tokens --threads 2
}

uptraining() {
    option=
    [ $full = no ] || option=--full
    # shellcheck disable=SC2086 # empty, or one word
    transformer --threads 2 $option
}

echo "Running ..." >&2
$experiment
echo "Picture: $out/$experiment.png" >&2
