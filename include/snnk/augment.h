/* Augmentation: changed copies of images and series, made as rows stream into a fit.
 *
 * A classifier of images should not mind a small shift, rotation or deformation. Rows that show it
 * so are worth more than most settings. They need no memory: make a block of them, add it, and make
 * the next block in its place.
 *
 *     snnk_augment_config config;
 *     snnk_augment_config_init(&config, sizeof config);
 *     config.height = config.width = 28;
 *     config.shift = 1.5;
 *     config.rotation = 10;
 *     config.elastic = 1;
 *     snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels, .groups = numbers), workspace);
 *     for (uint64_t copy = 0; copy < 4; copy++)
 *         for (size_t i = 0; i < n; i += block) {
 *             const size_t rows = n - i < block ? n - i : block;
 *             snnk_augment_rows(&config, rows, X + i * 784, 784, copy * n + i, made, 784,
 *                               workspace);
 *             snnk_fit_add(fit, SNNK_ROWS(.n = rows, .X = made, .labels = labels + i,
 *                                         .groups = numbers + i), workspace);
 *         }
 *
 * Every row has a number (above: copy * n + i), and what happens to it depends on that number, the
 * seed and the other settings alone: neither on blocks nor on threads.
 *
 * Never augment the rows that a model is judged by. A fit that holds rows out must not learn from
 * copies of them: give a row and its copies the same number in `groups` (<snnk/rows.h>). With
 * snnk_fit_add (above) they are then held out together, and errors are those of rows and copies.
 * With snnk_fit_add_copies (<snnk/fit.h>) for the copies, errors are those of rows alone, and
 * copies of held-out rows are left out.
 *
 * What happens, in this order:
 *   1. One displacement for each pixel: turned, enlarged and shifted about the middle of the image,
 *      and an elastic deformation on top. The pixel at (i, j) takes the value at
 *          (i', j') = middle + R^-1 ((i, j) - middle - shift)/scale + elastic(i, j),
 *      between pixels by bilinear interpolation
 *   2. Mirrored, left to right
 *   3. Noise
 * With none of them the copy has the bits of the row.
 *
 * A series of `length` steps has height 1 and width length. It is shifted along its time, with
 * `scale` it is faster or slower, and with `elastic` its time is warped. */
#ifndef SNNK_AUGMENT_H
#define SNNK_AUGMENT_H

#include <snnk/status.h>
#include <snnk/workspace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What lies outside an image. Values never change. */
typedef enum snnk_fill {
    SNNK_FILL_EDGE = 0,    /* the nearest pixel of its edge */
    SNNK_FILL_CONSTANT = 1 /* fill_value */
} snnk_fill;

/* Get a name: "edge", "constant". Static; NULL for an unknown value. */
SNNK_API const char *snnk_fill_name(int32_t fill);

/* Settings. Fill with snnk_augment_config_init, then set height and width. "Uniform" draws are of
 * each row, independent of each other. */
typedef struct snnk_augment_config {
    size_t size; /* set by snnk_augment_config_init */
    /* The shape of a row: height x width x channels numbers, row-major, channels last; sides
     * up to 2^24, 2^30 numbers. No defaults for height and width; channels 1 */
    uint64_t height, width, channels;
    uint64_t seed; /* Default 0 */
    /* The largest shift in pixels, down or up and right or left: both are uniform within +-shift.
     * Height 1: right or left only. 0 (default) ... 2^24 */
    double shift;
    /* The largest angle in degrees, 0 (default) ... 180: uniform within +-rotation */
    double rotation;
    /* Sizes of the content, 0.01 ... 100, least <= most; the logarithm is uniform. Default 1, 1 */
    double scale_least, scale_most;
    /* Elastic deformation (Simard, Steinkraus & Platt 2003): its root mean square in pixels, in
     * each direction, 0 (default) ... 2^24. Displacements are a smooth random field of mean 0 */
    double elastic;
    /* How smooth that field is: the standard deviation in pixels of the bell that smooths it, 0.5
     * ... 2^24. Default 4. It is a cubic B-spline on a grid at a random place, which is a Gaussian
     * to within 4 % of its height, and many times as fast */
    double elastic_sigma;
    /* Standard deviation of normal noise, added to every number; in units of the row, 0 (default)
     * ... 1e30. About 20 ns a number */
    double noise;
    double fill_value;   /* of SNNK_FILL_CONSTANT, within +-1e30. Default 0 */
    int32_t fill;        /* an snnk_fill. Default SNNK_FILL_EDGE */
    int32_t mirror;      /* 1: every second row, on average, is mirrored. Default 0 */
    int32_t whole_shift; /* 1: shifts are whole pixels, each from -floor(shift) to floor(shift)
                          * equally likely, so that pixels keep their values. Default 0 */
    int32_t reserved;
    const snnk_allocator *allocator; /* of scratch without a workspace; NULL (default) for malloc */
} snnk_augment_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_augment_config_init(snnk_augment_config *config, size_t config_size);

/* Make changed copies of rows.
 *   config        height and width must be set
 *   n             number of rows
 *   X             n x (height x width x channels), row stride ldx, finite
 *   first_number  row i gets the number first_number + i
 *   out           out: of the shape of X, row stride ldo; shares no memory with X
 *   workspace     NULL for one thread
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (height, width or channels 0 or too large; a rotation of
 * a series), SNNK_E_SIZE, SNNK_E_STRIDE (a row is longer than its stride), SNNK_E_ENUM,
 * SNNK_E_RANGE, SNNK_E_NONFINITE (a setting, or a number of X: names row and column),
 * SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_augment_rows(const snnk_augment_config *config, size_t n, const float *X,
                               size_t ldx, uint64_t first_number, float *out, size_t ldo,
                               snnk_workspace *workspace);

/* What happens to one row, to do the same to coordinates that belong to it (of eyes, of boxes). Set
 * `size`; the library fills the rest. Not included: the elastic deformation, and noise. */
typedef struct snnk_augment_draw {
    size_t size;     /* set by the caller: sizeof the struct */
    double down;     /* shift of the content, in pixels */
    double right;    /* before it is mirrored */
    double rotation; /* in degrees, counter-clockwise */
    double scale;    /* of the content */
    int32_t mirrored;
    int32_t reserved;
} snnk_augment_draw;

/* Get what happens to the row with a number.
 *   config  as of snnk_augment_rows
 *   draw    out: set its size first
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_ENUM, SNNK_E_RANGE,
 * SNNK_E_NONFINITE. */
SNNK_API int snnk_augment_get_draw(const snnk_augment_config *config, uint64_t number,
                                   snnk_augment_draw *draw);

#ifdef __cplusplus
}
#endif

#endif
