# From any Linux to AArch64 with Debian's cross compiler. Programs run in qemu, with the C library of arm64 packages
# (libc6:arm64, which libcmocka-dev:arm64 brings); qemu's -L to that of the cross compiler would mix the two.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
