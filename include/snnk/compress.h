/* Compression of networks: replace trained dense layers by SNNK layers of few features, under one
 * budget.
 *
 *     snnk_network_compress(network, SNNK_ROWS(.n = n, .X = X), NULL, NULL, NULL, NULL, NULL,
 *                           &compressed);
 *
 * makes a network with at most half of the parameters. X are inputs as the network receives them.
 * Ask for an snnk_compression to read how good each part became.
 *
 * The network is cut into parts. Each of these becomes one SNNK layer (distill.h), or is kept:
 *
 *     a dense layer and a linear dense layer behind it   W2 f(W1 x + b1) + b2
 *     a dense layer alone                                f(W x + b)
 *     a linear layer alone                               W x + b; its students are of low rank
 *
 * All other layers (SNNK layers, towers) are kept. Parts are replaced from the first to the last.
 * The targets of a student are what the original network gives there; its inputs are what the
 * compressed network gives in front of it. So it corrects what it can of the errors made before.
 *
 * A part is never replaced by something that is not smaller. It is kept, and the report says so. */
#ifndef SNNK_COMPRESS_H
#define SNNK_COMPRESS_H

#include <snnk/distill.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A progress function, called as often as an snnk_distill_progress, on the calling thread.
 *   user    from the config
 *   done    of `steps` steps are done; it never decreases, and is an estimate
 *   steps   constant
 * Return 0 to go on; anything else cancels the work (SNNK_E_CANCELLED, nothing made). */
typedef int (*snnk_compress_progress)(void *user, int32_t done, int32_t steps);

typedef struct snnk_compress_config {
    size_t size; /* set by snnk_compress_config_init */

    /* The share of the network's parameters that the compressed one may have. Above 0, at most 1.
     * Not used if features are given. Default 0.5. */
    double share;

    /* Called during the work; NULL (default): none. The one in snnk_distill_config, if set, is
     * called too, for each distillation that the compression consists of. */
    snnk_compress_progress progress;
    void *user; /* passed to it */
} snnk_compress_config;

/* What became of a part: replaced, or why it was kept. Values never change. */
typedef enum snnk_compress_outcome {
    SNNK_COMPRESS_REPLACED = 0, /* replaced by a student */
    SNNK_COMPRESS_OTHER = 1,    /* kept: it is not a dense layer */
    SNNK_COMPRESS_LARGER = 2,   /* kept: no student, or none with the given features, is smaller */
    SNNK_COMPRESS_WHOLE = 3     /* kept: 0 features were given, or the budget has room for it */
} snnk_compress_outcome;

/* One part. Set `size`; the library fills in the rest. */
typedef struct snnk_compress_part {
    size_t size;            /* set by the caller: sizeof the struct */
    uint64_t first, layers; /* layers first ... first + layers - 1 of the original network */
    uint64_t features;      /* m of its student; 0: it was kept */
    uint64_t parameters_before, parameters;
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    int32_t outcome;                              /* snnk_compress_outcome */
    int32_t reserved;                             /* 0 */
} snnk_compress_part;

/* The whole network. Set `size`; the library fills in the rest. */
typedef struct snnk_compress_report {
    size_t size; /* set by the caller: sizeof the struct */

    /* Of the compressed network's outputs, on rows that were used for nothing else: sqrt(squared
     * errors / squared deviations of the original's outputs from their means). NaN if these do not
     * vary. */
    double relative_error;

    uint64_t rows, judged_rows;                   /* to make students; to judge by */
    uint64_t parameters_before, parameters;       /* of the networks */
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    uint64_t parts, replaced;                     /* parts; parts that were replaced */
} snnk_compress_report;

/* Set every field to its default.
 *   config        the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_compress_config_init(snnk_compress_config *config, size_t config_size);

/* Get the name of an snnk_compress_outcome ("replaced"): static, NULL for an unknown value. */
SNNK_API const char *snnk_compress_outcome_name(int32_t outcome);

/* How a network was compressed. */
typedef struct snnk_compression snnk_compression;

/* Compress a network.
 *   network       unchanged; its notes are shared with the compressed one
 *   rows          X: inputs as the network receives them, d columns. Targets are ignored; weights
 *                 must be NULL. heldout_share of the rows, in blocks of heldout_block_rows, are set
 *                 aside to judge the whole; of the others each student holds out the same share
 *                 again
 *   features      one number for each layer of the network: m of the student of the part that
 *                 begins with this layer; 0 to keep the part, and for layers that do not begin a
 *                 part. A student has fewer if not as many are linearly independent. NULL: spend
 *                 the budget config->share
 *   config        NULL for the defaults
 *   distill       how students are made; NULL for the defaults. Linear parts are of tier SELECTED
 *                 with linear features only
 *   workspace     NULL for one thread
 *   compression   what was done, with the baselines of each part; NULL if not wanted: baselines are
 *                 skipped
 *   compressed    out; it belongs to the caller
 *
 * The budget starts with one feature for each part. Then it always takes the step, in any part,
 * that reduces the sum of the parts' relative squared errors most for each parameter, until it is
 * spent; the last step of a part is to keep it whole. Errors are those of tier SELECTED on held-out
 * rows, with the original network's activations. That sum only stands in for the error at the
 * output, which the report has: it does not know how later parts magnify an error, or correct it.
 *
 * Memory: 4 n (d + 4 w) bytes, w the widest input or output of a part, and one snnk_distill without
 * its copy of the rows.
 *
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE
 * (share; features where no replaceable part begins; a budget below one feature for each part: says
 * the smallest), SNNK_E_SHAPE (fewer than two rows to fit to or to judge by), SNNK_E_UNSUPPORTED
 * (weights), SNNK_E_NONFINITE, SNNK_E_CANCELLED, SNNK_E_NOMEM; else as snnk_distill_create and
 * snnk_distill_solve, with the layer's number in the sentence. */
SNNK_API int snnk_network_compress(const snnk_network *network, const snnk_rows *rows,
                                   const size_t *features, const snnk_compress_config *config,
                                   const snnk_distill_config *distill, snnk_workspace *workspace,
                                   snnk_compression **compression, snnk_network **compressed);

/* Free a compression. NULL is fine. The compressed network stays. */
SNNK_API void snnk_compression_free(snnk_compression *compression);

/* Get the number of parts; 0 for NULL. Part i is layer i of the compressed network only if no
 * part of two layers before it was kept. */
SNNK_API size_t snnk_compression_parts(const snnk_compression *compression);

/* Get the report of the whole network.
 *   report   set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_compression_report(const snnk_compression *compression,
                                     snnk_compress_report *report);

/* Get one part.
 *   index   0 ... snnk_compression_parts - 1
 *   part    set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (there is no such part). */
SNNK_API int snnk_compression_part(const snnk_compression *compression, size_t index,
                                   snnk_compress_part *part);

/* Get how good the student of a part is, beside the baselines, on the activations it was fitted to.
 *   index    0 ... snnk_compression_parts - 1
 *   report   set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (there is no such part), SNNK_E_STATE (it was kept). */
SNNK_API int snnk_compression_distilled(const snnk_compression *compression, size_t index,
                                        snnk_distill_report *report);

#ifdef __cplusplus
}
#endif

#endif
