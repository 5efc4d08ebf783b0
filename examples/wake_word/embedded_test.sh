#!/bin/sh
# Build the small detector of `wake_word self-test` as a program with its weights in arrays. Its
# scores must equal those of the library, bit for bit.
# embedded_test.sh WAKE_WORD ARRAYS LIBRARY CC
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$1" self-test "$work"
"$2" "$work/small.safetensors" "$work/small.csv" 10 "$work"
"$4" -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$here" -I"$here/../../include" \
    "$here/embedded.c" "$work/model.c" "$3" -Wl,-rpath,"$(dirname "$3")" -lm -o "$work/embedded"
"$work/embedded" <"$work/inputs.f32" >"$work/said.f32"
[ "$(wc -c <"$work/said.f32")" = 40 ] # ten scores
cmp "$work/said.f32" "$work/scores.f32"
