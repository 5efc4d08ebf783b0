/* Second moments in single precision with AMX, Intel's matrix unit, which multiplies numbers in
 * bf16 (8 bits) and adds in float. A centered number x of 24 bits is the sum of three in bf16:
 *
 *     hi = bf16(x),  mid = bf16(x - hi),  lo = x - hi - mid,
 *
 * so that |mid| <= 2^-8 |x| and |lo| <= 2^-17 |x|. Of the nine products of two such sums, six are
 * computed. The other three are at most (2^-24 + 2^-34) |x y|. They have random signs, because
 * rounding to nearest makes the sign of lo independent of that of mid; cutting digits off instead
 * would make every lo mid of a square positive, and bias the diagonal.
 *
 * Each column is multiplied by a power of two first, so that its largest number has an exponent
 * of 0, and sums are multiplied back in double. The unit counts subnormal numbers as zeros: thus
 * only parts and products below 2^-126 of the largest ones are lost.
 *
 * The error of a sum over 384 rows is at most 90 x 2^-24 sum |x y|: 6 products of each of 12 tiles
 * are added to it, which rounds it 71 times; in a tile 32 products are added, which rounds sums of
 * 16 and of 32 of them, 16 times; and 1 for the products that are left out. For the float tables,
 * with an addition for each row, it is 384 x 2^-24.
 *
 * Blocks and order follow a prototype, which was measured; this file was not. */
#include "kernels/moments.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#include <string.h>

#include "kernels/amx_pack.h"
#include "kernels/amx_tiles.h"

#define PARTS      3
#define WIDTH      SNNK__MOMENTS_AMX_WIDTH /* two tiles */
#define STEP_ROWS  32                      /* rows in a tile: 16 pairs */
#define PAIRS      16
#define STEPS      (SNNK__PANEL_ROWS / STEP_ROWS)
#define TILE       ((size_t)TILE_ROWS * TILE_BYTES)
#define PART_BYTES (2 * TILE)
#define STEP_BYTES (PARTS * PART_BYTES)

/* A finished panel. A tile has pairs of rows as rows: 16 columns, of which each has the two numbers
 * of the pair side by side. This is how the unit takes R. */
typedef struct panel {
    char tiles[STEPS][PARTS][2][TILE];
    double scale[WIDTH]; /* of the columns: 2^exponent */
} panel;

_Static_assert(sizeof(panel) <= SNNK__PANEL_STRIDE * WIDTH * sizeof(double),
               "finished panels take more memory than panels of doubles");
_Static_assert(STEP_BYTES >= STEP_ROWS * WIDTH * sizeof(float),
               "finished rows end before packed ones, which are read later");

#define PACK_WIDTH WIDTH
#define PACK_PANEL (sizeof(panel) / sizeof(float))
#define PACK(name) name##_floats
#define SOURCE     float
#define NUMBER     float
#include "kernels/vector_pack_of.h"

#define PACK_WIDTH WIDTH
#define PACK_PANEL (sizeof(panel) / sizeof(float))
#define PACK(name) name##_doubles
#define SOURCE     double
#define NUMBER     float
#include "kernels/vector_pack_of.h"

/* A mask of the first `count` of `lanes` lanes. */
INLINE unsigned first_lanes(size_t count, size_t lanes) {
    return (1U << snnk__min_size(count, lanes)) - 1U;
}

/* ---- Splitting ---- */

/* The columns of a panel that have numbers, and their factors 2^-exponent. */
typedef struct numbers {
    __mmask16 mask[2];
    __m512 factor[2];
} numbers;

/* Find the exponents of the columns of `rows` rows of floats. */
static void find_scales(size_t rows, const float *x, numbers *c, double scale[WIDTH]) {
    for (size_t half = 0; half < 2; half++) {
        __m512 most = _mm512_setzero_ps();

        for (size_t k = 0; k < rows; k++)
            most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(
                                           c->mask[half], x + k * WIDTH + half * 16)));
        /* Powers of two that are normal floats, and their reciprocals too. */
        const __m512 exponent = _mm512_max_ps(
            _mm512_min_ps(_mm512_getexp_ps(most), _mm512_set1_ps(126)), _mm512_set1_ps(-126));
        const __m512 one = _mm512_set1_ps(1), power = _mm512_scalef_ps(one, exponent);

        c->factor[half] = _mm512_div_ps(one, power);
        _mm512_storeu_pd(scale + half * 16, _mm512_cvtps_pd(_mm512_castps512_ps256(power)));
        _mm512_storeu_pd(scale + half * 16 + 8, _mm512_cvtps_pd(_mm512_extractf32x8_ps(power, 1)));
    }
}

