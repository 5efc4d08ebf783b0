/* Networks: layers one after another. */
#ifndef SNNK_NETWORK_H
#define SNNK_NETWORK_H

#include <snnk/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_network snnk_network;

/* An empty network. allocator: NULL for malloc. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_network_create(const snnk_allocator *allocator, snnk_network **network);

/* Free it. NULL is fine. */
SNNK_API void snnk_network_free(snnk_network *network);

/* Put `layer` at the end. The network keeps it alive; you may free yours.
 * SNNK_E_NULL, SNNK_E_SHAPE (its inputs are not the outputs of the last layer), SNNK_E_STATE (the
 * network carries statistics of the layer that is the last now), SNNK_E_NOMEM. */
SNNK_API int snnk_network_append(snnk_network *network, const snnk_layer *layer);

SNNK_API size_t snnk_network_layers(const snnk_network *network); /* how many; 0 for NULL */
SNNK_API size_t
snnk_network_inputs(const snnk_network *network); /* of the first layer; 0 when empty */
SNNK_API size_t
snnk_network_outputs(const snnk_network *network); /* of the last layer; 0 when empty */
SNNK_API uint64_t snnk_network_parameters(const snnk_network *network); /* sum over layers */
SNNK_API uint64_t
snnk_network_multiply_adds(const snnk_network *network); /* a row, sum over layers */

/* Layer `index` (0 ... layers-1), valid as long as the network; NULL where there is none. */
SNNK_API const snnk_layer *snnk_network_layer(const snnk_network *network, size_t index);

/* Notes that travel with the model: UTF-8 text by key ("classes", "units"). A NULL value removes
 * the key. Keys: 1 ... 64 of [a-z0-9._-]; at most 256 of them. SNNK_E_NULL, SNNK_E_RANGE (names the
 * key or the limit; a value that is not UTF-8), SNNK_E_NOMEM. */
SNNK_API int snnk_network_set_note(snnk_network *network, const char *key, const char *value);

/* The note for a key, valid until it is changed; NULL if there is none. */
SNNK_API const char *snnk_network_note(const snnk_network *network, const char *key);

/* Y = network(X). X: n x d, row stride ldx >= d. Y: n x l, row stride ldy >= l, must not overlap X.
 * n = 0 does nothing. Non-finite inputs propagate. Rows go through all layers a small tile at a
 * time; each row's result depends on that row alone, bit for bit, whatever n and the thread count.
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NOMEM (never after
 * snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network))). */
SNNK_API int snnk_network_forward(const snnk_network *network, size_t n, const float *X, size_t ldx,
                                  float *Y, size_t ldy, snnk_workspace *workspace);

/* Phi = the features of the last layer (an SNNK layer or a tower), on what the layers before it give:
 * of a bundled network the composed Phi(X). X: n x d; Phi: n x m, m = snnk_layer_features of the last
 * layer, row stride ldphi >= m, must not overlap X. SNNK_E_UNSUPPORTED (a dense layer), else as
 * snnk_network_forward. */
SNNK_API int snnk_network_features(const snnk_network *network, size_t n, const float *X,
                                   size_t ldx, float *Phi, size_t ldphi, snnk_workspace *workspace);

/* Bytes of scratch a forward needs for each thread, whatever n. 0 for NULL, and for a small layer
 * without HD3 rows. */
SNNK_API size_t snnk_network_scratch_bytes(const snnk_network *network);

/* ---- Bundling ---- */

/* Collapse layers first ... last (0 ... layers-1) of a network: the same outputs to rounding, without
 * the widths between them (section 3.3 of Sehanobish et al. 2024). Of two SNNK layers x' = Psi Phi(x) +
 * bias and Psi' Phi'(x') the second meets x' only in G' x' + c', so that G' Psi (m' x m) and G' bias +
 * c' are all that has to be kept: see snnk_map_fold. What is left of the run are towers, one feeding
 * the other, and the last Psi. Linear layers of the run fold into the Psi before them; a dense layer
 * f(W x' + b) becomes f((W Psi) x + ...). An SNNK layer of the run that is followed by another costs m'
 * m then instead of m l + m' l: look at snnk_network_cost first, where l is less than about m/2 it is
 * more. What folds of layers in narrow storage is taken as it is rounded (Psi; G from the map's), and
 * becomes float. The rest of the network, and the notes, are shared. A bundle may be bundled again.
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_RANGE (not first <= last < layers), SNNK_E_SIZE,
 * SNNK_E_NONFINITE (a product leaves the range of float), SNNK_E_NOMEM. */
SNNK_API int snnk_network_bundle(const snnk_network *network, size_t first, size_t last,
                                 snnk_network **bundled);

