#!/bin/sh
# Every C file is as clang-format 14 leaves it.
set -eu
cd "$(dirname "$0")/.."
find include src tests examples bench -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
