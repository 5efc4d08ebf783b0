#!/bin/sh
# Checks what the libraries export. symbols.sh SHARED STATIC [SHARED-MPI]
#
# tests/abi/symbols.txt lists the public functions: adding one shows in review, removing one fails.
set -eu
shared=$1
static=$2
mpi=${3:-}
cd "$(dirname "$0")/../.."
passed=0
failed=0

same() { # same NAME DIFFERENCE
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok: %s\n%s\n' "$1" "$2"
    fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nm -D --defined-only "$shared" | awk '{ print $3 }' | sort >"$work/exported"
declared() { # declared HEADER...
    cat "$@" | tr '\n' ' ' | grep -oE 'SNNK_API [^;(]*[ *]snnk_[a-z0-9_]+\(' |
        grep -oE 'snnk_[a-z0-9_]+\($' | tr -d '(' | sort
}
# mpi.h belongs to another library.
# shellcheck disable=SC2046 # our names have no spaces
declared $(ls include/snnk/*.h | grep -v '/mpi\.h$') >"$work/declared"

same "exported symbols are those of tests/abi/symbols.txt (<), library (>)" \
    "$(diff tests/abi/symbols.txt "$work/exported" || true)"
same "declared functions (<) are exported (>)" "$(diff "$work/declared" "$work/exported" || true)"
[ -z "$mpi" ] || same "declared in mpi.h (<), exported by its library (>)" \
    "$(declared include/snnk/mpi.h >"$work/mpi"; nm -D --defined-only "$mpi" | awk '{ print $3 }' | sort | diff "$work/mpi" - || true)"
same "the static library defines only snnk_ and snnk__ symbols" \
    "$(nm -g --defined-only "$static" | awk 'NF == 3 && $3 !~ /^snnk_/ { print $3 }')"
same "soname carries the ABI version" \
    "$(objdump -p "$shared" | grep -E 'SONAME +libsnnk.so.[0-9]+.[0-9]+$' >/dev/null || objdump -p "$shared" | grep SONAME)"

echo "symbols: $passed passed, $failed failed"
[ "$failed" = 0 ]
