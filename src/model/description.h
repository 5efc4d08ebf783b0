/* Values of the JSON text that describes a network. What is read is untrusted: each function says
 * SNNK_E_FORMAT, with the key, unless the value is there and what it should be. */
#ifndef SNNK_MODEL_DESCRIPTION_H
#define SNNK_MODEL_DESCRIPTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/status.h"

/* A string, valid as long as json. */
int snnk__get_text(const cJSON *json, const char *key, const char **text);

/* A number, which may be infinite: "1e999". */
int snnk__get_number(const cJSON *json, const char *key, double *number);

/* A number in least ... most. */
int snnk__get_number_within(const cJSON *json, const char *key, double least, double most,
                            double *number);

int snnk__get_bool(const cJSON *json, const char *key, bool *value);

/* A whole number, 0 ... 2^53. */
int snnk__get_count(const cJSON *json, const char *key, size_t *count);

/* The index of a string in `names`. */
int snnk__get_name(const cJSON *json, const char *key, const char *const *names, int32_t n_names,
                   int32_t *value);

/* "projection": the name of a kind of projection. */
int snnk__get_projection(const cJSON *json, int32_t *projection);

/* "seed": 0 ... 2^64 - 1, as decimal text. */
int snnk__get_seed(const cJSON *json, uint64_t *seed);

/* Add a number with as many digits as bring back all its bits (cJSON's own writer accepts 15 that are
 * off by one unit in the last place); null if it is not finite. False: out of memory. */
bool snnk__put_number(cJSON *json, const char *key, double number);

/* Add "seed". */
bool snnk__put_seed(cJSON *json, uint64_t seed);

#endif
