/* Networks beside the tensors of another program's file: docs/format.md, "Networks in files of
 * other programs". Tensors that stay are copied from file to file in pieces, byte by byte. */
#include <snnk/compress.h>

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "io/file.h"
#include "io/tensors.h"
#include "model/network_file.h"
#include "network/network.h"

/* What the new file is made of. */
typedef struct replaced_file {
    const snnk_tensors *tensors;
    const char **removed; /* sorted */
    size_t n_removed, n_networks;
    const char *const *names;
    const snnk_network *const *networks;
    snnk__safetensors_writer *parts; /* n_networks: the layers of each network, with plain names */
    struct kept_tensor *kept;
    snnk__safetensors_writer writer;
    int source_status; /* of reading the tensors that stay */
} replaced_file;

/* A tensor that stays, and where to report a failure to read it. */
typedef struct kept_tensor {
    const snnk__tensors_file *file;
    const snnk__safetensors_tensor *tensor;
    int *status;
} kept_tensor;

static int compare_texts(const void *left, const void *right) {
    const char *a, *b;

    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return strcmp(a, b);
}

/* ---- Tensors that stay ---- */

static void read_kept(const void *context, size_t first, size_t count, void *out) {
    const kept_tensor *kept = context;
    const size_t width = snnk__dtype_bytes(kept->tensor->dtype);
    const size_t at = kept->file->data_begin + kept->tensor->begin + first * width;

    if (*kept->status == SNNK_OK)
        *kept->status =
            snnk__file_read_range(kept->file->fd, kept->file->path, at, count * width, out);
    if (*kept->status != SNNK_OK) memset(out, 0, count * width);
}

static bool is_removed(const replaced_file *r, const char *name) {
    return r->n_removed > 0 &&
           bsearch(&name, r->removed, r->n_removed, sizeof *r->removed, compare_texts);
}

static int add_kept(replaced_file *r) {
    const size_t n = snnk_tensors_count(r->tensors);
    int st;

    st = snnk__alloc(&r->writer.allocator, n, sizeof *r->kept, "a list of tensors", &r->kept);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const char *name = snnk_tensors_name(r->tensors, i);
        kept_tensor *kept = &r->kept[i];

        if (is_removed(r, name)) continue;
        st = snnk__tensors_find(r->tensors, name, &kept->file, &kept->tensor);
        kept->status = &r->source_status;
        if (st == SNNK_OK) {
            snnk__safetensors_tensor copy = *kept->tensor;

            copy.data = NULL;
            copy.source = read_kept;
            copy.context = kept;
            copy.little_endian = true;
            st = snnk__safetensors_add_copy(&r->writer, &copy);
        }
    }
    return st;
}

/* ---- Networks ---- */

/* Put two texts together. Free the result with the writer's allocator. */
static int join(replaced_file *r, const char *left, const char *between, const char *right,
                char **text) {
    const size_t a = strlen(left), b = strlen(between), c = strlen(right) + 1;
    const int st = snnk__alloc(&r->writer.allocator, a + b + c, 1, "a name", text);

    if (st != SNNK_OK) return st;
    memcpy(*text, left, a);
    memcpy(*text + a, between, b);
    memcpy(*text + a + b, right, c);
    return SNNK_OK;
}

static int add_layers(replaced_file *r, const char *name, snnk__safetensors_writer *part) {
    char *text;
    int st = part->status;

    for (size_t i = 0; st == SNNK_OK && i < part->n_pairs; i++) {
        if (strcmp(part->pairs[i].key, SNNK__NETWORK_KEY) != 0) continue;
        if ((st = join(r, SNNK__NETWORK_KEY, ".", name, &text)) != SNNK_OK) return st;
        st = snnk__safetensors_add_text(&r->writer, text, part->pairs[i].value);
        snnk__free(&r->writer.allocator, text);
    }
    for (size_t i = 0; st == SNNK_OK && i < part->n_tensors; i++) {
        snnk__safetensors_tensor copy = part->tensors[i];

        if ((st = join(r, name, ".", copy.name, &text)) != SNNK_OK) return st;
        copy.name = text;
        st = snnk__safetensors_add_copy(&r->writer, &copy);
        snnk__free(&r->writer.allocator, text);
    }
    return st;
}

static int add_networks(replaced_file *r) {
    const snnk_allocator *allocator = &r->writer.allocator;
    int st;

    st = snnk__alloc_zero(allocator, r->n_networks, sizeof *r->parts, "networks", &r->parts);
    for (size_t k = 0; st == SNNK_OK && k < r->n_networks; k++)
        snnk__safetensors_writer_init(&r->parts[k], allocator);
    for (size_t k = 0; st == SNNK_OK && k < r->n_networks; k++) {
        snnk__network_write_layers(&r->parts[k], r->networks[k], SNNK_SAVE_ROWS);
        st = add_layers(r, r->names[k], &r->parts[k]);
    }
    return st;
}

