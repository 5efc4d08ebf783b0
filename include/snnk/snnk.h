/* libsnnk: scalable neural network kernels in C. This page is the tour of the library; each header
 * is the manual of one noun.
 *
 * A dense layer computes f(W x + b). A scalable neural network kernel (Sehanobish, Choromanski,
 * Zhao, Dubey, Likhosherstov, ICLR 2024) replaces it by Psi Phi(x): m fixed features Phi of the
 * input, and weights Psi that are found in closed form, without backpropagation. With d inputs and
 * l outputs it takes m (d + l) multiply-adds a row instead of d l.
 *
 * This fits a classifier to n images X (n x 784) with labels 0 ... 9, and classifies others:
 *
 *     snnk_map *map;
 *     snnk_fit *fit;
 *     snnk_layer *layer;
 *
 *     snnk_map_create(784, NULL, NULL, &map);
 *     snnk_fit_create(map, 10, NULL, &fit);
 *     snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL);
 *     snnk_fit_solve(fit, NULL, NULL, &layer);
 *     snnk_layer_forward(layer, n_test, X_test, 784, scores, 10, NULL);
 *
 *     snnk_layer_free(layer);
 *     snnk_fit_free(fit);
 *     snnk_map_free(map);
 *
 * A first program needs no more than that. The headers come in three tiers.
 *
 * 1. Basics: fit networks to data, save them and use them
 *     status.h      status codes and error sentences
 *     workspace.h   threads and scratch memory of a calling thread
 *     rows.h        rows of data to learn from
 *     scaling.h     input scaling, learned from rows or given
 *     map.h         feature maps: random, given or chosen among rows of data
 *     window.h      feature maps of images and series: pooled filters of patches
 *     scattering.h  feature maps of images: wavelets, nothing learnt
 *     series.h      feature maps of time series: MINIROCKET
 *     choose.h      kinds and scales of features that suit the data
 *     fit.h         rows in, a fitted layer or network out
 *     directions.h  fits of features that look along what the targets depend on
 *     leaves.h      fits at the leaves of a tree, for many rows; they forget and merge
 *     layer.h       one layer: dense, SNNK or tower
 *     network.h     layers one after another; bundling; saving and loading
 *     boost.h       deep networks in closed form: boosted representations
 *     loss.h        squared error or cross-entropy: what suits classes better
 *     score.h       how well a network, layer or recursive solution predicts rows
 *     uncertainty.h probabilities of classes, intervals of values; calibration and coverage
 *     table.h       rows from IDX, .npy and CSV files
 *     augment.h     changed copies of images and series: shifted, turned, deformed, noisy
 *     encoder.h     columns of a table as numbers: words, dates, missing values
 *
 * 2. Learning and adapting, by job
 *   Solve:
 *     lstsq.h       least squares from statistics that stream, merge and forget
 *     ridge_path.h  every ridge from one decomposition; cross-validation; intervals
 *     rls.h         recursive least squares: a solution that is updated row by row
 *     logistic.h    cross-entropy on fixed features
 *   Train by gradient:
 *     train.h       optimizers, losses, fine-tuning; passes for larger graphs
 *   Make trained networks small:
 *     distill.h     a dense layer or block as one SNNK layer, compared with simpler replacements
 *     compress.h    a whole network under one budget
 *     quantize.h    weights in bf16, int8 or pairs of bf16
 *   Turn given layers into random features, with the error predicted in advance:
 *     activation.h  elementwise functions
 *     spectrum.h    an activation as a sum of exponentials
 *     frame.h       coordinates in which inputs and weights are short
 *     urf.h         universal random features for f(w . x + b)
 *     predict.h     the error of random features before they are used
 *
 * 3. Advanced: for bindings and special needs
 *     projection.h  how random rows are drawn
 *     storage.h     the formats of quantized weights
 *     tensors.h     tensors of any safetensors file
 *     mpi.h         statistics summed over MPI processes (not included here)
 *     version.h     the version of the headers
 *
 * Conventions
 *   - Functions that can fail return SNNK_OK or a negative status, and snnk_last_error() says what
 *     was wrong. On failure results are not written, but pointers to new objects are set to NULL.
 *   - Matrices are row-major arrays of float, one sample a row. Leading dimensions count elements.
 *     Forward passes, and functions that add rows, accept 0 rows, with any pointer and
 *     leading dimension.
 *   - Comments name sizes as formulas do: d inputs, l outputs, m features, n rows, t targets. "out"
 *     marks a parameter that the function writes.
 *   - Arrays are borrowed for the call: objects copy what they keep. Objects that are passed to a
 *     function stay yours: it copies or shares them, so free yours whenever you like.
 *   - What a function creates or loads is released by the matching `_free`, which accepts NULL.
 *   - Configs are filled with defaults by snnk_<noun>_config_init(&config, sizeof config); NULL
 *     means the defaults. For reports only the size must be set:
 *     snnk_fit_report report = {.size = sizeof report}.
 *   - Enum values are passed as int32_t; snnk_<enum>_name gives their names.
 *   - Forward passes propagate NaN and infinity. Everything that learns refuses them, and stays as
 *     it was.
 *
 * Threads and random numbers
 *   - Any number of threads may use one const object at the same time. Calls that change an object,
 *     and a workspace, belong to one thread at a time.
 *   - The library starts threads only for a workspace that asks for them; they sleep between calls
 *     and end with the workspace. It installs no handlers, and its only global state is an error
 *     sentence for each thread and the choice of kernels. BLAS, which the solvers use, has threads
 *     of its own (OPENBLAS_NUM_THREADS); the library never sets their number.
 *   - Random row j depends on (seed, j) only.
 *   - Forward passes give the same bits for every number of threads and of rows, on one kernel
 *     table (in bf16 and bf16x3: and one make of processor). Fits, which go through BLAS, give the
 *     same bits only for the same build, machine and one BLAS thread.
 *
 * The minimal build cannot fit, score, save or load: functions of boost.h, choose.h, directions.h,
 * fit.h, leaves.h, score.h, encoder.h, lstsq.h, ridge_path.h, rls.h, logistic.h, loss.h, distill.h,
 * compress.h, table.h and tensors.h, and those of map.h, scaling.h, layer.h, network.h and
 * uncertainty.h for statistics and files, are declared but do not link. */
