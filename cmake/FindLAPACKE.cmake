# CBLAS and LAPACKE. FindLAPACK does not promise LAPACKE, some OpenBLAS builds contain it and Debian's
# does not, so: try sets of libraries, and take the first that links a call to both.
#
# Defines LAPACKE::LAPACKE, LAPACKE_DESCRIPTION (text) and LAPACKE_PKGCONFIG_LIBS (-l flags).
# -DLAPACKE_LIBRARIES="a;b" overrides the search.
include(CheckCSourceCompiles)
include(CMakePushCheckState)

find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas openblas-pthread)
find_path(LAPACKE_INCLUDE_DIR lapacke.h PATH_SUFFIXES lapacke openblas)

if(NOT LAPACKE_LIBRARIES AND CBLAS_INCLUDE_DIR AND LAPACKE_INCLUDE_DIR)
  foreach(candidate "openblas" "lapacke;openblas" "lapacke;lapack;cblas;blas" "lapacke;lapack;blas")
    string(REPLACE ";" "_" name "LAPACKE_LINKS_${candidate}")
    cmake_push_check_state(RESET)
    set(CMAKE_REQUIRED_QUIET ON)
    set(CMAKE_REQUIRED_INCLUDES ${CBLAS_INCLUDE_DIR} ${LAPACKE_INCLUDE_DIR})
    set(CMAKE_REQUIRED_LIBRARIES ${candidate} m)
    check_c_source_compiles(
      "#include <cblas.h>
       #include <lapacke.h>
       int main(void) {
           double a = 1;
           return (int)cblas_ddot(1, &a, 1, &a, 1) + LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', 1, &a, 1);
       }"
      ${name})
    cmake_pop_check_state()
    if(${name})
      set(LAPACKE_LIBRARIES "${candidate}" CACHE STRING "Libraries that give CBLAS and LAPACKE")
      break()
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LAPACKE REQUIRED_VARS LAPACKE_LIBRARIES CBLAS_INCLUDE_DIR
                                                        LAPACKE_INCLUDE_DIR)
mark_as_advanced(CBLAS_INCLUDE_DIR LAPACKE_INCLUDE_DIR LAPACKE_LIBRARIES)
if(LAPACKE_FOUND)
  string(REPLACE ";" "+" LAPACKE_DESCRIPTION "${LAPACKE_LIBRARIES}")
  list(TRANSFORM LAPACKE_LIBRARIES PREPEND "-l" OUTPUT_VARIABLE LAPACKE_PKGCONFIG_LIBS)
  list(JOIN LAPACKE_PKGCONFIG_LIBS " " LAPACKE_PKGCONFIG_LIBS)
  if(NOT TARGET LAPACKE::LAPACKE)
    add_library(LAPACKE::LAPACKE INTERFACE IMPORTED)
    target_link_libraries(LAPACKE::LAPACKE INTERFACE ${LAPACKE_LIBRARIES})
    target_include_directories(LAPACKE::LAPACKE SYSTEM INTERFACE ${CBLAS_INCLUDE_DIR}
                                                                 ${LAPACKE_INCLUDE_DIR})
  endif()
endif()