/* ---- Metadata ---- */

static int add_texts(replaced_file *r) {
    for (size_t i = 0; i < snnk_tensors_texts(r->tensors); i++) {
        const char *key = snnk_tensors_text_key(r->tensors, i);

        if (strcmp(key, SNNK__SAFETENSORS_CHECKSUM_KEY) != 0)
            snnk__safetensors_add_text(&r->writer, key, snnk_tensors_text(r->tensors, key));
    }
    return r->writer.status;
}

/* ---- Checks ---- */

static int check_networks(const replaced_file *r) {
    int st;

    for (size_t k = 0; k < r->n_networks; k++) {
        if ((st = snnk__check_pointer(r->networks[k], "networks")) != SNNK_OK) return st;
        if ((st = snnk__check_pointer(r->names[k], "names")) != SNNK_OK) return st;
        if (r->networks[k]->n_layers == 0)
            return snnk__fail(SNNK_E_STATE, "network %zu has 0 layers", k);
    }
    return SNNK_OK;
}

/* Copy and sort the names of the tensors to remove, which must exist and differ. */
static int take_removed(replaced_file *r, size_t n, const char *const *removed) {
    const snnk__safetensors_tensor *tensor;
    const snnk__tensors_file *file;
    int st;

    st = snnk__alloc(&r->writer.allocator, n, sizeof *r->removed, "names", &r->removed);
    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        r->removed[r->n_removed++] = removed[i];
        st = snnk__tensors_find(r->tensors, removed[i], &file, &tensor);
    }
    if (st == SNNK_OK && n > 0) qsort(r->removed, n, sizeof *r->removed, compare_texts);
    return st;
}

/* The names of new tensors and texts must differ from all others.
 *   tensors, texts   how many stay: the new ones are behind them */
static int check_names(const snnk__safetensors_writer *writer, size_t tensors, size_t texts) {
    for (size_t i = tensors; i < writer->n_tensors; i++)
        for (size_t k = i; k-- > 0;)
            if (strcmp(writer->tensors[i].name, writer->tensors[k].name) == 0)
                return snnk__fail(SNNK_E_RANGE, "the file would have two tensors \"%s\"",
                                  writer->tensors[i].name);
    for (size_t i = texts; i < writer->n_pairs; i++)
        for (size_t k = i; k-- > 0;)
            if (strcmp(writer->pairs[i].key, writer->pairs[k].key) == 0)
                return snnk__fail(SNNK_E_RANGE, "the file would have two texts \"%s\"",
                                  writer->pairs[i].key);
    return SNNK_OK;
}

/* ---- The function ---- */

static void replaced_file_free(replaced_file *r) {
    const snnk_allocator allocator = r->writer.allocator;

    for (size_t k = 0; r->parts && k < r->n_networks; k++)
        snnk__safetensors_writer_free(&r->parts[k]);
    snnk__safetensors_writer_free(&r->writer);
    snnk__free(&allocator, r->parts);
    snnk__free(&allocator, r->kept);
    snnk__free(&allocator, r->removed);
}

int snnk_tensors_save_replaced(const snnk_tensors *tensors, size_t n_removed,
                               const char *const *removed, size_t n_networks,
                               const char *const *names, const snnk_network *const *networks,
                               const char *path) {
    replaced_file r = {
        .tensors = tensors, .n_networks = n_networks, .names = names, .networks = networks};
    size_t tensors_kept, texts_kept;
    int st;

    if ((st = snnk__check_pointer(tensors, "tensors")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if (n_removed > 0 && (st = snnk__check_pointer(removed, "removed")) != SNNK_OK) return st;
    if (n_networks > 0 && (st = snnk__check_pointer(names, "names")) != SNNK_OK) return st;
    if (n_networks > 0 && (st = snnk__check_pointer(networks, "networks")) != SNNK_OK) return st;
    if ((st = check_networks(&r)) != SNNK_OK) return st;
    if (snnk_tensors_text(tensors, "snnk.kind"))
        return snnk__fail(SNNK_E_UNSUPPORTED, "the file is a model of libsnnk: save the network");
    snnk__safetensors_writer_init(&r.writer, snnk__tensors_allocator(tensors));
    r.writer.source_status = &r.source_status;
    if ((st = take_removed(&r, n_removed, removed)) != SNNK_OK) goto done;
    if ((st = add_texts(&r)) != SNNK_OK) goto done;
    if ((st = add_kept(&r)) != SNNK_OK) goto done;
    tensors_kept = r.writer.n_tensors;
    texts_kept = r.writer.n_pairs;
    if ((st = add_networks(&r)) != SNNK_OK) goto done;
    if ((st = check_names(&r.writer, tensors_kept, texts_kept)) != SNNK_OK) goto done;
    st = snnk__safetensors_write_file(&r.writer, path);
done:
    replaced_file_free(&r);
    return st;
}
