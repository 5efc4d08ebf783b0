#define _POSIX_C_SOURCE 200809L

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"

int snnk__fail_errno(const char *path, const char *verb) {
    char text[128];

    if (strerror_r(errno, text, sizeof text) != 0) text[0] = '\0';
    return snnk__fail(SNNK_E_IO, "%s: cannot %s: %s", path, verb, text);
}

int snnk__file_open(const char *path, int *fd) {
    do *fd = open(path, O_RDONLY | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? snnk__fail_errno(path, "open") : SNNK_OK;
}

int snnk__file_measure(int fd, const char *path, bool *regular, size_t *size) {
    struct stat about;

    if (fstat(fd, &about) != 0) return snnk__fail_errno(path, "read");
    *regular = S_ISREG(about.st_mode) && about.st_size > 0; /* files under /proc announce 0 */
    if (*regular && (uintmax_t)about.st_size >= PTRDIFF_MAX)
        return snnk__fail(SNNK_E_SIZE, "%s: a length of %jd bytes overflows size_t", path,
                          (intmax_t)about.st_size);
    *size = *regular ? (size_t)about.st_size : 0;
    return SNNK_OK;
}

void snnk__file_will_stream(int fd) { (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); }

int snnk__file_read_range(int fd, const char *path, size_t begin, size_t n, void *out) {
    unsigned char *to = out;

    for (size_t done = 0; done < n;) {
        /* Linux reads at most 2^31 - 4096 bytes at once, and signals wait for the end of a read. */
        const size_t count = snnk__min_size(n - done, (size_t)1 << 22);
        const ssize_t got = pread(fd, to + done, count, (off_t)(begin + done));

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return snnk__fail_errno(path, "read");
        if (got == 0)
            return snnk__fail(
                SNNK_E_TRUNCATED,
                "%s: the file now ends at byte %zu, but was longer when it was opened", path,
                begin + done);
        done += (size_t)got;
    }
    return SNNK_OK;
}

void snnk__file_close(int fd) {
    if (fd >= 0) close(fd);
}