/* Store the three parts of a pair of rows of 16 columns. */
INLINE void split_pair(__m512 first, __m512 second, char *to) {
    UNROLLED (size_t part = 0; part < PARTS; part++) {
        const __m512i pairs = snnk__tile_pairs(first, second);
        const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);

        _mm512_storeu_si512(to + part * PART_BYTES, pairs);
        first = _mm512_sub_ps(first, _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)));
        second = _mm512_sub_ps(second, _mm512_castsi512_ps(_mm512_and_si512(pairs, upper)));
    }
}

/* Split up to 32 rows, and zeros below. They may overlap what is written. */
static void split_step(size_t rows, const float *x, const numbers *c, char *to) {
    alignas(64) float scaled[STEP_ROWS * WIDTH];

    for (size_t k = 0; k < STEP_ROWS; k++)
        for (size_t half = 0; half < 2; half++) {
            const size_t at = k * WIDTH + half * 16;
            const __mmask16 mask = k < rows ? c->mask[half] : 0;

            _mm512_store_ps(scaled + at,
                            _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + at), c->factor[half]));
        }
    for (size_t pair = 0; pair < PAIRS; pair++)
        for (size_t half = 0; half < 2; half++) {
            const float *first = scaled + 2 * pair * WIDTH + half * 16;

            split_pair(_mm512_load_ps(first), _mm512_load_ps(first + WIDTH),
                       to + half * TILE + pair * TILE_BYTES);
        }
}

/* In place, from the last rows to the first: finished rows take more memory than packed ones. */
static void finish(size_t rows, size_t count, void *memory) {
    const float *x = memory;
    panel *to = memory;
    numbers c = {.mask = {(__mmask16)first_lanes(count, 16),
                          (__mmask16)first_lanes(count > 16 ? count - 16 : 0, 16)}};

    find_scales(rows, x, &c, to->scale);
    for (size_t step = (rows + STEP_ROWS - 1) / STEP_ROWS; step-- > 0;)
        split_step(snnk__min_size(STEP_ROWS, rows - step * STEP_ROWS), x + step * STEP_ROWS * WIDTH,
                   &c, to->tiles[step][0][0]);
}

/* ---- Turning ---- */

/* Write the panel as the unit takes L: columns as rows of tiles. Doing this again for each group of
 * panels of R costs about what it would cost to store and read both forms. */
static void turn(size_t steps, size_t columns, const panel *from, char to[STEPS][PARTS][2][TILE]) {
    for (size_t step = 0; step < steps; step++)
        for (int part = 0; part < PARTS; part++) {
            snnk__tile_turn(from->tiles[step][part][0], to[step][part][0]);
            if (columns > TILE_ROWS) snnk__tile_turn(from->tiles[step][part][1], to[step][part][1]);
        }
}

/* ---- Products ---- */

/* Where the sums of one panel of R are added. */
typedef struct target {
    size_t rows, columns;
    double *S;
    size_t lds;
} target;

/* S comes from L3, and the products give it the time. */
INLINE void prefetch_rows(const target *to, size_t first, size_t step) {
    for (size_t i = first; i < to->rows; i += step)
        for (size_t j = 0; j < to->columns; j += 8) __builtin_prefetch(to->S + i * to->lds + j, 1);
}

/* Load a part of L or of R into two tiles. */
#define LOAD_LEFT(part)                                                                            \
    do {                                                                                           \
        TILE_LOAD(4, l + (part)*PART_BYTES, (size_t)TILE_BYTES);                                   \
        if (two_left) TILE_LOAD(5, l + (part)*PART_BYTES + TILE, (size_t)TILE_BYTES);              \
    } while (0)
