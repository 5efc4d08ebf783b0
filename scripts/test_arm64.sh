#!/bin/sh
# Build the minimal library for AArch64 and run its tests in an emulator: sh scripts/test_arm64.sh
#
# Installs what is missing: a cross compiler, qemu-user, and cmocka for arm64, for which Debian's arm64
# packages are made available beside the machine's own (dpkg --add-architecture). It takes about
# six minutes; times in an emulator say nothing of the real thing.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

# shellcheck disable=SC2086 # a list
need $build_packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
if ! dpkg --print-foreign-architectures | grep -qx arm64; then
    if [ "$(id -u)" = 0 ]; then
        dpkg --add-architecture arm64
    else
        sudo dpkg --add-architecture arm64
    fi
fi
need libcmocka-dev:arm64

cmake --preset arm64
cmake --build --preset arm64
ctest --preset arm64
