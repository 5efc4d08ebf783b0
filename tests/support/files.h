/* A directory for a test's files, and reading and writing their bytes. POSIX. */
#ifndef SNNK_TESTS_FILES_H
#define SNNK_TESTS_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/compare.h"

#define TEST_DIRECTORY "/tmp/snnk-test-XXXXXX"

typedef struct test_files {
    char directory[sizeof TEST_DIRECTORY];
    char path[sizeof TEST_DIRECTORY + 256]; /* what test_path returned last */
} test_files;

static inline void test_files_make(test_files *files) {
    memcpy(files->directory, TEST_DIRECTORY, sizeof TEST_DIRECTORY);
    assert_non_null(mkdtemp(files->directory));
}

static inline const char *test_path(test_files *files, const char *name) {
    snprintf(files->path, sizeof files->path, "%s/%s", files->directory, name);
    return files->path;
}

/* How many files the directory has; removes them all if asked. */
static inline int test_files_count(test_files *files, int remove_them) {
    DIR *directory = opendir(files->directory);
    int n = 0;

    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        n++;
        if (remove_them) unlink(test_path(files, entry->d_name));
    }
    closedir(directory);
    return n;
}

static inline void test_files_remove(test_files *files) {
    test_files_count(files, 1);
    assert_int_equal(rmdir(files->directory), 0);
}

static inline const char *test_write(test_files *files, const char *name, const void *bytes,
                                     size_t size) {
    FILE *file = fopen(test_path(files, name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return files->path;
}

/* Read a file of at most `room` bytes, and return its size. */
static inline size_t test_slurp(const char *path, void *bytes, size_t room) {
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    const size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

/* How many descriptors are open; 0 if the system cannot list them. */
static inline int test_open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;

    if (!directory) return 0; /* not Linux */
    while (readdir(directory)) n++;
    closedir(directory);
    return n;
}

#endif
