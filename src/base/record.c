#include "base/record.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

static void extend(char prefix[SNNK__PREFIX_BYTES], const char *list, size_t index) {
    const size_t used = strlen(prefix);

    snprintf(prefix + used, SNNK__PREFIX_BYTES - used, "%s.%zu.", list, index);
}

snnk__sink snnk__sink_within(const snnk__sink *sink, const char *list, size_t index) {
    snnk__sink within = *sink;

    extend(within.prefix, list, index);
    return within;
}

snnk__source snnk__source_within(const snnk__source *source, const char *list, size_t index) {
    snnk__source within = *source;

    extend(within.prefix, list, index);
    within.lists++;
    return within;
}

void snnk__write_seed(snnk__sink *sink, uint64_t seed) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    sink->text(sink, "seed", text);
}

int snnk__read_text(const snnk__source *source, const char *key, const char **text) {
    const snnk__value value = source->value(source, key);

    if (value.type != SNNK__VALUE_TEXT)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing, or not a string", key);
    *text = value.text;
    return SNNK_OK;
}

int snnk__read_number(const snnk__source *source, const char *key, double *number) {
    const snnk__value value = source->value(source, key);

    if (value.type != SNNK__VALUE_NUMBER)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing, or not a number", key);
    *number = value.number;
    return SNNK_OK;
}

int snnk__read_truth(const snnk__source *source, const char *key, bool *truth) {
    const snnk__value value = source->value(source, key);

    if (value.type != SNNK__VALUE_TRUTH)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing, or neither true nor false", key);
    *truth = value.truth;
    return SNNK_OK;
}

int snnk__read_within(const snnk__source *source, const char *key, double least, double most,
                      double *number) {
    double value = 0;
    const int st = snnk__read_number(source, key, &value);

    if (st != SNNK_OK) return st;
    if (!(value >= least && value <= most))
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is %g, not in %g ... %g", key, value, least, most);
    *number = value;
    return SNNK_OK;
}

int snnk__read_count(const snnk__source *source, const char *key, size_t *count) {
    double number = 0;
    const int st = snnk__read_number(source, key, &number);

    if (st != SNNK_OK) return st;
    if (!(number >= 0 && number <= 0x1p53) || number > (double)PTRDIFF_MAX ||
        number != (double)(uint64_t)number)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is %g, not a size", key, number);
    *count = (size_t)number;
    return SNNK_OK;
}

int snnk__read_seed(const snnk__source *source, uint64_t *seed) {
    const char *text = NULL, *end;
    const int st = snnk__read_text(source, "seed", &text);
    uint64_t value = 0;

    if (st != SNNK_OK) return st;
    for (end = text; *end >= '0' && *end <= '9'; end++) {
        const uint64_t digit = (uint64_t)(*end - '0');

        if (value > (UINT64_MAX - digit) / 10) break;
        value = 10 * value + digit;
    }
    if (end == text || *end != '\0')
        return snnk__fail(SNNK_E_FORMAT, "\"seed\" is \"%.40s\", not a 64-bit number", text);
    *seed = value;
    return SNNK_OK;
}

int snnk__read_name(const snnk__source *source, const char *key,
                    const char *(*name_of)(int32_t value), int32_t *value) {
    const char *text = NULL, *name;
    const int st = snnk__read_text(source, key, &text);

    if (st != SNNK_OK) return st;
    for (int32_t i = 0; (name = name_of(i)) != NULL; i++)
        if (strcmp(text, name) == 0) {
            *value = i;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT, "\"%s\" is \"%.40s\", which this library does not know", key,
                      text);
}

int snnk__read_draws(const snnk__source *source, uint64_t numbers) {
    if (numbers > *source->draws)
        return snnk__fail(
            SNNK_E_SIZE, "the file asks for %llu random numbers, but may ask for %llu more at most",
            (unsigned long long)numbers, (unsigned long long)*source->draws);
    *source->draws -= numbers;
    return SNNK_OK;
}
