/* Damaged model files: a valid one with one thing changed, and a correct checksum. */
#ifndef SNNK_TESTS_DAMAGE_H
#define SNNK_TESTS_DAMAGE_H

#include <stdbool.h>
#include <stdlib.h>

#include "support/compare.h"

#include "io/bytes.h"
#include "model/model.h"

/* What to change in a valid file. Either one element of a tensor: */
typedef struct change {
    const char *tensor; /* the tensor of layer 0, such as "blocks.1.atoms", whose element becomes
                         * `value`; */
    size_t element;
    double value;
    int wrong_shape;       /* but 1 removes the tensor, and 2 makes it a row or an element
                            * shorter. */
    const char *key;       /* Or one value of the description: the n-th occurrence of this key */
    int n;                 /* (counted from 0) */
    const char *text;      /* gets this value; NULL misspells the key instead. */
    int also_n;            /* A second occurrence of the same key can be changed too, so that a
                            * sum */
    const char *also_text; /* stays the same */
    int status;
    const char *says;
} change;

/* The text with the n-th value of a key changed, or the key misspelt. The caller frees it. */
static inline char *with_value(const char *text, const char *key, int n, const char *value) {
    char *out = malloc(strlen(text) + 100), quoted[64];
    const char *at = text;
    size_t length;

    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    for (int i = 0; (at = strstr(at, quoted)) && i < n; i++) at++;
    assert_non_null(at);
    length = (size_t)(at - text);
    memcpy(out, text, length);
    if (!value) {
        snprintf(out + length, 100 + strlen(at), "\"x%s", at + 1);
        return out;
    }
    at += strlen(quoted);
    sprintf(out + length, "%s%s%s", quoted, value, at + strcspn(at, ",}"));
    return out;
}

/* The description with its changes. The caller frees it. */
static inline char *changed_text(const char *text, const change *c) {
    char *once, *twice;

    if (!c->key) return strcpy(malloc(strlen(text) + 1), text);
    once = with_value(text, c->key, c->n, c->text);
    if (!c->also_text) return once;
    twice = with_value(once, c->key, c->also_n, c->also_text);
    free(once);
    return twice;
}

/* A copy of a tensor's elements in this machine's order, with one of them changed. The caller frees
 * it. */
static inline void *changed_elements(const snnk__safetensors_tensor *tensor, const change *c,
                                     bool here) {
    const size_t n = tensor->bytes / snnk__dtype_bytes(tensor->dtype);
    unsigned char *out = malloc(tensor->bytes + 1);

    for (size_t e = 0; e < n; e++) {
        const bool now = here && !c->wrong_shape && e == c->element;

        if (tensor->dtype == SNNK__DTYPE_F64) {
            const double x = now ? c->value : snnk__load_f64(tensor->data + 8 * e, false);
            memcpy(out + 8 * e, &x, sizeof x);
        } else if (tensor->dtype == SNNK__DTYPE_F32) {
            const float x = now ? (float)c->value : snnk__load_f32(tensor->data + 4 * e, false);
            memcpy(out + 4 * e, &x, sizeof x);
        } else {
            const uint32_t x =
                now ? (uint32_t)c->value : snnk__load_u32(tensor->data + 4 * e, false);
            memcpy(out + 4 * e, &x, sizeof x);
        }
    }
    return out;
}

/* Load a valid file (n_sound bytes) with a change and the correct checksum. */
static inline int load_changed(const void *sound, size_t n_sound, const change *c,
                               const snnk_allocator *loaders, snnk_network **network) {
    snnk__safetensors_reader *reader;
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    void *elements[64], *file;
    size_t n, bytes;
    bool found = c->tensor == NULL;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    assert_ok(snnk__model_open(sound, n_sound, &allocator, SNNK__MODEL_NETWORK, &reader));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_NETWORK);
    char *text = changed_text(snnk__safetensors_text(reader, "snnk.network"), c);
    snnk__safetensors_add_text(&writer, "snnk.network", text);
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);
    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) {
        const bool here =
            c->tensor && strcmp(tensors[i].name + strlen("layers.0."), c->tensor) == 0;
        size_t dims[2] = {0};

        found = found || here;
        elements[i] = changed_elements(&tensors[i], c, here);
        if (here && c->wrong_shape == 1) continue;
        memcpy(dims, tensors[i].dims, tensors[i].n_dims * sizeof *dims);
        if (here && c->wrong_shape == 2) dims[0]--;
        snnk__safetensors_add_tensor(&writer, tensors[i].name, tensors[i].dtype, tensors[i].n_dims,
                                     dims, elements[i]);
    }
    assert_true(found);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    file = malloc(bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, file, bytes));
    snnk__safetensors_writer_free(&writer);
    snnk__safetensors_close(reader);
    for (size_t i = 0; i < n; i++) free(elements[i]);
    free(text);
    const int st = snnk_network_load_memory(file, bytes, loaders, network);
    free(file);
    return st;
}

