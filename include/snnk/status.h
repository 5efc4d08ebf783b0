/* Status codes, error text, library information and the allocator hook.
 *
 * Every function that can fail returns an int: SNNK_OK (0) or a negative snnk_status. Results come
 * back through pointer arguments, which are written on success only (a `_create` or `_load` sets
 * its handle to NULL first). After a failure snnk_last_error() gives one sentence with the
 * particulars. The library never prints, never ends the process and never changes process-wide
 * state. */
#ifndef SNNK_STATUS_H
#define SNNK_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/version.h>

#if defined(__GNUC__) || defined(__clang__)
#define SNNK_API __attribute__((visibility("default")))
#else
#define SNNK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What can go wrong. Values never change; new ones may be added. */
typedef enum snnk_status {
    SNNK_OK = 0,
    SNNK_E_NULL = -1,        /* a required pointer is NULL */
    SNNK_E_SHAPE = -2,       /* a dimension is zero, or two dimensions do not agree */
    SNNK_E_RANGE = -3,       /* a value is outside its documented range */
    SNNK_E_SIZE = -4,        /* a product of sizes overflows, or a size exceeds the BLAS integer */
    SNNK_E_STRIDE = -5,      /* a leading dimension is smaller than a row */
    SNNK_E_ENUM = -6,        /* not a value of the enumeration */
    SNNK_E_CONFIG = -7,      /* a config struct whose size this library does not know */
    SNNK_E_STATE = -8,       /* the object is not ready for this call (nothing added, no layers) */
    SNNK_E_UNSUPPORTED = -9, /* does not exist for this object, or was left out of this build */
    SNNK_E_NOMEM = -10,      /* out of memory */
    SNNK_E_THREAD = -11,     /* the operating system could not start a thread */
    SNNK_E_NONFINITE = -20,  /* an input to learn from, or a learned result, is NaN or infinite */
    SNNK_E_SINGULAR = -21,   /* the system has no usable solution (rank 0) */
    SNNK_E_UNRESOLVED =
        -22,              /* a function is not resolved: the error of its spectrum is too large */
    SNNK_E_FORMAT = -30,  /* not a valid file of its kind */
    SNNK_E_VERSION = -31, /* the file's format is newer than this library */
    SNNK_E_TRUNCATED =
        -32,               /* the file ends before what its header announces, or goes on after it */
    SNNK_E_CHECKSUM = -33, /* the file was altered after it was written */
    SNNK_E_RAGGED = -34,   /* a row of a text table has more or fewer fields than the first */
    SNNK_E_IO = -40,       /* the operating system could not open, read or write a file, or MPI not
                            * pass a message */
    SNNK_E_CANCELLED = -41, /* a progress function asked to stop */
    SNNK_E_INTERNAL = -99   /* a bug in libsnnk: please report it */
} snnk_status;

/* A short, generic text for a status, static, never NULL ("unknown status" for a value that is not
 * one). */
SNNK_API const char *snnk_strerror(int status);

/* The calling thread's detail for its most recent failure: what was wrong, the value, the limit, as
 * in "ldx = 3 is smaller than inputs = 8". Meaningful only right after a call that failed; valid
 * until this thread's next failure; never NULL. */
SNNK_API const char *snnk_last_error(void);

/* For libraries on top of this one, so that their functions fail as ours do: make `sentence` (NULL: what
 * snnk_strerror says of the status; 511 bytes are kept) this thread's last error. Returns status. */
SNNK_API int snnk_fail(int status, const char *sentence);

/* The version of the library that is running, "0.2.0". May differ from SNNK_VERSION_* a program was
 * compiled with. */
SNNK_API const char *snnk_version(void);

/* One line on how this library was built: version, compiler, threads, BLAS, optional parts. Static,
 * never NULL. */
SNNK_API const char *snnk_build_info(void);

/* The name of the kernel table in use ("portable"), chosen once from the processor's features. The
 * environment variable SNNK_KERNELS, read at the first use, asks for another; a name unknown here
 * or not runnable on this processor is ignored. */
SNNK_API const char *snnk_kernels_name(void);

/* Where memory comes from. Both functions must be safe to call from any thread that uses the
 * object; `user` is passed through. The allocator of an object is inherited by what is made from
 * it, and what it points to must outlive them all. alloc returns NULL when it has no more; it is
 * never asked for zero bytes; any alignment will do. free is never given NULL. Memory inside
 * OpenBLAS, LAPACK, cJSON and zlib and the stacks of threads do not pass through here. */
typedef struct snnk_allocator {
    void *(*alloc)(size_t bytes, void *user);
    void (*free)(void *pointer, void *user);
    void *user;
} snnk_allocator;

#ifdef __cplusplus
}
#endif

#endif
