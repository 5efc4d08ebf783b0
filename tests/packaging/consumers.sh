#!/bin/sh
# The installed library, used from outside: examples/quickstart.c copied into an empty folder and
# built through find_package, pkg-config and statically, from an installation that was moved; and
# the source tree inside another project. consumers.sh BUILD-DIRECTORY CC
set -eu
build=$1
cc=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

check() { # check NAME COMMAND...
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok: $name"
        tail -n 30 "$work/log"
    fi
}

project() { # project DIRECTORY TARGET: a CMake project that builds the quickstart with TARGET
    mkdir -p "$1"
    cp "$source/examples/quickstart.c" "$1"
    cat >"$1/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.22)
project(consumer C)
find_package(snnk 0.2 REQUIRED)
add_executable(quickstart quickstart.c)
target_link_libraries(quickstart PRIVATE $2 m)
CMAKE
}

with_cmake() { # with_cmake DIRECTORY
    cmake -S "$1" -B "$1/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$1/build" && cd "$1" && ./build/quickstart
}

with_pkg_config() { # with_pkg_config DIRECTORY [--static]
    mkdir -p "$1" && cp "$source/examples/quickstart.c" "$1" && cd "$1" || return 1
    flags=$(pkg-config --cflags --libs ${2:-} snnk) || return 1
    if [ "${2:-}" = --static ]; then
        flags=$(echo "$flags" | sed 's/-lsnnk/-l:libsnnk.a/')
    fi
    # shellcheck disable=SC2086 # lists of flags
    "$cc" -std=c99 quickstart.c -o quickstart $flags -lm && ./quickstart
}

# A parent project that checks that none of its own settings changed.
configure_parent() { # configure_parent DIRECTORY HOW
    mkdir -p "$1"
    cp "$source/examples/quickstart.c" "$1"
    cat >"$1/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.22)
project(parent C)
get_cmake_property(before CACHE_VARIABLES)
set(flags_before "\${CMAKE_C_FLAGS}")
$2
get_cmake_property(after CACHE_VARIABLES)
foreach(name IN LISTS after)
  if(NOT name IN_LIST before AND NOT name MATCHES
     "^(SNNK_|snnk_|LAPACKE_|CBLAS_|CJSON_|ZLIB_|RANDOM123_|CMAKE_HAVE_|FETCHCONTENT_|CMAKE_INSTALL_|CMAKE_PROJECT_VERSION|FIND_PACKAGE_MESSAGE_|PKG_|HAVE_|CMOCKA_|GIT_|_)")
    message(SEND_ERROR "snnk left the cache variable \${name}")
  endif()
endforeach()
if(NOT flags_before STREQUAL CMAKE_C_FLAGS OR DEFINED CMAKE_RUNTIME_OUTPUT_DIRECTORY OR
   DEFINED CMAKE_ARCHIVE_OUTPUT_DIRECTORY OR DEFINED BUILD_TESTING OR CMAKE_C_STANDARD)
  message(SEND_ERROR "snnk changed the parent's settings")
endif()
if(TARGET snnk_program OR TARGET test_base)
  message(SEND_ERROR "snnk builds its own program or tests inside another project")
endif()
add_executable(quickstart quickstart.c)
target_link_libraries(quickstart PRIVATE snnk::snnk m)
CMAKE
    cmake -S "$1" -B "$1/build" -DCMAKE_C_COMPILER="$cc"
}

parent() { # parent DIRECTORY HOW
    configure_parent "$1" "$2" &&
        cmake --build "$1/build" -j 2 --target quickstart && cd "$1" && ./build/quickstart
}

# The library is not compiled once more: the commands that would be run are those of the first parent,
# except for its own folder.
same_commands() { # same_commands DIRECTORY HOW
    configure_parent "$1" "$2" && commands "$first_parent" >"$work/first_commands" &&
        commands "$1" >"$work/commands" && [ -s "$work/commands" ] &&
        diff "$work/first_commands" "$work/commands"
}

commands() { # commands DIRECTORY: the compilations of a parent, sorted
    ninja -C "$1/build" -t commands quickstart | grep -- ' -c ' |
        sed "s|$1|PARENT|g; s|_deps/snnk-build|snnk|g" | sort
}

