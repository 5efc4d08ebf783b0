#!/bin/sh
# Checks that each public header compiles on its own, as C99 and as C++11, with all warnings.
# headers.sh CC [MPI-INCLUDE-FLAG...]; without the flags snnk/mpi.h is left out.
set -eu
cd "$(dirname "$0")/../.."
cc=${1:-cc}
[ $# = 0 ] || shift
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in include/snnk/*.h; do
    name=snnk/$(basename "$header")
    [ $# != 0 ] || [ "$name" != snnk/mpi.h ] || continue
    printf "#include <%s>\nextern int alone;\n" "$name" >"$work/alone.c"
    for language in "c -std=c99" "c++ -std=c++11"; do
        # shellcheck disable=SC2086 # a list of flags
        if "$cc" -x $language -pedantic -Wall -Wextra -Werror -Iinclude "$@" -fsyntax-only "$work/alone.c"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "not ok: $name as $language"
        fi
    done
done
echo "headers: $passed passed, $failed failed"
[ "$failed" = 0 ]
