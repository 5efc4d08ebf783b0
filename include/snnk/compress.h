/* Compression of networks: replace trained dense layers by SNNK layers of few features, under one
 * budget.
 *
 *     snnk_network_compress(network, SNNK_ROWS(.n = n, .X = X), NULL, NULL, NULL, NULL, NULL,
 *                           &compressed);
 *
 * makes a network with at most half of the parameters. X should be inputs as the network receives
 * them in use. Ask for an snnk_compression to read how good each part became.
 *
 * The network is divided into parts. Each of these becomes one SNNK layer (<snnk/distill.h>), or
 * is kept:
 *
 *     a dense layer and a linear dense layer after it    W2 f(W1 x + b1) + b2
 *     a dense layer alone                                f(W x + b)
 *     a linear layer alone                               W x + b; its students are of low rank
 *
 * All other layers (SNNK layers, towers, residual layers with all that is in them) are kept. Parts
 * are replaced from the first to the last. A student is fitted to the outputs of the original
 * network at its place, from the outputs of the compressed network before it. So it partly
 * corrects the errors of the students before it.
 *
 * A part is never replaced by something that is not smaller: it is kept, and the report says so. */
#ifndef SNNK_COMPRESS_H
#define SNNK_COMPRESS_H

#include <snnk/distill.h>
#include <snnk/network.h>
#include <snnk/tensors.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What became of a part: replaced, or why it was kept. Values never change. */
typedef enum snnk_compress_outcome {
    SNNK_COMPRESS_REPLACED = 0, /* replaced by a student */
    SNNK_COMPRESS_OTHER = 1,    /* kept: it is not a dense layer */
    SNNK_COMPRESS_LARGER = 2,   /* kept: no student (of the given features, if any) is smaller */
    SNNK_COMPRESS_WHOLE = 3     /* kept: 0 features were given, or the budget allows all of it */
} snnk_compress_outcome;

/* Get the name of an outcome: "replaced", "other", "larger", "whole". Static; NULL for an unknown
 * value. */
SNNK_API const char *snnk_compress_outcome_name(int32_t outcome);

/* A progress function. It is called on the calling thread, as often as an snnk_distill_progress.
 *   user    from the config
 *   done    an estimate: `done` of `steps` steps are complete. Never decreases
 *   steps   constant during a call
 * Return 0 to continue; any other value cancels the call (SNNK_E_CANCELLED, no network is made). */
typedef int (*snnk_compress_progress)(void *user, int32_t done, int32_t steps);

/* Settings of a compression. Fill with snnk_compress_config_init, then change fields. */
typedef struct snnk_compress_config {
    size_t size; /* set by snnk_compress_config_init */

    /* Share of the network's parameters that the compressed one may have. Above 0, at most 1. Not
     * used if features are given. Default 0.5. */
    double share;

    /* Called during snnk_network_compress; NULL (default): none. The progress function of
     * snnk_distill_config, if set, is called too, during each distillation. */
    snnk_compress_progress progress;
    void *user; /* passed to progress */

    /* What takes the place of a part, an snnk_distill_method other than INT8 and INT4. A baseline
     * has no more parameters than the student whose place it takes. Default STUDENT. */
    int32_t method;

    /* 1: tuning aims at the targets Y or labels of the rows, which are ignored otherwise. Labels
     * are learned by cross-entropy. 0 (default): at the outputs of the original network. */
    int32_t tune_to_targets;

    /* When all parts are replaced, they are tuned together by gradient (<snnk/train.h>): so many
     * passes over the rows, of which the best by held-out rows is kept. Parts that were kept do
     * not change. 0 (default): no tuning. */
    uint64_t tune_epochs;
    double tune_rate; /* relative step size, above 0. Default 0.02 */

    /* Tuning to the outputs of the original network learns from so many blends for each row, too: 0
     * ... 100. A blend is the mean of the rows plus cos(t) and sin(t) times the deviations of two
     * rows, with t between 0 and pi/2; the original computes its outputs. So rows are not learned
     * by heart, and rare outputs are met more often. Each pass takes as much longer. Not used with
     * tune_to_targets. Default 2; 0: none */
    double tune_blends;
} snnk_compress_config;

