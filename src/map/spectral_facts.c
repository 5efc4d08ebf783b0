#include "map/spectral_facts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "projection/projection.h"

/* How files write SNNK__TARGET_PART. */
static const char part[] = "part";

snnk__spectral_facts snnk__spectral_facts_of(const snnk_spectrum *spectrum) {
    const bool exact = spectrum->config.method == SNNK_SPECTRUM_EXACT;
    const bool everywhere = exact || spectrum->config.method == SNNK_SPECTRUM_ATOMS;

    return (snnk__spectral_facts){
        .error = spectrum->error,
        .analyticity_halfwidth = spectrum->activation < 0
                                     ? INFINITY
                                     : snnk_activation_analyticity_halfwidth(spectrum->activation),
        .center = spectrum->config.center,
        .radius = everywhere ? INFINITY : spectrum->config.radius,
        .target = exact || spectrum->activation < 0 ? SNNK__TARGET_VALUE : spectrum->activation};
}

void snnk__spectral_facts_give(const snnk__spectral_facts *facts, snnk__map_facts *to) {
    to->spectral_error = facts->error;
    to->analyticity_halfwidth = facts->analyticity_halfwidth;
    to->center = facts->center;
    to->radius = facts->radius;
    to->target = facts->target;
}

void snnk__spectral_facts_write(const snnk__spectral_facts *facts, snnk__sink *sink) {
    sink->number(sink, "spectral_error", facts->error);
    sink->number(sink, "strip", facts->analyticity_halfwidth);
    sink->number(sink, "center", facts->center);
    sink->number(sink, "radius", facts->radius);
    if (facts->target == SNNK__TARGET_PART)
        sink->text(sink, "target", part);
    else if (facts->target >= 0)
        sink->text(sink, "target", snnk_activation_name(facts->target));
}

/* Files older than the target do not have it. */
static int read_target(const snnk__source *source, int32_t *target) {
    const char *text;
    int st;

    *target = SNNK__TARGET_VALUE;
    if (source->value(source, "target").type == SNNK__VALUE_NONE) return SNNK_OK;
    if ((st = snnk__read_text(source, "target", &text)) != SNNK_OK) return st;
    if (strcmp(text, part) == 0) {
        *target = SNNK__TARGET_PART;
        return SNNK_OK;
    }
    return snnk__read_name(source, "target", snnk_activation_name, target);
}

/* A number >= 0, or null for infinity. */
static int read_length(const snnk__source *source, const char *key, double *length) {
    *length = INFINITY;
    if (source->value(source, key).type == SNNK__VALUE_NULL) return SNNK_OK;
    return snnk__read_within(source, key, 0, DBL_MAX, length);
}

int snnk__spectral_facts_read(const snnk__source *source, snnk__spectral_facts *facts) {
    int st;

    *facts = (snnk__spectral_facts){0};
    st = snnk__read_within(source, "spectral_error", 0, DBL_MAX, &facts->error);
    if (st != SNNK_OK) return st;
    if ((st = read_length(source, "strip", &facts->analyticity_halfwidth)) != SNNK_OK) return st;
    if ((st = read_target(source, &facts->target)) != SNNK_OK) return st;
    facts->radius = INFINITY; /* files older than the interval do not have it */
    if (source->value(source, "radius").type == SNNK__VALUE_NONE) return SNNK_OK;
    if ((st = read_length(source, "radius", &facts->radius)) != SNNK_OK) return st;
    return snnk__read_within(source, "center", -DBL_MAX, DBL_MAX, &facts->center);
}

int snnk__spectral_check_projection(const snnk_map_config *config) {
    if (config->projection != SNNK_PROJECTION_FOLDED) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "\"projection\" is \"folded\" in a block from a spectrum");
}
