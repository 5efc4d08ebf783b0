#!/bin/sh
# Every C file is formatted as clang-format 14 does, and no line is longer than 100 columns. That
# includes comments, which clang-format does not break. Exempt are data (tests/data) and lines that
# are long because of a URL.
set -eu
cd "$(dirname "$0")/.."
LC_ALL=C.UTF-8 # columns are characters
export LC_ALL
status=0
find include src tests examples bench -name '*.[ch]' -exec clang-format --dry-run -Werror {} + ||
    status=1
long=$(find include src tests examples bench -name '*.[ch]' -not -path 'tests/data/*' \
    -exec grep -nHE '^.{101}' {} + | grep -vE 'https?://[^ ]{40}' || true)
if [ -n "$long" ]; then
    printf 'longer than 100 columns:\n%s\n' "$long"
    status=1
fi
exit $status
