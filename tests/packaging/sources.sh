#!/bin/sh
# Checks on the sources themselves: includes point downwards only, there is no circle between files,
# and the library neither prints, nor ends the process, nor changes process-wide state.
set -eu
cd "$(dirname "$0")/../.."
passed=0
failed=0

report() { # report NAME OFFENDING-LINES
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok: %s\n%s\n' "$1" "$2"
    fi
}

# ---- Includes point downwards ----

# The folders from the bottom to the top, each with the public headers that belong to it: a folder
# includes only from itself, from the folders above its line, and from their public headers.
folders='
base: status version workspace rows activation projection storage
augment: augment
kernels:
solve: lstsq ridge_path rls logistic
projection:
spectrum: spectrum
map: scaling frame map urf scattering series window
predict: predict uncertainty
layer: layer
network: network quantize
fit: fit score choose loss directions leaves
boost: boost
train: train
distill: distill compress
io: table tensors
encode: encoder
model:
'

includes() { # the includes of the files of a folder: "file:line:folder/name.h", "...:snnk/name.h"
    grep -nE '^#include ("|<snnk/)' -r "src/$1" | sed -E 's/#include ["<]([^">]*)[">].*/\1/' || true
}

below=
echo "$folders" | grep -v '^$' >/tmp/snnk_folders.$$
trap 'rm -f /tmp/snnk_folders.$$' EXIT
while IFS=: read -r folder headers; do
    below="$below|$folder/"
    for header in $headers; do below="$below|snnk/$header\\.h"; done
    bad=$(includes "$folder" | grep -vE ":(${below#|})" || true)
    report "src/$folder includes only from itself and from what is below it" "$bad"
done </tmp/snnk_folders.$$

# The program and the MPI library use public headers only.
for folder in cli mpi; do
    bad=$(grep -nE '^#include "' -r "src/$folder" | grep -vE '#include "[a-z_]*\.h"|#include "cli/' || true)
    report "src/$folder includes public headers and its own" "$bad"
done

listed=$(sed -n 's/:.*//p' /tmp/snnk_folders.$$ | sort | tr '\n' ' ')
present=$(for f in src/*/; do basename "$f"; done | grep -vE '^(cli|mpi)$' | sort | tr '\n' ' ')
[ "$listed" = "$present" ] && bad= || bad="in the table: $listed; in src: $present"
report "every folder is in the table" "$bad"

# ---- No circles ----

# A file here is a name.c with its name.h. tsort fails if there is a circle.
circles=$(for file in src/*/*.[ch]; do
    from=${file#src/}
    from=${from%.[ch]}
    sed -nE 's/^#include "([^"]*)\.h".*/\1/p' "$file" | sed -E "s#^([^/]*)\$#${from%/*}/\1#" |
        while read -r to; do [ "$from" = "$to" ] || echo "$from $to"; done
done | tsort 2>&1 >/dev/null || true)
report "no circle of includes between files" "$circles"

# ---- A kind is one file and one row of a table ----

# The kinds of features and of projections are listed in one file each; only their own files know them. All
# other files use the table, or name a kind only to create a map of it.
report "no kind of features is asked for by its name" \
    "$(grep -rnE 'SNNK_MAP_[A-Z]' src --include='*.c' | grep -vE '^src/(map/kinds\.c|cli/)|\.?kind = SNNK_MAP_[A-Z_]+[;,]' || true)"
report "no kind of projection is asked for by its name" \
    "$(grep -rnE 'SNNK_PROJECTION_(GAUSSIAN|ORTHOGONAL|HD3|SIMPLEX|SOBOL)' src --include='*.c' | grep -vE '^src/(projection/projection\.c|cli/)|projection = SNNK_PROJECTION_[A-Z0-9_]+[;,}]' || true)"
report "no table of a kind is compared" \
    "$(grep -rnE '[!=]= *&?snnk__(map|projection)_[a-z]' src --include='*.[ch]' || true)"
report "functions of projected values are chosen by kinds, and applied by kernels" \
    "$(grep -rlE 'SNNK__OPERATION_' src | grep -vE '^src/(kernels/|map/|layer/dense\.c)' || true)"

# ---- Functions that a library must not call ----

library=$(find src -name '*.[ch]' -not -path 'src/cli/*')
# shellcheck disable=SC2086 # a list of files
calls() { grep -nE "(^|[^a-zA-Z0-9_])($1) *\(" $library || true; }
report "no printing" "$(calls 'printf|fprintf|puts|putchar|perror|fputs')"
report "no ending of the process" "$(calls 'abort|exit|_exit|quick_exit|assert|raise|kill')"
report "no process-wide state" "$(calls 'setlocale|setenv|putenv|signal|sigaction|srand|rand|umask|chdir|omp_set_num_threads|openblas_set_num_threads|cJSON_InitHooks|fesetround')"
report "BLAS and LAPACKE in solve, projection/orthogonal and map/whiten only" \
    "$(grep -lE 'cblas|lapacke' $library | grep -vE '^src/(solve/|projection/orthogonal|map/whiten)' || true)"
report "no unfinished marks" "$(grep -rnE 'TODO|FIXME' src include tests/*.c examples bench || true)"

echo "sources: $passed passed, $failed failed"
[ "$failed" = 0 ]
