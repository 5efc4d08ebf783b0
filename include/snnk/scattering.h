/* Scattering: features of images in which nothing is learnt (Bruna & Mallat 2013).
 *
 * An image is filtered with wavelets of several sizes and angles; the moduli are filtered again;
 * all of it is averaged over cells of 2^J x 2^J pixels. What remains hardly changes when the image
 * moves by less than a cell or is bent a little, and still tells textures and shapes apart. A
 * linear fit or a random layer over it needs few examples:
 *
 *     snnk_scattering_config config;
 *     snnk_scattering_config_init(&config, sizeof config);
 *     config.height = config.width = 28;
 *     snnk_map_create_scattering(&config, &map);            28 x 28 inputs, 2032 features
 *     snnk_fit_create(map, 10, NULL, &fit);
 *
 * An image is height x width x channels, channels last; each channel is transformed apart. It is
 * put into the middle of a canvas whose sides are the next powers of two, 28 x 28 into 32 x 32; the
 * rest of the canvas is the image reflected at its edges. x is one channel on its canvas, * the
 * convolution on that canvas, whose ends meet:
 *
 *     S_0(x)                 = x * phi
 *     S_1(x)(j1, a1)         = |x * psi_(j1, a1)| * phi
 *     S_2(x)(j1, a1, j2, a2) = ||x * psi_(j1, a1)| * psi_(j2, a2)| * phi,       j1 < j2 < J
 *
 * taken at every 2^J-th pixel. phi is a Gaussian of deviation 0.8 2^(J-1), psi_(j, a) a Morlet
 * wavelet of deviation 0.8 2^j and frequency (3 pi/4) 2^-j, slant 4/L, at the angle
 * (L/2 - 1 - a) pi/L from the direction down the rows, L/2 rounded down, a = 0 ... L-1; its mean is
 * 0. These are the filters of Kymatio and ScatNet, with the same order of coefficients.
 *
 * Features are ordered by channel, then path, then cell, row by row. A channel has
 * 1 + J L + L^2 J (J-1)/2 paths: S_0, then all of S_1 (j1 outermost), then all of S_2 (j1, a1, j2,
 * a2 from the outermost). With the logarithm, S_1 and S_2 become log(epsilon + S); S_0, which can
 * be negative, stays as it is.
 *
 * Nothing but the settings is stored in a file, so files are small and a change of the library
 * could show in the last bits. The features have no kernel and no weight tower; fits, layers,
 * gradients and networks work as with any map. For images with values from 0 to 1 the defaults
 * suit; for 0 to 255 divide the images by 255 or set epsilon to 0.25. */
#ifndef SNNK_SCATTERING_H
#define SNNK_SCATTERING_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Settings of snnk_map_create_scattering. Fill with snnk_scattering_config_init, then set height
 * and width. */
typedef struct snnk_scattering_config {
    size_t size;            /* set by snnk_scattering_config_init */
    uint64_t height, width; /* of an image, 2 ... 4096. Must be set: default 0 */
    uint64_t channels;      /* numbers of a pixel, at least 1. Default 1 */
    uint64_t scales; /* J: 2^J, at least 2, is no more than a side of the canvas. Default 3 */
    uint64_t angles; /* L, 1 ... 64. Default 6 */
    /* what is added before the logarithm, 1e-12 ... 1e12: moduli well below it are taken for noise.
     * Default 1e-3 */
    double epsilon;
    int32_t orders;                  /* 1 or 2. Default 2 */
    int32_t logarithm;               /* 1 (default): of S_1 and S_2. 0: none */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_scattering_config;

/* Set every field to its default; as snnk_map_config_init. */
SNNK_API int snnk_scattering_config_init(snnk_scattering_config *config, size_t config_size);

/* Create a scattering map of height width channels inputs. The filters are computed: J L canvases
 * of floats and a third more, 1 GiB at most.
 *   config  not NULL: height and width have no default
 *   map     out: release with snnk_map_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (a size out of its range; J too large for the image),
 * SNNK_E_RANGE, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_map_create_scattering(const snnk_scattering_config *config, snnk_map **map);

/* Get the settings of a block of scattering features.
 *   config  out; its size is set, by snnk_scattering_config_init or by hand. The allocator is NULL
 * SNNK_E_NULL, SNNK_E_RANGE (no such block), SNNK_E_UNSUPPORTED (another kind), SNNK_E_CONFIG. */
SNNK_API int snnk_map_block_scattering(const snnk_map *map, size_t block,
                                       snnk_scattering_config *config);

#ifdef __cplusplus
}
#endif

#endif