#define LOAD_RIGHT(part)                                                                           \
    do {                                                                                           \
        TILE_LOAD(6, r + (part)*PART_BYTES, (size_t)TILE_BYTES);                                   \
        if (two_right) TILE_LOAD(7, r + (part)*PART_BYTES + TILE, (size_t)TILE_BYTES);             \
    } while (0)

/* Compute up to 32 x 32 sums. two_left, two_right: more than 16 columns of L, of R; constant at
 * every call. Of the six products of 32 rows the small ones come first. */
INLINE void sum_tiles(const bool two_left, const bool two_right, size_t steps, const char *l,
                      const char *r, const target *to, float sums[WIDTH][WIDTH]) {
    snnk__tiles_zero(two_left, two_right);
    for (size_t step = 0; step < steps; step++, l += STEP_BYTES, r += STEP_BYTES) {
        LOAD_LEFT(0);
        LOAD_RIGHT(2);
        snnk__tiles_multiply_bf16(two_left, two_right);
        LOAD_RIGHT(1);
        snnk__tiles_multiply_bf16(two_left, two_right);
        LOAD_LEFT(1);
        snnk__tiles_multiply_bf16(two_left, two_right);
        LOAD_RIGHT(0);
        snnk__tiles_multiply_bf16(two_left, two_right);
        LOAD_LEFT(2);
        snnk__tiles_multiply_bf16(two_left, two_right);
        LOAD_LEFT(0);
        snnk__tiles_multiply_bf16(two_left, two_right);
        prefetch_rows(to, step, steps);
    }
    snnk__tiles_store(two_left, two_right, sums);
}

/* Add sums, times the scales of their columns, to S. */
static void add_sums(float sums[WIDTH][WIDTH], const double *left, const double *right,
                     const target *to) {
    for (size_t i = 0; i < to->rows; i++)
        for (size_t j = 0; j < to->columns; j += 8) {
            const __mmask8 mask = (__mmask8)first_lanes(to->columns - j, 8);
            const __m512d scale =
                _mm512_mul_pd(_mm512_set1_pd(left[i]), _mm512_loadu_pd(right + j));
            double *S = to->S + i * to->lds + j;

            _mm512_mask_storeu_pd(S, mask,
                                  _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_load_ps(sums[i] + j)),
                                                  scale, _mm512_maskz_loadu_pd(mask, S)));
        }
}

static void add(size_t rows, const void *L, size_t n_left, const void *R, size_t n_right, double *S,
                size_t lds) {
    alignas(64) char left[STEPS][PARTS][2][TILE];
    alignas(64) float sums[WIDTH][WIDTH];
    const size_t steps = (rows + STEP_ROWS - 1) / STEP_ROWS;
    const panel *l = L, *r = R;
    const char *first = left[0][0][0];

    turn(steps, n_left, l, left);
    snnk__tiles_configure(n_left);
    for (size_t j = 0; j < n_right; j += WIDTH, r++) {
        const target to = {n_left, snnk__min_size(WIDTH, n_right - j), S + j, lds};
        const char *second = r->tiles[0][0][0];

        if (n_left > TILE_ROWS && to.columns > TILE_ROWS)
            sum_tiles(true, true, steps, first, second, &to, sums);
        else if (n_left > TILE_ROWS)
            sum_tiles(true, false, steps, first, second, &to, sums);
        else if (to.columns > TILE_ROWS)
            sum_tiles(false, true, steps, first, second, &to, sums);
        else
            sum_tiles(false, false, steps, first, second, &to, sums);
        add_sums(sums, l->scale, r->scale, &to);
    }
    snnk__tiles_release();
}

/* 12 panels of R take 0.9 MB of the 2 MB of L2 that processors with AMX have. */
const snnk__moments snnk__moments_amx = {.number_bytes = sizeof(float),
                                         .width = WIDTH,
                                         .panel_bytes = sizeof(panel),
                                         .panels = 12,
                                         .tiles = 1,
                                         .means = means_floats,
                                         .means_f64 = means_doubles,
                                         .pack = pack_floats,
                                         .pack_f64 = pack_doubles,
                                         .finish = finish,
                                         .add = add};
#endif