check "install" cmake --install "$build" --prefix "$work/first"
mv "$work/first" "$work/moved place"
mv "$work/moved place" "$work/moved"
prefix=$work/moved
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name snnk.pc)")
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libsnnk.so)")
CMAKE_GENERATOR=Ninja # as the presets; a bare machine has no make
export PKG_CONFIG_PATH LD_LIBRARY_PATH CMAKE_GENERATOR

project "$work/cmake_shared" snnk::snnk
project "$work/cmake_static" snnk::static
check "find_package, snnk::snnk" with_cmake "$work/cmake_shared"
check "find_package, snnk::static" with_cmake "$work/cmake_static"
cat >"$work/main.cpp" <<'CPP'
#include <snnk/snnk.h>
int main() { return snnk_version() == nullptr; }
CPP
mkdir "$work/cplusplus" && mv "$work/main.cpp" "$work/cplusplus/quickstart.cpp"
cat >"$work/cplusplus/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(consumer CXX)
find_package(snnk 0.2 REQUIRED)
add_executable(quickstart quickstart.cpp)
target_link_libraries(quickstart PRIVATE snnk::snnk)
CMAKE
check "find_package in a C++ project" with_cmake "$work/cplusplus"
check "snnk::static needs no libsnnk.so" \
    sh -c "! ldd '$work/cmake_static/build/quickstart' | grep -q libsnnk"
check "pkg-config" with_pkg_config "$work/pkg_shared"
check "pkg-config --static" with_pkg_config "$work/pkg_static" --static
if [ -f "$prefix/include/snnk/mpi.h" ]; then
    mkdir "$work/mpi"
    cat >"$work/mpi/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(consumer C)
find_package(snnk 0.2 REQUIRED COMPONENTS MPI)
add_executable(quickstart sum.c)
target_link_libraries(quickstart PRIVATE snnk::mpi)
CMAKE
    cat >"$work/mpi/sum.c" <<'C'
#include <snnk/mpi.h>
int main(void) { return snnk_lstsq_reduce_mpi(NULL, MPI_COMM_NULL, 0) != SNNK_E_STATE; }
C
    check "find_package, component MPI" with_cmake "$work/mpi"
    # shellcheck disable=SC2046 # lists of flags
    check "pkg-config snnk_mpi" sh -c "cd '$work/mpi' && OMPI_CC='$cc' mpicc sum.c -o sum \$(pkg-config --cflags --libs snnk_mpi) && ./sum"
fi
first_parent=$work/subdirectory
check "add_subdirectory" parent "$first_parent" \
    "add_subdirectory(\"$source\" snnk EXCLUDE_FROM_ALL)"
check "FetchContent" same_commands "$work/fetch" \
    "include(FetchContent)
FetchContent_Declare(snnk SOURCE_DIR \"$source\")
FetchContent_MakeAvailable(snnk)"

# The minimal library if CMake does not find cmocka: without_cmocka DIRECTORY [OPTION...]
without_cmocka() {
    directory=$1
    shift
    ignored=$(sed -n 's|^CMOCKA_LIBRARY:[A-Z]*=\(.*\)/[^/]*$|\1|p' "$build/CMakeCache.txt")
    cmake -S "$source" -B "$directory" -DCMAKE_C_COMPILER="$cc" -DSNNK_MINIMAL=ON \
        -DCMAKE_IGNORE_PATH="$ignored;${ignored#/usr}" "$@" # /lib may be /usr/lib
}

no_tests() { # no_tests DIRECTORY
    without_cmocka "$1" >"$work/output" 2>&1 && grep cmocka "$work/output" &&
        ctest --test-dir "$1" -N | grep 'Total Tests: 0'
}

tests_are_missed() { # tests_are_missed DIRECTORY
    ! without_cmocka "$1" -DSNNK_BUILD_TESTS=ON >"$work/output" 2>&1 &&
        grep 'needs cmocka' "$work/output"
}

check "no cmocka, no tests" no_tests "$work/no_cmocka"
check "no cmocka, but tests asked for" tests_are_missed "$work/missed_cmocka"

echo "consumers: $passed passed, $failed failed"
[ "$failed" = 0 ]
