/* Compression of networks: trained dense layers, one after another, by SNNK layers of few features
 * (snnk_distill), under a budget for all of them.
 *
 * A network is cut into parts. A dense layer with an activation and a linear dense layer behind it are
 * one part, W2 f(W1 x + b1) + b2; a dense layer with an activation alone is one, f(W x + b); so is a
 * linear layer alone, whose students are linear maps of low rank. Each of these may become one SNNK
 * layer. Other layers (SNNK layers, towers) stay as they are.
 *
 * Parts are replaced from the first to the last. What a student is to give is what the original
 * network has there; what it is fitted on is what the layers before it give now, students among
 * them: it makes good what it can of their errors.
 *
 * Never is a part replaced by something that is not smaller than itself: such parts stay as they are,
 * and the report says so. */
#ifndef SNNK_COMPRESS_H
#define SNNK_COMPRESS_H

#include <snnk/distill.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called all through the work, as often as snnk_distill_progress: of `steps`, as many each time, `done` are
 * done, an estimate that never falls. Anything but 0 stops the work: SNNK_E_CANCELLED, nothing made. */
typedef int (*snnk_compress_progress)(void *user, size_t done, size_t steps);

typedef struct snnk_compress_config {
    size_t size; /* set by snnk_compress_config_init */
    /* Of the network's parameters that the compressed one may have, 0 < share <= 1. Not used where features
     * are given. Default 0.5 */
    double share;
    /* NULL (default) for none. That of snnk_distill_config, if there is one, is called besides, for each of the
     * distillations that this is made of. */
    snnk_compress_progress progress;
    void *user; /* for it */
} snnk_compress_config;

/* What became of a part. It stayed, but for the first: it is no dense layer; a student of so many features, or
 * of any, would not be smaller; features given were 0, or the budget had room for it whole. */
typedef enum snnk_compress_outcome {
    SNNK_COMPRESS_REPLACED = 0,
    SNNK_COMPRESS_OTHER = 1,
    SNNK_COMPRESS_LARGER = 2,
    SNNK_COMPRESS_WHOLE = 3
} snnk_compress_outcome;

/* One part. Fill `size` first (snnk_compress_part_init does). */
typedef struct snnk_compress_part {
    size_t size;
    uint64_t first, layers; /* layers first ... first + layers - 1 of the original network */
    uint64_t features;      /* m of its student; 0 where it stayed */
    uint64_t parameters_before, parameters;
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    int32_t outcome;                              /* snnk_compress_outcome */
    int32_t reserved;
} snnk_compress_part;

/* The whole. Fill `size` first (snnk_compress_report_init does). */
typedef struct snnk_compress_report {
    size_t size;
    /* At the output, of the compressed network against the original, on rows that nothing was fitted to or
     * chosen by: sqrt(squared errors / squared deviations of the original's outputs from their means). NaN
     * where those do not vary. */
    double relative_error;
    uint64_t rows, judged_rows;             /* rows: what students were fitted to and chosen by */
    uint64_t parameters_before, parameters; /* of the networks */
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    uint64_t parts, replaced;                     /* how many there are, and have a student */
} snnk_compress_report;

/* Fill with the defaults. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_compress_config_init(snnk_compress_config *config, size_t config_size);
SNNK_API int snnk_compress_part_init(snnk_compress_part *part, size_t part_size);
SNNK_API int snnk_compress_report_init(snnk_compress_report *report, size_t report_size);

/* What a compression did. */
typedef struct snnk_compression snnk_compression;

/* Compress. X: n x d, rows as the network meets them, row stride ldx >= d.
 *
 * features: as many numbers as the network has layers: m of the student of the part that begins with
 * layer i, or 0 for a part that is to stay, and for layers that are not the first of a part. A student
 * has fewer where there are not so many that differ.
 *
 * features NULL: a budget, config->share of the network's parameters. It is allotted by the errors that
 * students of several sizes have on held-out rows, each on the original network's activations: from one
 * feature a part on, always what brings down the sum over parts of relative squared errors most for each
 * parameter, until the budget is spent; the last thing a part can be given is to stay whole. (The
 * sum is a stand-in for what counts, the error at the output: it knows nothing of how parts that follow
 * treat an error, or make it good, and of tier REFINED. The report has the error at the output.)
 *
 * distill: how each student is made; NULL for the defaults. `linear` is cut to what a part has room for;
 * linear parts are of tier CLOSED, all features linear. Rows: heldout_share of them, in
 * runs of heldout_block_rows, are set aside to judge the whole; of the others each student holds out the same
 * share again. Baselines are made only where compression is not NULL (NULL: not wanted).
 *
 * Memory: 4 n (d + 4 w) bytes, w the widest that parts begin and end with; and a distillation
 * (snnk_distill_create). The notes are shared. SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE (share; features where no part begins that can be replaced; a
 * budget below one feature a part: says the least), SNNK_E_SHAPE (fewer than two rows to fit to or to judge
 * by), SNNK_E_NONFINITE, SNNK_E_CANCELLED, SNNK_E_NOMEM; else as snnk_distill_create and
 * snnk_distill_solve, with the layer in the sentence. */
SNNK_API int snnk_network_compress(const snnk_network *network, size_t n, const float *X,
                                   size_t ldx, const size_t *features,
                                   const snnk_compress_config *config,
                                   const snnk_distill_config *distill, snnk_workspace *workspace,
                                   snnk_compression **compression, snnk_network **compressed);

/* Free it. NULL is fine. */
SNNK_API void snnk_compression_free(snnk_compression *compression);

/* How many parts there are; layer i of the compressed network is not part i where a part of two layers
 * stayed. 0 for NULL. */
SNNK_API size_t snnk_compression_parts(const snnk_compression *compression);

/* The whole; part `index` of it; how its student did beside baselines (on the activations that it was fitted
 * on). SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (no such part), SNNK_E_STATE (the part stayed). */
SNNK_API int snnk_compression_report(const snnk_compression *compression,
                                     snnk_compress_report *report);
SNNK_API int snnk_compression_part(const snnk_compression *compression, size_t index,
                                   snnk_compress_part *part);
SNNK_API int snnk_compression_distilled(const snnk_compression *compression, size_t index,
                                        snnk_distill_report *report);

#ifdef __cplusplus
}
#endif

#endif
