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

# gives NAME STATUS COMMAND...: the command exits with STATUS; stdout in out, stderr in err.
gives() {
    name=$1
    wanted=$2
    shift 2
    "$@" >out 2>err </dev/null
    status=$?
    if [ $status = "$wanted" ]; then ok; else not_ok "$name: exit status $status, not $wanted"; fi
}

# has NAME FILE PATTERN: a line of the file matches.
has() { if grep -qE -- "$3" "$2"; then ok; else not_ok "$1: no \"$3\" in $2"; fi; }

# one_line NAME FILE: the file has exactly one line.
one_line() { if [ "$(wc -l <"$2")" = 1 ]; then ok; else not_ok "$1: $2 is not one line"; fi; }

# json NAME EXPRESSION: out is one JSON object j, for which the Python expression holds.
json() {
    if python3 -c "
import json, sys
j = json.loads(open('out').read())
assert isinstance(j, dict)
assert $2, j" 2>py; then ok; else not_ok "$1: $(tail -n 1 py)"; fi
}

# bar COMMAND...: "$snnk" COMMAND... draws a progress bar that shows the text $says, on a terminal
bar() {
    says=$says python3 - "$snnk" "$@" <<'PYTHON'
import os, pty, subprocess, sys
terminal, child = pty.openpty()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=child)
os.close(child)
seen = b""
try:
    while part := os.read(terminal, 4096):
        seen += part
except OSError:  # the other end is closed
    pass
says = os.environ["says"].encode()
sys.exit(0 if p.wait() == 0 and b"[" in seen and b"%" in seen and says in seen else 3 if not seen else 1)
PYTHON
}

# report NAME: print the counts; its status is the result. Must be the last command.
report() {
    echo "$1: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# tensors FILE...: one line for each tensor of safetensors files: its name and the sum of its bytes.
tensors() {
    python3 - "$@" <<'PYTHON'
import hashlib, json, struct, sys
for path in sys.argv[1:]:
    f = open(path, "rb").read()
    n = struct.unpack("<Q", f[:8])[0]
    for name, t in sorted(json.loads(f[8:8 + n]).items()):
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            print(name, hashlib.md5(f[8 + n + begin:8 + n + end]).hexdigest())
PYTHON
}
