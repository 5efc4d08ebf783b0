#include "io/tensors_index.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/size.h"
#include "base/utf8.h"
#include "io/bytes.h"
#include "io/file.h"
#include "io/whole_file.h"

/* A file with tensors. */
typedef struct shard {
    const char *name;                     /* in the directory of the index */
    _Atomic(snnk__tensors_file *) opened; /* NULL before it is needed */
} shard;

typedef struct entry {
    const char *name, *file;
    shard *shard;
} entry;

struct snnk__tensors_index {
    snnk_allocator allocator;
    char *path;
    size_t directory_bytes; /* of the path, with the last slash; 0 without one */
    cJSON *json;            /* owns all names */
    size_t n_entries, n_shards;
    entry *entries; /* sorted by name */
    shard *shards;
};

int snnk__tensors_is_index(const char *path, bool *is_index) {
    unsigned char head[8];
    bool regular;
    size_t size;
    int fd, st;

    *is_index = false;
    if ((st = snnk__file_open(path, &fd)) != SNNK_OK) return st;
    st = snnk__file_measure(fd, path, &regular, &size);
    if (st == SNNK_OK && regular && size >= sizeof head) {
        st = snnk__file_read_range(fd, path, 0, sizeof head, head);
        *is_index = st == SNNK_OK && head[0] == '{' &&
                    snnk__load_u64(head, false) > SNNK__SAFETENSORS_MAX_HEADER;
    }
    snnk__file_close(fd);
    return st;
}

/* ---- Reading the index ---- */

static int compare_names(const void *left, const void *right) {
    return strcmp(((const entry *)left)->name, ((const entry *)right)->name);
}

static int compare_files(const void *left, const void *right) {
    return strcmp(((const entry *)left)->file, ((const entry *)right)->file);
}

/* A file must be in the directory of the index: an index may come from anywhere. */
static int check_file_name(const entry *e) {
    if (*e->file && !strchr(e->file, '/') && strcmp(e->file, ".") != 0 &&
        strcmp(e->file, "..") != 0)
        return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT,
                      "weight_map: \"%.100s\" of tensor \"%.100s\" is not the name of a file in "
                      "the directory of the index",
                      e->file, e->name);
}

/* Make a shard of each different file, then sort the entries by name. */
static int make_shards(snnk__tensors_index *index) {
    entry *entries = index->entries;

    if (index->n_entries > 0) qsort(entries, index->n_entries, sizeof *entries, compare_files);
    for (size_t i = 0; i < index->n_entries; i++) {
        if (i == 0 || strcmp(entries[i - 1].file, entries[i].file) != 0) {
            index->shards[index->n_shards].name = entries[i].file;
            atomic_init(&index->shards[index->n_shards].opened, NULL);
            index->n_shards++;
        }
        entries[i].shard = index->shards + index->n_shards - 1;
    }
    if (index->n_entries > 0) qsort(entries, index->n_entries, sizeof *entries, compare_names);
    for (size_t i = 1; i < index->n_entries; i++)
        if (strcmp(entries[i - 1].name, entries[i].name) == 0)
            return snnk__fail(SNNK_E_FORMAT, "weight_map: tensor \"%s\" occurs twice",
                              entries[i].name);
    return SNNK_OK;
}

static int read_map(snnk__tensors_index *index) {
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(index->json, "weight_map"), *item;
    size_t n;
    int st;

    if (!cJSON_IsObject(map))
        return snnk__fail(SNNK_E_FORMAT, "not an index of safetensors files: it has no weight_map");
    n = (size_t)cJSON_GetArraySize(map);
    st = snnk__alloc(&index->allocator, n, sizeof *index->entries, "an index", &index->entries);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(&index->allocator, n, sizeof *index->shards, "an index", &index->shards);
    if (st != SNNK_OK) return st;
    cJSON_ArrayForEach(item, map) {
        entry *e = index->entries + index->n_entries;

        if (!cJSON_IsString(item))
            return snnk__fail(SNNK_E_FORMAT, "weight_map: the file of tensor \"%s\" is no string",
                              item->string);
        *e = (entry){.name = item->string, .file = item->valuestring};
        if ((st = check_file_name(e)) != SNNK_OK) return st;
        index->n_entries++;
    }
    return make_shards(index);
}