/* The two towers of a whole network, y = Psi Phi(x) + bias. The input tower is Phi, all layers bundled
 * but for the last Psi, as a network whose outputs are the m features; the weights tower is Psi
 * (outputs x m, row stride ldpsi >= m), with its bias (outputs); either may be NULL. m is
 * snnk_network_outputs of the input tower. SNNK_E_UNSUPPORTED (the network ends in a tower, or in a
 * dense layer with an activation: there is no Psi; or it is linear: there is no Phi), SNNK_E_STRIDE,
 * else as snnk_network_bundle. */
SNNK_API int snnk_network_input_tower(const snnk_network *network, snnk_network **tower);
SNNK_API int snnk_network_weight_tower(const snnk_network *network, float *Psi, size_t ldpsi,
                                       float *bias);

/* What a network costs, and would cost with a run of its layers bundled. Fill `size` first
 * (snnk_cost_init does). */
typedef struct snnk_cost {
    size_t size;
    uint64_t parameters_before, parameters;       /* numbers the forward uses */
    uint64_t multiply_adds_before, multiply_adds; /* a row */
    uint64_t bytes_before, bytes;                 /* of weights that a forward reads */
} snnk_cost;

SNNK_API int snnk_cost_init(snnk_cost *cost, size_t cost_size);

/* Bundles to see: as much work as that. SNNK_E_CONFIG, else as snnk_network_bundle. */
SNNK_API int snnk_network_cost(const snnk_network *network, size_t first, size_t last,
                               snnk_cost *cost);

/* ---- Statistics that travel with the model ---- */

/* A network may carry the least-squares statistics of the features of its last layer (an SNNK layer):
 * with them it goes on learning, forgets rows, and merges with others, without the rows it was fitted
 * on. They are saved with it (8 m^2 bytes). Networks made from this one do not carry them. Takes over
 * lstsq, on success; what was there before is freed; NULL removes it. SNNK_E_NULL (network),
 * SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (the last layer is no SNNK layer), SNNK_E_SHAPE (other
 * features, or fewer targets than it has outputs). */
SNNK_API int snnk_network_set_statistics(snnk_network *network, snnk_lstsq *lstsq);

/* The statistics, to add to and take from: feed them what snnk_network_features gives. The network's
 * own; NULL where it carries none. */
SNNK_API snnk_lstsq *snnk_network_statistics(snnk_network *network);

/* Replace the last Psi and bias by the solution of the statistics, which may have more targets than there were
 * outputs; in float, whatever the storage was. config, report: as in snnk_lstsq_solve. SNNK_E_STATE (no
 * statistics, or no rows); else statuses as there, and the network is as it was. */
SNNK_API int snnk_network_solve(snnk_network *network, const snnk_solve_config *config,
                                snnk_solve_report *report);

/* ---- Saving and loading ---- */

/* What to do with drawn projections. */
typedef enum snnk_save_projection {
    SNNK_SAVE_ROWS = 0, /* store G */
    SNNK_SAVE_SEED = 1  /* store the seed, and draw G again at loading, where that gives the same
                         * bits on every machine (SNNK_PROJECTION_GAUSSIAN and _SOBOL); store G
                         * elsewhere. HD3 is stored as a seed in both cases. Maps made from a
                         * spectrum always store G */
} snnk_save_projection;

/* Save a network, with its notes, and the statistics it carries. projection: an snnk_save_projection.
 * An existing file at `path` is replaced at the end, or stays as it was on failure. SNNK_E_NULL,
 * SNNK_E_ENUM, SNNK_E_STATE (no layers), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_IO. */
SNNK_API int snnk_network_save(const snnk_network *network, const char *path, int32_t projection);

/* Load a network: outputs equal those of the saved one bit for bit (on one kernel table). One in narrow
 * storage was saved as float (Psi, or W, as rounded, G as it was before): quantise it again.
 * allocator: NULL for malloc. SNNK_E_NULL, SNNK_E_IO, SNNK_E_FORMAT, SNNK_E_VERSION,
 * SNNK_E_TRUNCATED, SNNK_E_CHECKSUM, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM,
 * SNNK_E_UNSUPPORTED (needs a part this build lacks). */
SNNK_API int snnk_network_load(const char *path, const snnk_allocator *allocator,
                               snnk_network **network);

/* The same in memory. Give *bytes from snnk_network_saved_bytes; buffer: that many. */
SNNK_API int snnk_network_saved_bytes(const snnk_network *network, int32_t projection,
                                      size_t *bytes);
SNNK_API int snnk_network_save_memory(const snnk_network *network, int32_t projection, void *buffer,
                                      size_t bytes);
SNNK_API int snnk_network_load_memory(const void *buffer, size_t bytes,
                                      const snnk_allocator *allocator, snnk_network **network);

#ifdef __cplusplus
}
#endif

#endif
