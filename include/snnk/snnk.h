/* libsnnk: scalable neural network kernels in C. This page is the tour; each header below is the
 * manual of its noun.
 *
 * A dense layer computes f(W x + b). A scalable neural network kernel (Sehanobish, Choromanski,
 * Zhao, Dubey, Likhosherstov, ICLR 2024) replaces it by a dot product of two towers that meet only
 * at the end, Phi(x) . Psi(w, b): m (d + l) multiply-adds a row instead of d l, and Psi can be
 * fitted in closed form, without backpropagation.
 *
 *     snnk_map       Phi: drawn or given projections, an elementwise function; blocks side by side
 *     snnk_spectrum  the Fourier transform of an activation, as a list of atoms
 *     snnk_frame     coordinates in which inputs and weights are short
 *     snnk_urf       universal random features for f(w.x + b), predicted before they are paid for
 *     snnk_lstsq     streaming sufficient statistics and the ridge solution
 *     snnk_ridge_path      all lambdas from one decomposition: GCV, leave-one-out, intervals
 *     snnk_rls       a solution that follows its rows one by one, and forgets
 *     snnk_logistic  cross-entropy on fixed features, by Newton steps
 *     snnk_fit       map and lstsq: rows stream in, a fitted layer or network comes out
 *     snnk_layer     y = Psi Phi(x) + bias, or a dense layer
 *     snnk_network   layers one after another, collapsed by bundling; saved as one safetensors file
 *     snnk_score     how well a network, layer or recursive solution predicts rows
 *     snnk_distill   trained dense layers and blocks as one SNNK layer, beside simpler ones
 *     snnk_compression  networks of dense layers, compressed under one budget
 *     snnk_table     rows from IDX, .npy and CSV files
 *     snnk_tensors   weights that others trained, from safetensors files
 *
 * Fit a classifier to images X (n x 784) with labels 0 ... 9, and use it:
 *
 *     snnk_map *map;          snnk_map_create(784, NULL, NULL, &map);
 *     snnk_fit *fit;          snnk_fit_create(map, 10, NULL, &fit);
 *     snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL);
 *     snnk_layer *layer;      snnk_fit_solve(fit, NULL, NULL, &layer);
 *     snnk_layer_forward(layer, n_test, X_test, 784, scores, 10, NULL);
 *
 * Conventions that hold everywhere
 *   - Calls return SNNK_OK or a negative status; snnk_last_error() has the sentence. Outputs are
 *     untouched on failure, but for handles, which become NULL.
 *   - Matrices are row-major float; samples are rows; leading dimensions count elements. n = 0 rows
 *     is legal, with any pointer and leading dimension.
 *   - Arrays are borrowed for the call. What `_create`, `_from_...` or `_load` gives, only the
 *     matching `_free` takes. An object may be freed as soon as others were made from it.
 *   - Config structs begin with their size: call snnk_<noun>_config_init(&config, sizeof config).
 *     NULL means defaults.
 *   - NaN and infinity pass through forwards; everything that learns refuses them and stays as it
 *     was.
 *
 * The minimal build has no fits, no compress.h, distill.h, lstsq.h, path.h, rls.h, file.h and
 * tensors.h: they stay declared, and do not link.
 *
 * Threads
 *   - libsnnk starts no threads unless a workspace asks for more than one; they sleep between calls
 *     and end with the workspace. It installs no handlers, and has no mutable globals but a
 *     thread-local error sentence and an idempotent kernel choice.
 *     Any number of threads may use one const handle; a mutating call needs exclusive use. BLAS,
 *     used by the solver, has threads of its own (OPENBLAS_NUM_THREADS), whose number the library
 *     never sets.
 *   - Randomness is counter-based: row j of a projection depends on (seed, j) only, never on thread
 *     count or call order.
 *   - Forwards are bit-identical for every thread count and every n on one kernel table (weights in bf16:
 *     and one make of processor). What
 *     passes through BLAS (fits) is so only for the same build, machine and one BLAS thread. */
#ifndef SNNK_SNNK_H
#define SNNK_SNNK_H

#include <snnk/activation.h>
#include <snnk/compress.h>
#include <snnk/distill.h>
#include <snnk/fit.h>
#include <snnk/frame.h>
#include <snnk/layer.h>
#include <snnk/logistic.h>
#include <snnk/lstsq.h>
#include <snnk/map.h>
#include <snnk/network.h>
#include <snnk/predict.h>
#include <snnk/projection.h>
#include <snnk/quantize.h>
#include <snnk/ridge_path.h>
#include <snnk/rls.h>
#include <snnk/rows.h>
#include <snnk/scaling.h>
#include <snnk/score.h>
#include <snnk/spectrum.h>
#include <snnk/status.h>
#include <snnk/storage.h>
#include <snnk/table.h>
#include <snnk/tensors.h>
#include <snnk/urf.h>
#include <snnk/version.h>
#include <snnk/workspace.h>

#endif
