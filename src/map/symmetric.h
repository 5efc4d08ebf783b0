/* Code shared by the kinds with a symmetric kernel: arc-cosine, Gaussian, elementwise and identity
 * features of scaled inputs, Phi(x) = a h(G x' + c), x' = (x - mean) * scale. */
#ifndef SNNK_MAP_SYMMETRIC_H
#define SNNK_MAP_SYMMETRIC_H

#include "map/block.h"

/* The data of such a block: the scaling, kept for the kernel. NULL if there is none. */
typedef struct snnk__input_scaling {
    double *mean, *scale; /* d each */
} snnk__input_scaling;

/* See the entries of these names in snnk__map_kind. */
int snnk__symmetric_create(const snnk__map_kind *kind, const snnk__map_request *request,
                           snnk__map_block **block);
void snnk__symmetric_release(snnk__map_block *block);
int snnk__symmetric_center(const snnk__map_block *block, const double *mean,
                           snnk__map_block **centered);
int snnk__symmetric_fold(const snnk__map_block *block, const snnk__fold *fold,
                         snnk__map_block **folded);
int snnk__symmetric_with_rows(const snnk__map_block *block, const float *G, const float *offsets,
                              snnk__map_block **changed);
int snnk__symmetric_redraw(const snnk__map_block *block, const snnk_map_config *config,
                           snnk__row_source *source, float *folded, const snnk_allocator *allocator,
                           snnk__map_block **redrawn);
void snnk__symmetric_write(const snnk__map_block *block, snnk__sink *sink);
int snnk__symmetric_read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                         const snnk_map_config *config, snnk__map_block **block);

/* The part of snnk__map_kind.check that concerns rows, each with `width` features. */
int snnk__symmetric_check(snnk_map_config *config, size_t inputs, size_t rows, size_t width);

/* Create a block like this one, which has no scaling, with the scaling (x - mean) 1, but without
 * rows. SNNK_E_NOMEM. */
int snnk__symmetric_begin_centered(const snnk__map_block *block, const double *mean,
                                   snnk__map_block **centered);

/* The mean of the scaling of a block; NULL if there is none. */
static inline const double *snnk__scaling_mean(const snnk__map_block *block) {
    const snnk__input_scaling *scaling = block->data;

    return scaling ? scaling->mean : NULL;
}

/* Create a block with its function and its scaling, but without rows. SNNK_E_NOMEM, statuses of
 * snnk_scaling_get. */
int snnk__symmetric_begin(const snnk__map_kind *kind, const snnk__map_request *request,
                          snnk__map_block **block);

/* How rows stored in a file are found, and what they are read into. */
typedef struct snnk__stored_rows {
    int (*find)(const snnk__source *source, size_t inputs, size_t rows);
    int (*create)(snnk__linear *linear, size_t inputs, size_t rows,
                  const snnk_allocator *allocator);
} snnk__stored_rows;

/* Like snnk__symmetric_read, for rows stored in another way. */
int snnk__symmetric_read_rows(const snnk__map_kind *kind, const snnk__stored_rows *stored,
                              const snnk__source *source, size_t inputs,
                              const snnk_map_config *config, snnk__map_block **block);

/* (x_k - mean_k) * scale_k. */
static inline double snnk__scaled_input(const snnk__map_block *block, const float *x, size_t k) {
    const snnk__input_scaling *scaling = block->data;

    return scaling ? (x[k] - scaling->mean[k]) * scaling->scale[k] : x[k];
}

/* Create a block of this kind and config from the rows of `from`, composed with a linear map. */
int snnk__fold_as(const snnk__map_kind *kind, const snnk_map_config *config,
                  const snnk__map_block *from, const snnk__fold *fold, snnk__map_block **folded);

/* The same as linear features: elementwise ones with given rows. */
int snnk__fold_as_linear(const snnk__map_block *from, const snnk__fold *fold,
                         snnk__map_block **folded);

/* The config of a folded block: its rows no longer count as drawn. */
snnk_map_config snnk__folded_config(const snnk_map_config *config);

#endif
