#!/bin/sh
# Build and test everything.
#
#     sh scripts/test.sh [--quick]
#
# Installs the Debian packages that are missing, then runs
#   - the suite in the dev build (gcc, warnings are errors),
#   - the suite with the address and undefined-behaviour sanitizers, without checks of the sources,
#   - the suite in a build by clang, without checks of the sources and of the program,
#   - the suite of the minimal build, for 64 and for 32 bits,
#   - the tests of threads with the thread sanitizer,
#   - the check of the source format.
#
# --quick: only the dev build and its suite. The last line counts tests. As many tests run at a time
# as there are processors.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

quick=no
for argument in "$@"; do
    case $argument in
    --quick) quick=yes ;;
    *)
        echo "usage: sh scripts/test.sh [--quick]" >&2
        exit 2
        ;;
    esac
done

# shellcheck disable=SC2086 # a list
need $build_packages g++ libcmocka-dev python3
[ $quick = yes ] || need clang clang-format

# The 32-bit build, on x86-64 only. The package gcc-multilib is not needed, and conflicts with cross
# compilers: it only adds a link to the packages below, which cmake/i386.cmake does without.
bits32=no
if [ $quick = no ] && [ "$(dpkg --print-architecture)" = amd64 ]; then
    bits32=yes
    need "gcc-$(gcc -dumpversion)-multilib" libc6-dev-i386
    # If the kernel cannot run 32-bit programs, qemu runs them, a hundred times as slowly. Then
    # tests that mostly compute are left out.
    emulated=
    if ! /lib/ld-linux.so.2 --version >/dev/null 2>&1; then
        need qemu-user
        emulated="-LE slow"
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
passed=0
failed=0
skipped=0

# Run the tests of a preset, print them, and count them. Each cmocka case and each check of a shell
# script counts as one; a ctest test without these counts as one.
run_suite() {
    preset=$1
    shift
    echo "== $preset: tests"
    status=0
    ctest --preset "$preset" --verbose -j "$(nproc)" "$@" >"$log" 2>&1 || status=$?
    grep -E '^ *[0-9]+/[0-9]+ Test|FAILED|Failure|ERROR|error:|not ok' "$log" || true
    if [ $status != 0 ]; then
        grep -vE '\[ RUN|\[       OK' "$log" | tail -n 80
    fi
    # ctest --verbose puts "N: " before the lines of test N.
    counts=$(awk '
        /^[0-9]+: / { id = $1 + 0 }
        /^[0-9]+: \[  PASSED  \] [0-9]+ test/ { passed += $5; counted[id] = 1 }
        /^[0-9]+: \[  FAILED  \] [0-9]+ test/ { failed += $5; failures[id] = 1 }
        /^[0-9]+: \[  SKIPPED \] [0-9]+ test/ { skipped += $5 }
        /^[0-9]+: [a-z]+: [0-9]+ passed, [0-9]+ failed$/ {
            passed += $3; failed += $5; counted[id] = 1
            if ($5 > 0) failures[id] = 1
        }
        /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ {
            match($0, /#[0-9]+/)
            id = substr($0, RSTART + 1, RLENGTH - 1) + 0
            if (/   Passed /) { if (!counted[id]) passed++ }
            else if (/\*\*\*Skipped/) skipped++
            else if (!failures[id]) failed++ # a crash or a timeout
        }
        END { print passed + 0, failed + 0, skipped + 0 }' "$log")
    suite_passed=${counts%% *}
    suite_skipped=${counts##* }
    suite_failed=${counts#* }
    suite_failed=${suite_failed%% *}
    [ $status = 0 ] || [ "$suite_failed" != 0 ] || suite_failed=1
    echo "== $preset: $suite_passed checks passed, $suite_failed failed"
    passed=$((passed + suite_passed))
    failed=$((failed + suite_failed))
    skipped=$((skipped + suite_skipped))
}

# Run a command, and count it as one check.
check() {
    name=$1
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "== $name: failed"
    fi
}

# build PRESET [TARGET...]: build the targets, or all if none is named.
build() {
    preset=$1
    shift
    cmake --preset "$preset" >"$log" 2>&1 &&
        cmake --build --preset "$preset" ${1:+--target "$@"} >>"$log" 2>&1 || {
        tail -n 60 "$log"
        echo "The errors in it:"
        grep -E 'error|FAILED' "$log" | head -n 20
        return 1
    }
}

# Build a preset and run its tests. If it does not build, its tests do not run: the programs would
# be old.
build_and_test() {
    failed_before=$failed
    check "build: $1 ($2)" build "$1"
    preset=$1
    shift 2
    [ "$failed" != "$failed_before" ] || run_suite "$preset" "$@"
}

build_and_test dev "gcc, warnings are errors"
if [ $quick = no ]; then
    build_and_test asan "address and undefined behaviour" -LE once
    build_and_test clang "optimised, warnings are errors" -LE "once|program"
    build_and_test minimal "no dependencies"
    if [ $bits32 = yes ]; then
        check "cmocka for 32 bits" unpack_foreign i386 build/i386 libcmocka0
        # shellcheck disable=SC2086 # a list
        build_and_test minimal32 "sizes of 32 bits" $emulated
    fi
    failed_before=$failed # as build_and_test, but only three targets
    check "build: tsan (thread sanitizer)" build tsan test_threads test_pool test_train_passes
    [ "$failed" != "$failed_before" ] || run_suite tsan -R '^(threads|pool|train_passes)$'
    check "format" sh tests/format.sh
fi

counts="tests: $passed passed, $failed failed"
[ "$skipped" = 0 ] || counts="$counts, $skipped skipped"
echo "$counts"
[ "$failed" = 0 ]
