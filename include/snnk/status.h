/* Status codes, error sentences, the version of the library, and the allocator hook.
 *
 * Every function that can fail returns an int: SNNK_OK (0) or a negative snnk_status. After a
 * failure, snnk_last_error() gives one sentence that says what was wrong:
 *
 *     if (snnk_network_load("model.safetensors", NULL, &network) != SNNK_OK)
 *         fprintf(stderr, "%s\n", snnk_last_error());
 *
 * Results come back through pointer arguments, which are written only on success; but functions
 * that create or load an object set its pointer to NULL first. The library never prints, never ends
 * the process and never changes process-wide state. */
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

/* Why a call failed. Values never change; new ones may be added. */
typedef enum snnk_status {
    SNNK_OK = 0,
    /* Arguments */
    SNNK_E_NULL = -1,        /* a required pointer is NULL */
    SNNK_E_SHAPE = -2,       /* a dimension is zero, or dimensions do not agree */
    SNNK_E_RANGE = -3,       /* a value is outside its documented range */
    SNNK_E_SIZE = -4,        /* a product of sizes overflows, or a size exceeds the BLAS integer */
    SNNK_E_STRIDE = -5,      /* a leading dimension is smaller than a row */
    SNNK_E_ENUM = -6,        /* not a value of the enumeration */
    SNNK_E_CONFIG = -7,      /* the size of a config or report struct is unknown to this library */
    SNNK_E_STATE = -8,       /* the object is not ready for this call, for example has no rows */
    SNNK_E_UNSUPPORTED = -9, /* not available for this object, or not part of this build */
    SNNK_E_OVERLAP = -12,    /* an array to write to shares memory with another argument */
    /* Resources */
    SNNK_E_NOMEM = -10,  /* out of memory */
    SNNK_E_THREAD = -11, /* the operating system could not start a thread */
    /* Numbers */
    SNNK_E_NONFINITE = -20,  /* data to learn from, or a learned result, is NaN or infinite */
    SNNK_E_SINGULAR = -21,   /* the system has no usable solution (rank 0) */
    SNNK_E_UNRESOLVED = -22, /* the error of a function's spectrum is too large */
    /* Files */
    SNNK_E_FORMAT = -30,    /* not a valid file of its kind */
    SNNK_E_VERSION = -31,   /* the format of the file is newer than this library */
    SNNK_E_TRUNCATED = -32, /* the file is shorter or longer than it should be */
    SNNK_E_CHECKSUM = -33,  /* the file was changed after it was written */
    SNNK_E_RAGGED = -34,    /* a row of a CSV file has more or fewer fields than the header */
    SNNK_E_IO = -40,        /* a file could not be opened, read or written, or MPI failed */
    /* Other reasons */
    SNNK_E_CANCELLED = -41, /* a progress function asked to stop */
    SNNK_E_INTERNAL = -99   /* a bug in libsnnk: please report it */
} snnk_status;

/* Arrays that a function writes must not share memory with its other arrays; otherwise it returns
 * SNNK_E_OVERLAP and writes nothing. X in columns 0 ... d-1 and Y in columns d ... d+l-1 of one
 * buffer, with the same row stride, do not overlap. A function that can work in place says so. */

/* Get the text for a status, such as "a value is outside its range". Static, never NULL: "unknown
 * status" for an unknown value. */
SNNK_API const char *snnk_strerror(int status);

/* Get the name of a status, such as "SNNK_E_RANGE". Static; NULL for an unknown value. */
SNNK_API const char *snnk_status_name(int status);

/* Get the sentence for the last failure on this thread: what was wrong, the value, the limit, as in
 * "ldx = 3 is smaller than inputs = 8". It belongs to the call that failed and is valid until this
 * thread's next failure: a call that succeeds leaves it as it was. Never NULL. */
SNNK_API const char *snnk_last_error(void);

/* Set this thread's error sentence and return the status, for libraries on top of this one whose
 * functions fail in the same way.
 *   status    returned unchanged
 *   sentence  copied, up to 511 bytes; NULL for the text of snnk_strerror
 * Returns status. */
SNNK_API int snnk_fail(int status, const char *sentence);

/* Get the version of the running library, such as "0.2.0". Static, never NULL. A program may have
 * been compiled with the headers of another version (SNNK_VERSION_MAJOR, _MINOR, _PATCH). */
SNNK_API const char *snnk_version(void);

/* Get one line about how the library was built: version, compiler, threads, BLAS, optional parts.
 * Static, never NULL. */
SNNK_API const char *snnk_build_info(void);

/* Get the name of the kernels in use: "avx512", "avx2", "neon" or "portable". Static, never NULL.
 * At first use the library takes the best kernels that the processor can run, or those that the
 * environment variable SNNK_KERNELS names. A name that is unknown, or that this processor cannot
 * run, is ignored. */
SNNK_API const char *snnk_kernels_name(void);

/* Where memory comes from. An object keeps its allocator, and objects made from it inherit it, so
 * what it points to must outlive all of them. Both functions must be safe to call from every thread
 * that uses these objects. Not allocated through it: memory inside OpenBLAS, LAPACK, cJSON and
 * zlib, and the stacks of threads.
 *   alloc  returns a block of any alignment, or NULL if out of memory; bytes is never 0
 *   free   frees a block; pointer is never NULL
 *   user   passed to both */
typedef struct snnk_allocator {
    void *(*alloc)(size_t bytes, void *user);
    void (*free)(void *pointer, void *user);
    void *user;
} snnk_allocator;

#ifdef __cplusplus
}
#endif

#endif
