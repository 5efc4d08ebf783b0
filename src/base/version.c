#include <snnk/status.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define MINOR_AND_PATCH TEXT(SNNK_VERSION_MINOR) "." TEXT(SNNK_VERSION_PATCH)
#define VERSION         TEXT(SNNK_VERSION_MAJOR) "." MINOR_AND_PATCH

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "an unknown compiler"
#endif

#ifdef SNNK_THREADS
#define THREADS "threads"
#else
#define THREADS "no threads"
#endif

/* SNNK_BUILD_BLAS: the libraries that the build system found, as text. */
#ifdef SNNK_MINIMAL
#define PARTS "minimal (no solver, no files)"
#elif defined(SNNK_BUILD_BLAS)
#define PARTS "BLAS and LAPACKE from " SNNK_BUILD_BLAS
#else
#define PARTS "BLAS and LAPACKE"
#endif

const char *snnk_version(void) { return VERSION; }

const char *snnk_build_info(void) {
    return "libsnnk " VERSION ", " COMPILER ", " THREADS ", " PARTS;
}