/* Set every field to its default.
 *   config        out: the struct to fill
 *   config_size   sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_compress_config_init(snnk_compress_config *config, size_t config_size);

/* What became of one part. Set `size`; the library fills the rest. */
typedef struct snnk_compress_part {
    size_t size;            /* set by the caller: sizeof the struct */
    uint64_t first, layers; /* layers first ... first + layers - 1 of the original network */
    uint64_t features;      /* m of its student; 0 if it was kept */
    uint64_t parameters_before, parameters;       /* of the original part; of what replaced it */
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    int32_t outcome;                              /* snnk_compress_outcome */
    int32_t reserved;                             /* 0 */

    /* Its layers in the compressed network: first_compressed ... first_compressed +
     * layers_compressed - 1. */
    uint64_t first_compressed, layers_compressed;
} snnk_compress_part;

/* What became of the whole network. Set `size`; the library fills the rest. */
typedef struct snnk_compress_report {
    size_t size; /* set by the caller: sizeof the struct */

    /* Of the compressed network's outputs, on rows that were used for nothing else: sqrt(squared
     * errors / squared deviations of the original network's outputs from their means). NaN if
     * those outputs do not vary. */
    double relative_error;

    uint64_t rows, judged_rows;                   /* to make students; for relative_error */
    uint64_t parameters_before, parameters;       /* of the original, of the compressed network */
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    uint64_t parts, replaced;                     /* all parts; those that were replaced */

    /* Of the original network with the weights of its dense layers (and of SNNK layers whose
     * features are neurons) rounded to 8 or 4 bits, one scale for each row: the same error, and
     * bytes. The compressed network has 4 bytes for each parameter. */
    double relative_error_int8, relative_error_int4;
    uint64_t bytes_int8, bytes_int4;

    /* Of the compressed network with its weights rounded to 8 bits in the same way. Compare it
     * with the original in int4, which may have as many bytes. */
    double relative_error_compressed_int8;
    uint64_t bytes_compressed_int8;

    /* With tuning: the error before it, and the epoch that was kept (0: none was better). */
    double relative_error_untuned; /* NaN without tuning */
    uint64_t tuned_epoch;

    /* With tuning: of a network of dense layers with as many numbers as the compressed one (as its
     * bundle, if that has fewer), which was trained from random weights in as many epochs on the
     * same rows and targets (snnk_compression_small). It has one hidden layer; where all of several
     * parts were replaced, or two, whichever is better on held-out rows. NaN and 0 without
     * tuning. */
    double relative_error_small;
    uint64_t parameters_small;
} snnk_compress_report;

/* A record of how a network was compressed. */
typedef struct snnk_compression snnk_compression;

/* Compress a network.
 *   network       unchanged; the compressed one has the same notes
 *   rows          X: inputs as the network receives them, d columns. Targets are ignored unless
 *                 config->tune_to_targets; weights must be NULL. The share heldout_share of the
 *                 rows (of the config `distill`) is set aside for relative_error; of the other
 *                 rows, each student holds out the same share again
 *   features      one number for each layer of the network: m of the student of the part that
 *                 begins with this layer; 0 to keep the part, and for layers that do not begin a
 *                 part. A student has fewer if fewer are linearly independent. NULL: the library
 *                 distributes the budget config->share
 *   config        NULL for the defaults
 *   distill       how students are made; NULL for the defaults. Students of linear parts are
 *                 always of tier SELECTED with linear features only
 *   workspace     NULL for one thread
 *   compression   out: what was done, with the baselines of each part; release with
 *                 snnk_compression_free. NULL if not wanted: then no baselines are computed
 *   compressed    out: release with snnk_network_free
 *
 * The budget is distributed greedily. Each part begins with one feature. Then the step is taken,
 * in whichever part, that most reduces the sum of the parts' relative squared errors per
 * parameter, until the budget is spent; the last step of a part is to keep it whole. Errors are
 * those of tier SELECTED on held-out rows, with the original network's activations. The sum does
 * not account for later parts, which can magnify or correct an error. The report has the error at
 * the output.
 *
 * Memory: 4 n (d + 4 w) bytes, w the widest input or output of a part, and one snnk_distill
 * without its copy of the rows. With tuning also 4 n (1 + tune_blends) (d + l).
 *
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE
 * (share; features where no replaceable part begins; a budget below one feature for each part:
 * says the smallest), SNNK_E_SHAPE (fewer than two rows to fit to or to judge by),
 * SNNK_E_UNSUPPORTED (weights), SNNK_E_NONFINITE, SNNK_E_CANCELLED, SNNK_E_NOMEM; else as
 * snnk_distill_create and snnk_distill_solve, with the layer's number in the sentence. */
