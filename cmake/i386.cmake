# From Debian on x86-64 to 32 bits, by gcc -m32. Its programs run as they are where the kernel knows
# how (the loader itself is one, and tells), and elsewhere in qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_C_COMPILER gcc)
# SSE, so that results are the bits of any other machine: the 387's registers hold more than a
# double. The last folder has asm/errno.h and others, where no package put a link to them.
set(CMAKE_C_FLAGS_INIT "-m32 -msse2 -mfpmath=sse -idirafter /usr/include/x86_64-linux-gnu")
execute_process(
  COMMAND /lib/ld-linux.so.2 --version
  RESULT_VARIABLE snnk_i386_runs
  OUTPUT_QUIET ERROR_QUIET)
if(NOT snnk_i386_runs EQUAL 0)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-i386)
endif()
