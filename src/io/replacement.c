#define _XOPEN_SOURCE 700 /* POSIX 2008 with realpath */

#include "io/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/status.h"
#include "io/file.h"

/* How many names are tried for the temporary file. */
#define ATTEMPTS 1000

#if defined(PATH_MAX) && PATH_MAX > SNNK__PATH_BYTES
#error "realpath may write PATH_MAX bytes: raise SNNK__PATH_BYTES"
#endif

/* The length of `target` up to and including the last slash, or 0 if there is none. */
static size_t directory_bytes(const char *target) {
    const char *slash = strrchr(target, '/');

    return slash ? (size_t)(slash - target) + 1 : 0;
}

static int open_retrying(const char *path, int flags, mode_t mode) {
    int fd;

    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Open a new file in the target's directory. With O_EXCL no other program can use the same name,
 * and the system applies the umask, which a program cannot read without changing it for all
 * threads. mkstemp would create the file with mode 0600 and ignore the umask. */
static int open_temporary(snnk__replacement *r, mode_t mode) {
    const size_t directory = directory_bytes(r->target);

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const int n = snprintf(r->temporary, sizeof r->temporary, "%.*s.snnk-%ld-%d.tmp",
                               (int)directory, r->target, (long)getpid(), attempt);

        if (n < 0 || (size_t)n >= sizeof r->temporary)
            return snnk__fail(SNNK_E_IO, "the path is longer than %d bytes", SNNK__PATH_BYTES - 1);
        r->fd = open_retrying(r->temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (r->fd >= 0) return SNNK_OK;
        if (errno != EEXIST) break;
    }
    return snnk__fail_errno(r->target, "create a file beside it");
}

int snnk__replacement_begin(snnk__replacement *r, const char *path) {
    struct stat old;
    int exists, st;

    r->fd = -1;
    r->direct = false;
    if (strlen(path) >= sizeof r->target)
        return snnk__fail(SNNK_E_IO, "the path is longer than %d bytes", SNNK__PATH_BYTES - 1);
    exists = stat(path, &old) == 0;
    if (!exists && errno != ENOENT) return snnk__fail_errno(path, "write");
    if (!exists || !realpath(path, r->target)) memcpy(r->target, path, strlen(path) + 1);

    if (exists && !S_ISREG(old.st_mode)) {
        r->direct = true;
        r->fd = open_retrying(path, O_WRONLY, 0); /* fails if it is a directory */
        return r->fd >= 0 ? SNNK_OK : snnk__fail_errno(path, "open for writing");
    }
    /* Never more permissive than the old file, not even for a moment. */
    if ((st = open_temporary(r, exists ? old.st_mode & 0777 : 0666)) != SNNK_OK) return st;
    if (exists && fchmod(r->fd, old.st_mode & 0777) != 0) {
        st = snnk__fail_errno(path, "keep the permissions");
        snnk__replacement_abandon(r);
    }
    return st;
}

int snnk__replacement_write(snnk__replacement *r, const void *bytes, size_t size) {
    const char *at = bytes;

    while (size > 0) {
        const ssize_t written = write(r->fd, at, snnk__min_size(size, (size_t)1 << 24));

        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return snnk__fail_errno(r->target, "write");
        at += written;
        size -= (size_t)written;
    }
    return SNNK_OK;
}

/* Flush the directory, which makes the new name durable. Where a directory cannot be flushed, the
 * system writes it a little later. */
static void sync_directory(const char *target) {
    char directory[SNNK__PATH_BYTES];
    const size_t bytes = directory_bytes(target);
    int fd;

    memcpy(directory, bytes > 0 ? target : ".", bytes > 0 ? bytes : 1);
    directory[bytes > 0 ? bytes : 1] = '\0';
    fd = open_retrying(directory, O_RDONLY, 0);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

int snnk__replacement_commit(snnk__replacement *r) {
    int st = SNNK_OK, closed;

    if (!r->direct && fsync(r->fd) != 0) st = snnk__fail_errno(r->target, "write");
    closed = close(r->fd);
    r->fd = -1;
    if (st == SNNK_OK && closed != 0) st = snnk__fail_errno(r->target, "write");
    if (r->direct) return st;
    if (st == SNNK_OK && rename(r->temporary, r->target) != 0)
        st = snnk__fail_errno(r->target, "replace");
    if (st == SNNK_OK)
        sync_directory(r->target);
    else
        unlink(r->temporary);
    return st;
}

void snnk__replacement_abandon(snnk__replacement *r) {
    if (r->fd < 0) return;
    close(r->fd);
    r->fd = -1;
    if (!r->direct) unlink(r->temporary);
}
