# For tests of the program from outside, sourced: an empty folder to work in, and what counts checks.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

ok() { passed=$((passed + 1)); }
not_ok() {
    failed=$((failed + 1))
    echo "not ok: $1"
    sed 's/^/    /' out err 2>/dev/null | head -n 20
}

# report NAME: how it went, as the last command.
report() {
    echo "$1: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}