SNNK_API int snnk_network_compress(const snnk_network *network, const snnk_rows *rows,
                                   const size_t *features, const snnk_compress_config *config,
                                   const snnk_distill_config *distill, snnk_workspace *workspace,
                                   snnk_compression **compression, snnk_network **compressed);

/* Free a compression. NULL is fine. The compressed network does not need it. */
SNNK_API void snnk_compression_free(snnk_compression *compression);

/* Get the number of parts; 0 for NULL. */
SNNK_API size_t snnk_compression_parts(const snnk_compression *compression);

/* Get the report of the whole network.
 *   report   out: set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_compression_report(const snnk_compression *compression,
                                     snnk_compress_report *report);

/* Get one part.
 *   index   0 ... snnk_compression_parts - 1
 *   part    out: set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (there is no such part). */
SNNK_API int snnk_compression_part(const snnk_compression *compression, size_t index,
                                   snnk_compress_part *part);

/* Get the small network of the report: a baseline that may be better than the compressed network.
 * Valid as long as the compression; NULL without tuning, or if there was no room for one neuron. */
SNNK_API const snnk_network *snnk_compression_small(const snnk_compression *compression);

/* Get how good the student of a part is, and its baselines, on the activations it was fitted to.
 *   index    0 ... snnk_compression_parts - 1
 *   report   out: set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (there is no such part), SNNK_E_STATE (it was kept). */
SNNK_API int snnk_compression_distilled(const snnk_compression *compression, size_t index,
                                        snnk_distill_report *report);

/* ---- In the file that the weights came from ---- */

/* Write networks beside the tensors of another program's file, in place of those that they
 * replace. All other tensors are copied byte by byte, and the file's texts too. docs/format.md has
 * the names of the new tensors.
 *   tensors               the file, or an index of files
 *   n_removed, removed    names of tensors that are left out
 *   n_networks            how many networks are added; 0 is legal
 *   names                 a name for each network: its tensors are called "<name>.layers.0.psi"
 *                         and so on
 *   networks              the networks, each with at least one layer. Notes, statistics and
 *                         encoders are not written
 *   path                  the new file. An existing file is replaced when the new one is complete;
 *                         it may be the file of `tensors`
 * SNNK_E_NULL, SNNK_E_FORMAT (a tensor to remove is missing), SNNK_E_UNSUPPORTED (the file is a
 * model of libsnnk), SNNK_E_STATE (a network has no layers), SNNK_E_RANGE (two tensors would have
 * the same name; a name is not UTF-8), SNNK_E_SIZE, SNNK_E_TRUNCATED (the file became shorter),
 * SNNK_E_IO, SNNK_E_NOMEM. */
SNNK_API int snnk_tensors_save_replaced(const snnk_tensors *tensors, size_t n_removed,
                                        const char *const *removed, size_t n_networks,
                                        const char *const *names,
                                        const snnk_network *const *networks, const char *path);

#ifdef __cplusplus
}
#endif

#endif