#ifndef SNNK_SNNK_H
#define SNNK_SNNK_H

/* Basics */
#include <snnk/augment.h>
#include <snnk/boost.h>
#include <snnk/choose.h>
#include <snnk/directions.h>
#include <snnk/encoder.h>
#include <snnk/fit.h>
#include <snnk/layer.h>
#include <snnk/leaves.h>
#include <snnk/loss.h>
#include <snnk/map.h>
#include <snnk/network.h>
#include <snnk/rows.h>
#include <snnk/scaling.h>
#include <snnk/scattering.h>
#include <snnk/score.h>
#include <snnk/series.h>
#include <snnk/status.h>
#include <snnk/table.h>
#include <snnk/uncertainty.h>
#include <snnk/window.h>
#include <snnk/workspace.h>

/* Learning and adapting */
#include <snnk/activation.h>
#include <snnk/compress.h>
#include <snnk/distill.h>
#include <snnk/frame.h>
#include <snnk/logistic.h>
#include <snnk/lstsq.h>
#include <snnk/predict.h>
#include <snnk/quantize.h>
#include <snnk/ridge_path.h>
#include <snnk/rls.h>
#include <snnk/spectrum.h>
#include <snnk/train.h>
#include <snnk/urf.h>

/* Advanced */
#include <snnk/projection.h>
#include <snnk/storage.h>
#include <snnk/tensors.h>
#include <snnk/version.h>

#endif