/* Parse the text; it is not needed afterwards. */
static int read_json(snnk__tensors_index *index) {
    const snnk_allocator *allocator = &index->allocator;
    unsigned char *text = NULL;
    size_t size = 0;
    int st = snnk__file_read(index->path, allocator, &text, &size);

    if (st != SNNK_OK) return st;
    if (size > SNNK__SAFETENSORS_MAX_HEADER)
        st = snnk__fail(SNNK_E_SIZE, "an index of %zu bytes is above the limit of %zu", size,
                        SNNK__SAFETENSORS_MAX_HEADER);
    else if (!snnk__is_utf8((const char *)text, size))
        st = snnk__fail(SNNK_E_FORMAT, "the index is not UTF-8");
    else if (!(index->json = cJSON_ParseWithLength((const char *)text, size)))
        st = snnk__fail(SNNK_E_FORMAT, "neither a safetensors file nor an index in JSON");
    snnk__free(allocator, text);
    if (st == SNNK_OK) st = read_map(index);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", index->path);
}

int snnk__tensors_index_open(const char *path, const snnk_allocator *allocator,
                             snnk__tensors_index **index) {
    const size_t path_bytes = strlen(path) + 1;
    const char *slash = strrchr(path, '/');
    snnk__tensors_index *made;
    int st;

    if ((st = snnk__alloc_zero(allocator, 1, sizeof *made, "an index", &made)) != SNNK_OK)
        return st;
    made->allocator = *allocator;
    made->directory_bytes = slash ? (size_t)(slash - path) + 1 : 0;
    if ((st = snnk__alloc(allocator, path_bytes, 1, "a path", &made->path)) != SNNK_OK) goto done;
    memcpy(made->path, path, path_bytes);
    if ((st = read_json(made)) != SNNK_OK) goto done;
    *index = made;
    made = NULL;
done:
    snnk__tensors_index_close(made);
    return st;
}

void snnk__tensors_index_close(snnk__tensors_index *index) {
    if (!index) return;
    const snnk_allocator allocator = index->allocator;
    for (size_t i = 0; i < index->n_shards; i++)
        snnk__tensors_file_close(atomic_load(&index->shards[i].opened));
    cJSON_Delete(index->json);
    snnk__free(&allocator, index->entries);
    snnk__free(&allocator, index->shards);
    snnk__free(&allocator, index->path);
    snnk__free(&allocator, index);
}

/* ---- Finding tensors ---- */

size_t snnk__tensors_index_count(const snnk__tensors_index *index) { return index->n_entries; }

const char *snnk__tensors_index_name(const snnk__tensors_index *index, size_t i) {
    return index->entries[i].name;
}

/* Open a shard. If another thread was faster, its file is used. */
static int open_shard(const snnk__tensors_index *index, shard *which) {
    const size_t name_bytes = strlen(which->name) + 1;
    snnk__tensors_file *file = NULL, *none = NULL;
    char *path;
    int st;

    st = snnk__alloc(&index->allocator, index->directory_bytes + name_bytes, 1, "a path", &path);
    if (st != SNNK_OK) return st;
    if (index->directory_bytes > 0) memcpy(path, index->path, index->directory_bytes);
    memcpy(path + index->directory_bytes, which->name, name_bytes);
    st = snnk__tensors_file_open(path, &index->allocator, &file);
    snnk__free(&index->allocator, path);
    if (st != SNNK_OK) return st;
    if (!atomic_compare_exchange_strong(&which->opened, &none, file))
        snnk__tensors_file_close(file);
    return SNNK_OK;
}

int snnk__tensors_index_find(const snnk__tensors_index *index, const char *name,
                             const snnk__tensors_file **file) {
    const entry wanted = {.name = name};
    const entry *found = NULL;
    int st;

    if (index->n_entries > 0)
        found = bsearch(&wanted, index->entries, index->n_entries, sizeof wanted, compare_names);
    if (!found) return snnk__fail(SNNK_E_FORMAT, "%s: tensor \"%s\" is missing", index->path, name);
    if (!atomic_load(&found->shard->opened) && (st = open_shard(index, found->shard)) != SNNK_OK)
        return st;
    *file = atomic_load(&found->shard->opened);
    return SNNK_OK;
}
