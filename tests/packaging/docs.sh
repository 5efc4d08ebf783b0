#!/bin/sh
# Checks that the C blocks of README.md and docs/ compile, that links between pages have a target, and
# that files named by pages and comments exist, and that docs/kernels.md shows the results of benchmarks.
# docs.sh CC [MPI-INCLUDE-FLAG...]; without the flags, blocks that include snnk/mpi.h are left out.
#
# Each ```c block is compiled on its own, as C11 with all warnings. Its #include lines go to the head of the
# file, after docs_preamble.h, and the rest into a function; a block with a main is a whole program.
set -eu
cd "$(dirname "$0")/../.."
cc=${1:-cc}
[ $# = 0 ] || shift
passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pages="README.md CONTRIBUTING.md CHANGELOG.md src/README.md docs/*.md"

result() { # result NAME: by the status of the command before
    if [ $? = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok: $1"
    fi
}

# ---- Blocks ----

# Write the blocks of PAGE as $work/N.c, numbered by their first line; errors name the page and line.
extract() { # extract PAGE
    awk -v page="$1" -v work="$work" '
        function flush() {
            file = work "/" first ".c"
            if (whole) {
                printf "#line %d \"%s\"\n%s", first, page, all >file
            } else {
                printf "#include \"docs_preamble.h\"\n%s", includes >file
                printf "void docs_block(void);\nvoid docs_block(void) {\n%s}\n", body >file
            }
            close(file)
        }
        /^```c$/ { inside = 1; first = NR + 1; whole = 0; all = includes = body = ""; next }
        /^```/ { if (inside) flush(); inside = 0; next }
        inside {
            line = sprintf("#line %d \"%s\"\n%s\n", NR, page, $0)
            all = all $0 "\n"
            if (/^#include/) includes = includes line
            else body = body line
            if (/^int main/) whole = 1
        }' "$1"
}

blocks=0
for page in $pages; do
    extract "$page"
    for block in "$work"/*.c; do
        [ -f "$block" ] || continue
        if [ $# != 0 ] || ! grep -q 'snnk/mpi\.h' "$block"; then
            blocks=$((blocks + 1))
            "$cc" -std=c11 -pedantic -Wall -Wextra -Werror -Wno-unused-variable -Iinclude \
                -Itests/packaging "$@" -fsyntax-only "$block" && true
            result "$page, block at line $(basename "$block" .c)"
        fi
        rm "$block"
    done
done
[ "$blocks" -ge 5 ] && true # the extraction finds them at all
result "blocks found: $blocks"

# Indented C without a fence would not be found.
# shellcheck disable=SC2086 # a list of files
escaped=$(awk 'FNR == 1 { inside = 0 } /^```/ { inside = !inside }
    !inside && /^    .*snnk_[a-z0-9_]+\(.*\);/ { print FILENAME ":" FNR ": " $0 }' $pages)
[ -z "$escaped" ] && true
result "C is in fenced blocks: $escaped"

# ---- Links ----

for page in $pages; do
    for link in $(grep -oE '\]\([^)# ]+' "$page" | sed 's/^](//' | grep -vE '^[a-z]+:' | sort -u || true); do
        [ -e "$(dirname "$page")/$link" ] && true
        result "$page links to $link"
    done
    # Within a page: every #section is a heading, spelled as GitHub does.
    for anchor in $(grep -oE '\]\(#[^)]+' "$page" | sed 's/^](#//' | sort -u || true); do
        grep -E '^#' "$page" | sed 's/^#* //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n_-' |
            grep -qx -- "$anchor" && true
        result "$page has a section #$anchor"
    done
done

# ---- Names of files ----

# A file in backticks, such as `kernels/forward.c` or `urf.h`, must exist in the tree. (The changelog may
# name old ones.)
files=$(find .ci bench cmake docs examples include scripts src tests -type f | sed 's#^#/#')
for page in $pages; do
    [ "$page" != CHANGELOG.md ] || continue
    # shellcheck disable=SC2016 # backticks of Markdown
    for name in $(grep -oE '`[A-Za-z0-9_/]+\.(c|h|sh|py|txt|gp)`' "$page" | tr -d '`' | sort -u || true); do
        echo "$files" | grep -q -- "/$name\$" && true
        result "$page names $name"
    done
done

# The same for paths in the sources: a file named in a comment must exist.
paths='\<(src|include/snnk|docs|scripts|tests|bench|examples)(/[a-z_0-9]+)+\.(c|h|md|py|sh|txt)\>'
for name in $(grep -rhoE "$paths" bench cmake examples include scripts src tests | sort -u); do
    [ -e "$name" ] && true
    result "$name, named in $(grep -rlF "$name" bench cmake examples include scripts src tests | tr '\n' ' ')"
done

# ---- Results of benchmarks ----

if command -v python3 >/dev/null; then
    python3 bench/compare_results.py --check && true # "&& true": set -e does not end here, and result sees $?
    result "docs/kernels.md shows the results of bench/results"
else
    echo "skipped: docs/kernels.md shows the results of bench/results (no python3)"
fi

echo "docs: $passed passed, $failed failed"
[ "$failed" = 0 ]
