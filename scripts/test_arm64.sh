#!/bin/sh
# Build the minimal library for AArch64, and run its tests in an emulator.
#
#     sh scripts/test_arm64.sh
#
# Installs a cross compiler, qemu-user, and cmocka for arm64 if they are missing. For the last one
# it adds Debian's arm64 architecture (dpkg --add-architecture). Takes about six minutes. Times
# measured in an emulator are meaningless.
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
