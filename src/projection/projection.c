#include "projection/projection.h"

#include "base/status.h"

/* ---- The list ---- */

/* Rows given by the caller, and rows that were drawn and then folded. Neither can be drawn. */
static const snnk__projection_kind given = {.name = "given"}, folded = {.name = "folded"};

static const snnk__projection_kind *const kinds[] = {
    [SNNK_PROJECTION_GAUSSIAN] = &snnk__projection_gaussian,
    [SNNK_PROJECTION_ORTHOGONAL] = &snnk__projection_orthogonal,
    [SNNK_PROJECTION_GIVEN] = &given,
    [SNNK_PROJECTION_HD3] = &snnk__projection_hd3,
    [SNNK_PROJECTION_SIMPLEX] = &snnk__projection_simplex,
    [SNNK_PROJECTION_SOBOL] = &snnk__projection_sobol,
    [SNNK_PROJECTION_FOLDED] = &folded};

#define KINDS ((int32_t)(sizeof kinds / sizeof kinds[0]))

const snnk__projection_kind *snnk__projection_get(int32_t projection) {
    return projection >= 0 && projection < KINDS ? kinds[projection] : NULL;
}

const char *snnk_projection_name(int32_t projection) {
    const snnk__projection_kind *kind = snnk__projection_get(projection);

    return kind ? kind->name : NULL;
}

bool snnk__projection_is_drawn(int32_t projection) { return kinds[projection]->rows != NULL; }

int snnk__projection_check(int32_t projection) {
    const int st = snnk__check_enum(projection, KINDS, "projection");

    if (st != SNNK_OK || snnk__projection_is_drawn(projection)) return st;
    return snnk__fail(SNNK_E_ENUM, "projection = %d (%s): rows of this kind are not drawn",
                      (int)projection, kinds[projection]->name);
}
