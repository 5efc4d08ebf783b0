#include "model/description.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <snnk/projection.h>

int snnk__get_text(const cJSON *json, const char *key, const char **text) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    if (!cJSON_IsString(item))
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing or not a string", key);
    *text = item->valuestring;
    return SNNK_OK;
}

int snnk__get_number(const cJSON *json, const char *key, double *number) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    if (!cJSON_IsNumber(item))
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing or not a number", key);
    *number = item->valuedouble;
    return SNNK_OK;
}

int snnk__get_number_within(const cJSON *json, const char *key, double least, double most,
                            double *number) {
    double value = 0;
    const int st = snnk__get_number(json, key, &value);

    if (st != SNNK_OK) return st;
    if (!(value >= least && value <= most))
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is %g, which is not in %g ... %g", key, value,
                          least, most);
    *number = value;
    return SNNK_OK;
}

int snnk__get_bool(const cJSON *json, const char *key, bool *value) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    if (!cJSON_IsBool(item))
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is missing, or is neither true nor false", key);
    *value = cJSON_IsTrue(item);
    return SNNK_OK;
}

int snnk__get_count(const cJSON *json, const char *key, size_t *count) {
    double number = 0;
    const int st = snnk__get_number(json, key, &number);

    if (st != SNNK_OK) return st;
    if (!(number >= 0 && number <= 0x1p53) || number > (double)PTRDIFF_MAX ||
        number != (double)(uint64_t)number)
        return snnk__fail(SNNK_E_FORMAT, "\"%s\" is %g, which is not a size", key, number);
    *count = (size_t)number;
    return SNNK_OK;
}

int snnk__get_name(const cJSON *json, const char *key, const char *const *names, int32_t n_names,
                   int32_t *value) {
    const char *text = NULL;
    const int st = snnk__get_text(json, key, &text);

    if (st != SNNK_OK) return st;
    for (int32_t i = 0; i < n_names; i++)
        if (strcmp(text, names[i]) == 0) {
            *value = i;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT, "\"%s\" is \"%.40s\", which this library does not know", key,
                      text);
}

int snnk__get_projection(const cJSON *json, int32_t *projection) {
    const char *text = NULL, *name;
    const int st = snnk__get_text(json, "projection", &text);

    if (st != SNNK_OK) return st;
    for (int32_t i = 0; (name = snnk_projection_name(i)) != NULL; i++)
        if (strcmp(text, name) == 0) {
            *projection = i;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT,
                      "\"projection\" is \"%.40s\", which this library does not know", text);
}

int snnk__get_seed(const cJSON *json, uint64_t *seed) {
    const char *text = NULL, *end;
    const int st = snnk__get_text(json, "seed", &text);
    uint64_t value = 0;

    if (st != SNNK_OK) return st;
    for (end = text; *end >= '0' && *end <= '9'; end++) {
        const uint64_t digit = (uint64_t)(*end - '0');

        if (value > (UINT64_MAX - digit) / 10) break;
        value = 10 * value + digit;
    }
    if (end == text || *end != '\0')
        return snnk__fail(SNNK_E_FORMAT, "\"seed\" is \"%.40s\", which is not a 64-bit number",
                          text);
    *seed = value;
    return SNNK_OK;
}

/* In place: the locale's decimal point, of one or more bytes, becomes JSON's. */
static void use_json_point(char *text) {
    const size_t before = strspn(text, "-0123456789");
    const size_t point = strcspn(text + before, "e0123456789");

    if (point == 0) return;
    text[before] = '.';
    memmove(text + before + 1, text + before + point, strlen(text + before + point) + 1);
}

bool snnk__put_number(cJSON *json, const char *key, double number) {
    char text[40];

    if (!isfinite(number)) return cJSON_AddNullToObject(json, key) != NULL;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    use_json_point(text);
    return cJSON_AddRawToObject(json, key, text) != NULL;
}

bool snnk__put_seed(cJSON *json, uint64_t seed) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)seed); /* JSON holds 53 bits */
    return cJSON_AddStringToObject(json, "seed", text) != NULL;
}
