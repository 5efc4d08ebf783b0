/* The functions of snnk__moments for one kind of number. Included once for each by
 * vector_moments.h, which defines before, and this undefines at its end:
 *
 *     MOMENTS(name)                 the name of a function for this kind
 *     NUMBER                        double or float
 *     VECTOR                        a register of them
 *     VECTOR_FMA(a, b, c) */

#define PANEL_WIDTH (PANEL_VECTORS * sizeof(VECTOR) / sizeof(NUMBER))
/* Set tile[i][j] = sum_k L[k][i] R[k][j], i < left, j < right PANEL_WIDTH. left, at most
 * MOMENT_LEFT, and right, at most MOMENT_RIGHT, are constants at every call. */
INLINE void MOMENTS(tile)(const int left, const int right, size_t rows, const NUMBER *L,
                          const NUMBER *R, NUMBER tile[MOMENT_LEFT][MOMENT_RIGHT * PANEL_WIDTH]) {
    const int sums = right * PANEL_VECTORS;
    VECTOR s[MOMENT_LEFT][MOMENT_RIGHT * PANEL_VECTORS], r[MOMENT_RIGHT * PANEL_VECTORS];

    UNROLLED (int i = 0; i < left; i++)
        UNROLLED (int j = 0; j < sums; j++) s[i][j] = (VECTOR){0};
    for (size_t k = 0; k < rows; k++, L += PANEL_WIDTH, R += PANEL_WIDTH) {
        UNROLLED (int j = 0; j < sums; j++) {
            const NUMBER *panel =
                R + (size_t)(j / PANEL_VECTORS) * SNNK__PANEL_STRIDE * PANEL_WIDTH;

            memcpy(&r[j], panel + (size_t)(j % PANEL_VECTORS) * (PANEL_WIDTH / PANEL_VECTORS),
                   sizeof r[j]);
            V_KEEP(r[j]);
        }
        /* L comes from L3 for the first tile of a row; after its last row follows the next L. */
        if (MOMENT_AHEAD > 0) __builtin_prefetch(L + MOMENT_AHEAD * PANEL_WIDTH);
        UNROLLED (int i = 0; i < left; i++) {
            VECTOR l = L[i] - (VECTOR){0};

            V_KEEP(l);
            UNROLLED (int j = 0; j < sums; j++) s[i][j] = VECTOR_FMA(l, r[j], s[i][j]);
        }
    }
    UNROLLED (int i = 0; i < left; i++) memcpy(tile[i], s[i], (size_t)sums * sizeof(VECTOR));
}

/* Compute a tile of `count` columns of L. The last ones of L, often of a single target, may be few:
 * then a smaller tile is enough. */
INLINE void MOMENTS(tile_of)(const int right, size_t count, size_t rows, const NUMBER *L,
                             const NUMBER *R,
                             NUMBER tile[MOMENT_LEFT][MOMENT_RIGHT * PANEL_WIDTH]) {
    if (count > 2)
        MOMENTS(tile)(MOMENT_LEFT, right, rows, L, R, tile);
    else
        MOMENTS(tile)(2, right, rows, L, R, tile);
}

static void MOMENTS(add)(size_t rows, const void *L, size_t n_left, const void *R, size_t n_right,
                         double *S, size_t lds) {
    NUMBER tile[MOMENT_LEFT][MOMENT_RIGHT * PANEL_WIDTH];

    for (size_t first = 0; first < n_left; first += MOMENT_LEFT) {
        const size_t count = n_left - first < MOMENT_LEFT ? n_left - first : MOMENT_LEFT;
        const NUMBER *left = (const NUMBER *)L + first;

        if (MOMENT_RIGHT > 2 && n_right > 2 * PANEL_WIDTH)
            MOMENTS(tile_of)(MOMENT_RIGHT, count, rows, left, R, tile);
        else if (MOMENT_RIGHT > 1 && n_right > PANEL_WIDTH)
            MOMENTS(tile_of)(2, count, rows, left, R, tile);
        else
            MOMENTS(tile_of)(1, count, rows, left, R, tile);
        for (size_t i = 0; i < count; i++, S += lds)
            for (size_t j = 0; j < n_right; j++) S[j] += (double)tile[i][j];
    }
}

#undef MOMENTS
#undef NUMBER
#undef VECTOR
#undef VECTOR_FMA
#undef PANEL_WIDTH
