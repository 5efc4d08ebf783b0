#include "fit/lost_inputs.h"

#include "base/memory.h"
#include "base/status.h"

void snnk__lost_inputs_free(const snnk_allocator *allocator, const snnk__lost_inputs *inputs) {
    snnk__free(allocator, inputs->first);
    snnk__free(allocator, inputs->varied);
    snnk__free(allocator, inputs->kept);
}

int snnk__lost_inputs_alloc(const snnk_allocator *allocator, size_t d, snnk__lost_inputs *inputs) {
    snnk__lost_inputs made = {.inputs = d};
    int st;

    st = snnk__alloc(allocator, d, sizeof *made.first, "first inputs", &made.first);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(allocator, d, sizeof *made.varied, "facts of inputs", &made.varied);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(allocator, d, sizeof *made.kept, "facts of inputs", &made.kept);
    if (st == SNNK_OK)
        *inputs = made;
    else
        snnk__lost_inputs_free(allocator, &made);
    return st;
}

/* Begin with the first row of d inputs. */
static int begin(const snnk_map *map, size_t d, const double *row, snnk__lost_inputs *inputs) {
    const int st = snnk__lost_inputs_alloc(&map->allocator, d, inputs);

    for (size_t j = 0; st == SNNK_OK && j < d; j++) inputs->first[j] = row[j];
    return st;
}

/* Whether some block of the map gets different floats for two values of column j. */
static bool differ(const snnk_map *map, size_t j, double a, double b) {
    bool different = false;

    for (size_t k = 0; k < map->n_blocks; k++) {
        const double *center = snnk__map_block_center(map->blocks[k]);
        const double mean = center ? center[j] : 0;

        different |= (float)(a - mean) != (float)(b - mean);
    }
    return different;
}

int snnk__lost_inputs_add(const snnk_map *map, const snnk_rows *rows, snnk__lost_inputs *inputs) {
    int st;

    if (!rows->X_f64 || rows->n == 0) return SNNK_OK;
    if (!inputs->first && (st = begin(map, rows->inputs, rows->X_f64, inputs)) != SNNK_OK)
        return st;
    const double *first = inputs->first;
    if (!first) return SNNK_OK; /* there are no inputs */
    for (size_t i = 0; i < rows->n; i++)
        for (size_t j = 0; j < rows->inputs; j++) {
            const double x = rows->X_f64[i * rows->ldx + j];

            if (inputs->kept[j] || x == first[j]) continue;
            inputs->varied[j] = true;
            inputs->kept[j] = differ(map, j, x, first[j]);
        }
    return SNNK_OK;
}

int snnk__lost_inputs_prepare(const snnk_map *map, const snnk__lost_inputs *inputs,
                              const snnk__lost_inputs *other, snnk__lost_inputs *merged) {
    *merged = *inputs;
    if (inputs->first || !other->first) return SNNK_OK;
    return begin(map, other->inputs, other->first, merged);
}

void snnk__lost_inputs_merge(const snnk_map *map, const snnk__lost_inputs *other,
                             const snnk__lost_inputs *merged) {
    if (!other->first) return;
    for (size_t j = 0; j < merged->inputs; j++) {
        const double a = merged->first[j], b = other->first[j];

        merged->varied[j] |= other->varied[j] || a != b;
        merged->kept[j] |= other->kept[j] || differ(map, j, a, b);
    }
}

int snnk__lost_inputs_check(const snnk__lost_inputs *inputs, size_t *count, size_t *first) {
    bool any_kept = false;

    *count = 0;
    *first = 0;
    for (size_t j = inputs->first ? inputs->inputs : 0; j-- > 0;) {
        any_kept |= inputs->kept[j];
        if (!inputs->varied[j] || inputs->kept[j]) continue;
        *first = j;
        ++*count;
    }
    if (*count == 0 || any_kept) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE,
                      "input %zu varies around %.17g by less than the spacing of floats there, so "
                      "it is a constant for the map, and so is every other input; give the map a "
                      "scaling with the mean of the input",
                      *first, inputs->first[*first]);
}
