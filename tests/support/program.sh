# Sourced by tests of the program: creates an empty folder to work in, and counts checks.
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

# report NAME: print the counts; its status is the result. Must be the last command.
report() {
    echo "$1: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}