/* Copy a valid file with one text replaced in a metadata value (a value that becomes empty is
 * removed), or with a tensor removed, and with a correct checksum. The caller frees it. */
static inline void *edited_file(const void *sound, size_t n_sound, const char *key,
                                const char *from, const char *to, const char *tensor,
                                size_t *bytes) {
    snnk__safetensors_reader *reader;
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    size_t n;
    bool found = false;
    void *file;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    assert_ok(snnk__safetensors_open(sound, n_sound, &allocator, &reader));
    snnk__safetensors_writer_init(&writer, &allocator);
    const snnk__safetensors_pair *pairs = snnk__safetensors_pairs(reader, &n);
    for (size_t i = 0; i < n; i++) {
        char text[4096];
        const char *at =
            key && strcmp(pairs[i].key, key) == 0 ? strstr(pairs[i].value, from) : NULL;

        if (strcmp(pairs[i].key, SNNK__SAFETENSORS_CHECKSUM_KEY) == 0) continue;
        if (!at) {
            snnk__safetensors_add_text(&writer, pairs[i].key, pairs[i].value);
            continue;
        }
        found = true;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - pairs[i].value), pairs[i].value, to,
                 at + strlen(from));
        if (*text) snnk__safetensors_add_text(&writer, key, text);
    }
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);
    for (size_t i = 0; i < n; i++) {
        if (tensor && strcmp(tensors[i].name, tensor) == 0)
            found = true;
        else /* this machine is little-endian, as files are */
            snnk__safetensors_add_tensor(&writer, tensors[i].name, tensors[i].dtype,
                                         tensors[i].n_dims, tensors[i].dims, tensors[i].data);
    }
    assert_true(found);
    assert_ok(snnk__safetensors_written_bytes(&writer, bytes));
    file = malloc(*bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, file, *bytes));
    snnk__safetensors_writer_free(&writer);
    snnk__safetensors_close(reader);
    return file;
}

/* Changes: a value of the description, or two of them; a tensor removed (1) or shortened (2); a
 * wrong number, or one that is not finite. */
#define KEY(key_, n_, text_, says_)                                                                \
    { .key = key_, .n = n_, .text = text_, .status = SNNK_E_FORMAT, .says = says_ }
#define MOVED(key_, n_, text_, also_n_, also_text_, says_)                                         \
    {                                                                                              \
        .key = key_, .n = n_, .text = text_, .also_n = also_n_, .also_text = also_text_,           \
        .status = SNNK_E_FORMAT, .says = says_                                                     \
    }
#define SHAPE(tensor_, how, says_)                                                                 \
    { .tensor = tensor_, .wrong_shape = how, .status = SNNK_E_FORMAT, .says = says_ }
#define WRONG(tensor_, at, value_, says_)                                                          \
    { .tensor = tensor_, .element = at, .value = value_, .status = SNNK_E_FORMAT, .says = says_ }
#define NONFINITE(tensor_, at, value_, says_)                                                      \
    { .tensor = tensor_, .element = at, .value = value_, .status = SNNK_E_NONFINITE, .says = says_ }

/* Check that the valid file loads, and that with any one of n changes it does not, with the
 * expected sentence. */
static inline void check_refuses_changes(const void *sound, size_t n_sound, size_t n,
                                         const change *changes) {
    const change none = {0};

    for (size_t i = 0; i <= n; i++) {
        const change *c = i < n ? &changes[i] : &none;
        snnk_network *network;
        const int st = load_changed(sound, n_sound, c, NULL, &network);

        if (st != c->status)
            print_error("change %zu: %s %s\n", i, c->tensor ? c->tensor : c->key,
                        c->text ? c->text : "");
        assert_status(st, c->status);
        if (st != SNNK_OK) assert_null(network);
        if (c->says) assert_says(c->says);
        if (c->says) assert_says("layer 0: ");
        snnk_network_free(network);
    }
}

#endif
