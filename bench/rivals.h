/* Rivals: dense layers and pairs of products as other libraries compute them. Each is prepared
 * once, with its weights packed in the layout that is best for that library. */
#ifndef SNNK_BENCH_RIVALS_H
#define SNNK_BENCH_RIVALS_H

#include <stddef.h>

typedef enum rival_activation { RIVAL_NONE, RIVAL_RELU, RIVAL_GELU, RIVAL_TANH } rival_activation;

/* ---- oneDNN: Y = f(X W^T + b), fused ---- */

typedef struct onednn_layer onednn_layer;

/* Prepare Y = f(X W^T + b). X: n x d, W: l x d, b: l or NULL, Y: n x l, without gaps, borrowed
 * until it is freed. bf16: weights, X and Y in bfloat16; X and Y are then converted outside of the
 * timed run. Exits if oneDNN refuses. */
onednn_layer *onednn_create(size_t n, size_t d, size_t l, rival_activation f, int bf16, float *X,
                            float *W, float *b, float *Y);

/* Types of inputs and outputs; weights are of the inputs' type, sums and the bias are float. */
typedef enum onednn_types {
    TYPES_FLOAT,
    TYPES_BF16,
    TYPES_BF16_TO_FLOAT,
    TYPES_INT8_TO_FLOAT /* s8 x s8, one scale for each matrix */
} onednn_types;

/* The same with other types. X is converted here, outside of the timed run: in the rival's favour.
 * before: NULL, or the layer whose outputs, of the right type, are the inputs; X is then unused.
 * Outputs in bf16 are not written to Y. NULL if oneDNN cannot on this processor. */
onednn_layer *onednn_create_as(onednn_types types, size_t n, size_t d, size_t l, rival_activation f,
                               const onednn_layer *before, float *X, float *W, float *b, float *Y);
void onednn_run(onednn_layer *layer);
void onednn_free(onednn_layer *layer); /* NULL is fine */

/* Prepare Y = relu(conv(X, W) + b), without padding, stride 1. X: n x height x width x channels, W:
 * filters x patch_height x patch_width x channels. X and Y are in the layouts that oneDNN likes
 * best; X is converted outside of the timed run. Exits if oneDNN refuses. */
onednn_layer *onednn_create_convolution(size_t n, size_t height, size_t width, size_t channels,
                                        size_t filters, size_t patch_height, size_t patch_width,
                                        float *X, float *W, float *b);

/* C (n x l) = scale A (n x k) B, with row strides lda, ldb, ldc. B: k x l; transposed: l x k. On
 * all threads; inside a parallel region on the calling one. */
void onednn_product(size_t n, size_t l, size_t k, float scale, const float *A, size_t lda,
                    const float *B, size_t ldb, int transposed, float *C, size_t ldc);

/* ---- libxsmm: Y = f(X G^T) Psi^T, two packed products ---- */

typedef struct xsmm_pair xsmm_pair;

/* Tries several blockings and keeps the fastest. l: a multiple of 64; f: none or relu. */
xsmm_pair *xsmm_create(size_t n, size_t d, size_t m, size_t l, rival_activation f, const float *X,
                       const float *G, const float *Psi, const float *bias, float *Y);
void xsmm_run(xsmm_pair *pair);
void xsmm_free(xsmm_pair *pair);

/* ---- OpenBLAS, loaded twice into one process: default, and OPENBLAS_CORETYPE=SkylakeX ---- */

typedef struct openblas openblas;

/* Load OpenBLAS with this core type (NULL: its own choice) and number of threads. NULL if it cannot
 * be loaded or run. */
openblas *openblas_load(const char *coretype, int threads);
const char *openblas_core(const openblas *library);

/* C (n x l) = A (n x k) B (l x k)^T. */
void openblas_product(const openblas *library, size_t n, size_t l, size_t k, const float *A,
                      const float *B, float *C);

/* Y = relu(X G^T) Psi^T. X: n x d, G: m x d, Psi: l x m, Phi: n x m, Y: n x l. */
void openblas_pair(const openblas *library, size_t n, size_t d, size_t m, size_t l, const float *X,
                   const float *G, const float *Psi, float *Phi, float *Y);

/* ---- scikit-learn and PyTorch, in a child process ---- */

typedef struct python python;

/* Start a child process for several cases of n rows each.
 *   sklearn_rbfsampler  RBFSampler, sqrt(2/m) cos(X G^T + b), in float32. Case k: shapes[k][0]
 *                       inputs, shapes[k][1] features
 *   sklearn_ridge       Ridge(solver="cholesky") in float64. Case k: shapes[k][0] features,
 *                       shapes[k][1] targets
 *   torch_steps         one step of Adam: forward, backward, step. 768 inputs. Case k: shapes[k][0]
 *                       features (0: a dense layer), shapes[k][1] outputs
 * coretype: as above. NULL, with a message on stderr, if python3 or the module is missing. */
python *sklearn_rbfsampler(const char *coretype, int threads, size_t n, size_t cases,
                           const size_t (*shapes)[2]);
python *sklearn_ridge(const char *coretype, int threads, size_t n, size_t cases,
                      const size_t (*shapes)[2]);
python *torch_steps(const char *coretype, int threads, size_t n, size_t cases,
                    const size_t (*shapes)[2]);

/* Dense layers relu(X W^T + b), each case of n[k] rows. A run repeats the layer for at least 200
 * microseconds, and gives the mean; with one thread in processor time. coretype, NULL: as above. */
python *torch_dense(const char *coretype, int threads, size_t d, size_t l, size_t cases,
                    const size_t *n);
double python_run(python *child,
                  size_t k); /* run case k: seconds; exits if the child has died. With
                                             * one thread, torch_steps gives processor time */
const char *python_about(const python *child);
void python_stop(python *child); /* NULL is fine */

#endif
