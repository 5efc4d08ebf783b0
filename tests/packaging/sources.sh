#!/bin/sh
# What the sources promise: includes point downwards only, and the library neither prints, nor ends
# the process, nor changes process-wide state.
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

# folder, and the folders it may include from besides itself (docs: the tree is the architecture)
while read -r folder allowed; do
    [ -d "src/$folder" ] || continue
    pattern=$(echo "$folder $allowed" | tr ' ' '|')
    bad=$(grep -nE '^#include "' -r "src/$folder" | grep -vE "#include \"($pattern)/" || true)
    report "src/$folder includes only from: $folder $allowed" "$bad"
done <<'TABLE'
base
kernels base
urf kernels base
solve kernels base
layer solve urf kernels base
bundle layer solve urf kernels base
file bundle layer solve urf kernels base
mpi
cli
TABLE

library=$(find src -name '*.[ch]' -not -path 'src/cli/*')
# shellcheck disable=SC2086 # a list of files
calls() { grep -nE "(^|[^a-zA-Z0-9_])($1) *\(" $library || true; }
report "no printing" "$(calls 'printf|fprintf|puts|putchar|perror|fputs')"
report "no ending of the process" "$(calls 'abort|exit|_exit|quick_exit|assert|raise|kill')"
report "no process-wide state" "$(calls 'setlocale|setenv|putenv|signal|sigaction|srand|rand|umask|chdir|omp_set_num_threads|openblas_set_num_threads|cJSON_InitHooks|fesetround')"
report "BLAS and LAPACKE in solve, urf/projection and urf/whiten only" \
    "$(grep -lE 'cblas|lapacke' $library | grep -vE '^src/(solve/|urf/(projection|whiten))' || true)"
report "no unfinished marks" "$(grep -rnE 'TODO|FIXME' src include tests/*.c examples bench || true)"

echo "sources: $passed passed, $failed failed"
[ "$failed" = 0 ]
