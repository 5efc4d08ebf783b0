/* Inside window maps: the settings as they are used, the features, and where filters come from. */
#ifndef SNNK_MAP_WINDOW_H
#define SNNK_MAP_WINDOW_H

#include <snnk/window.h>

#include "base/rows.h"
#include "map/transform.h"

/* The data of a window block. */
typedef struct snnk__window {
    snnk__transform transform;
    snnk_window_config config; /* resolved */
    snnk_allocator allocator;
    size_t inputs, features;
    size_t patch, filters; /* numbers in a patch; K */
    size_t down, right;    /* positions in each direction */
    snnk__patches patches;
    snnk__pooling pooling;
    snnk__function function; /* h */
    float *G;                /* K x patch */
    float *offset;           /* K */
    snnk__panels panels;     /* of G */
} snnk__window;

/* Check the settings, and set what follows from them alone: sizes, patches, pooling. Nothing is
 * allocated. filters: K. SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_ENUM, SNNK_E_RANGE. */
int snnk__window_set(const snnk_window_config *config, size_t filters, snnk__window *window);

/* Allocate G, offsets and panels. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__window_alloc(snnk__window *window, const snnk_allocator *allocator);
void snnk__window_free(snnk__window *window);

/* Pack G into panels, and set the transform. */
void snnk__window_finish(snnk__window *window);

/* Set G and the offsets of a window from rows (window_filters.c). rows: NULL for random filters
 * without whitening. */
int snnk__window_learn(const snnk_rows *rows, snnk__window *window);

/* Copy the patch at position `position` of input x, normalised if the settings say so. */
void snnk__window_patch(const snnk__window *window, const float *x, size_t position, float *patch);

/* The functions of the transform (window_passes.c). */
void snnk__window_apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                        size_t ldphi, float *work);
void snnk__window_backward(const void *context, size_t n, const float *X, size_t ldx,
                           const float *dPhi, size_t ldphi, float *dX, size_t lddx, float *work);
size_t snnk__window_work(const snnk__window *window);
size_t snnk__window_back_work(const snnk__window *window);

#endif
