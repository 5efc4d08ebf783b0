#!/bin/sh
# Fit a network to Fashion-MNIST in closed form, and draw some predictions.
#
#     sh scripts/demo.sh [--json]
#
# Installs the Debian packages that are missing, builds, fits 4096 random features to 60,000 images,
# and compares the model with ridge regression on the pixels and with the cost of a dense network.
# --json: the last line on stdout is the JSON object of `snnk fit`.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

json=no
for argument in "$@"; do
    case $argument in
    --json) json=yes ;;
    *)
        echo "usage: sh scripts/demo.sh [--json]" >&2
        exit 2
        ;;
    esac
done

# shellcheck disable=SC2086 # a list
need $build_packages dataset-fashion-mnist gnuplot-nox

echo "Building ..." >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset release >"$log" 2>&1 && cmake --build --preset release \
    --target snnk_program fashion_mnist >>"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

# OpenBLAS falls back to its oldest kernels on processors it does not know. With AVX-512 these
# kernels make the solver several times as fast.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi

data=/usr/share/datasets/fashion-mnist
out=build/demo
mkdir -p $out

# fit NAME OPTION...: fit a model, and save it as $out/NAME.safetensors and its report as
# $out/NAME.json.
fit() {
    name=$1
    shift
    build/release/snnk fit --train-images $data/train-images-idx3-ubyte.gz \
        --train-labels $data/train-labels-idx1-ubyte.gz \
        --test-images $data/t10k-images-idx3-ubyte.gz \
        --test-labels $data/t10k-labels-idx1-ubyte.gz \
        --save "$out/$name.safetensors" --json "$@" >"$out/$name.json"
}

echo "Fitting 4096 arc-cosine features to 60,000 images in closed form ..." >&2
fit snnk --features arc-cosine --order 1 --m 4096
echo "Fitting ridge regression on the 784 pixels ..." >&2
fit ridge-on-pixels --features identity

build/release/examples/fashion_mnist --data $data --out $out \
    $out/snnk.safetensors $out/ridge-on-pixels.safetensors
gnuplot -e "dir='$out'" scripts/fashion_mnist.gp
echo "Picture: $out/fashion_mnist.png   Model: $out/snnk.safetensors"
[ $json = no ] || cat $out/snnk.json
