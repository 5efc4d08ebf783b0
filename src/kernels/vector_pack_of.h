/* Means of columns, and packing centered columns: one pair of functions for one kind of numbers X.
 * Included once for each pair of kinds by vector_moments.h, which defines before, and this
 * undefines at its end:
 *
 *     PACK(name)                    the name of a function for this pair
 *     SOURCE                        the kind of X: float or double
 *     NUMBER                        the kind of the panels: float or double
 *     PACK_WIDTH                    numbers in a row of a panel
 *     PACK_PANEL                    numbers from one panel to the next */

/* The mean is the first row plus the mean difference from it. The difference of two floats is
 * (nearly) exact in double, and so is that of two near doubles. The mean of a constant column is
 * exact, so its second moment is exactly 0 later. */
static void PACK(means)(size_t rows, size_t columns, const SOURCE *X, size_t ld, double *mean) {
    memset(mean, 0, columns * sizeof *mean);
    size_t i = 1;
    for (; i + 1 < rows; i += 2) {
        const SOURCE *one = X + i * ld, *two = one + ld;

        for (size_t j = 0; j < columns; j++)
            mean[j] += ((double)one[j] - (double)X[j]) + ((double)two[j] - (double)X[j]);
    }
    for (; i < rows; i++)
        for (size_t j = 0; j < columns; j++) mean[j] += (double)X[i * ld + j] - (double)X[j];
    for (size_t j = 0; j < columns; j++) mean[j] = (double)X[j] + mean[j] / (double)rows;
}

/* Pack a whole row of a panel; its width is a constant. */
static inline void PACK(row)(size_t width, const SOURCE *x, const double *mean, NUMBER *to) {
    for (size_t j = 0; j < width; j++) to[j] = (NUMBER)((double)x[j] - mean[j]);
}

static void PACK(pack)(size_t rows, size_t columns, const SOURCE *X, size_t ldx, const double *mean,
                       void *panels) {
    for (size_t k = 0; k < rows; k++, X += ldx) {
        NUMBER *to = (NUMBER *)panels + k * PACK_WIDTH;
        size_t c = 0;

        for (; c + PACK_WIDTH <= columns; c += PACK_WIDTH, to += PACK_PANEL)
            PACK(row)(PACK_WIDTH, X + c, mean + c, to);
        PACK(row)(columns - c, X + c, mean + c, to);
    }
}

#undef PACK
#undef SOURCE
#undef NUMBER
#undef PACK_WIDTH
#undef PACK_PANEL
