#include "solve/lstsq.h"

#include "base/size.h"
#include "kernels/kernels.h"

static int check_width(size_t width, const char *name) {
    if (width == 0) return snnk__fail(SNNK_E_SHAPE, "%s = 0, at least 1 is needed", name);
    if (width > INT32_MAX) /* the integers of CBLAS and LAPACKE have at least 32 bits */
        return snnk__fail(SNNK_E_SIZE, "%s = %zu exceeds the BLAS integer, %ld", name, width,
                          (long)INT32_MAX);
    return SNNK_OK;
}

/* *panels = room for `columns` columns of a block in doubles, zero. In floats they take half of it. */
static int allocate_panels(const snnk_lstsq *lstsq, size_t columns, const char *what,
                           char **panels) {
    const snnk__moments *moments = &snnk__kernels_get()->moments[SNNK_PRECISION_DOUBLE];
    const size_t count = (columns - 1) / moments->width + 1;

    return snnk__alloc_zero(&lstsq->allocator, count,
                            SNNK__PANEL_STRIDE * moments->width * sizeof(double), what, panels);
}

/* *pointer = rows x columns doubles, zero. */
static int allocate(const snnk_lstsq *lstsq, size_t rows, size_t columns, const char *what,
                    double **pointer) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu overflows a size", what, rows, columns);
    return snnk__alloc_zero(&lstsq->allocator, count, sizeof(double), what, pointer);
}

int snnk_lstsq_set_precision(snnk_lstsq *lstsq, int32_t precision) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    st = snnk__check_enum(precision, SNNK_PRECISION_FAST + 1, "precision");
    if (st != SNNK_OK) return st;
    lstsq->precision = precision;
    return SNNK_OK;
}

int snnk_lstsq_create(size_t features, size_t targets, const snnk_allocator *allocator,
                      snnk_lstsq **lstsq) {
    const size_t m = features, t = targets;
    snnk_allocator memory;
    snnk_lstsq *made = NULL;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    *lstsq = NULL;
    if ((st = snnk__allocator_read(&memory, allocator)) != SNNK_OK) return st;
    if ((st = check_width(m, "features")) != SNNK_OK) return st;
    if ((st = check_width(t, "targets")) != SNNK_OK) return st;

    st = snnk__alloc_zero(&memory, 1, sizeof *made, "least-squares statistics", &made);
    if (st != SNNK_OK) goto done;
    made->allocator = memory;
    made->features = m;
    made->targets = t;
    /* The square first: what cannot fit is refused before anything large is touched. */
    if ((st = allocate(made, m, m, "feature moments", &made->S)) != SNNK_OK) goto done;
    st = allocate_panels(made, m, "a feature block", &made->phi_panels);
    if (st != SNNK_OK) goto done;
    if ((st = allocate_panels(made, t, "a target block", &made->y_panels)) != SNNK_OK) goto done;
    st = snnk__alloc(&memory, t, SNNK__LSTSQ_BLOCK_ROWS * sizeof(float), "label rows",
                     &made->label_rows);
    if (st != SNNK_OK) goto done;
    if ((st = allocate(made, t, m, "cross moments", &made->C)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "feature means", &made->mean_phi)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, t, "target means", &made->mean_y)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, t, "target moments", &made->yy)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "block means", &made->block_phi)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, t, "block means", &made->block_y)) != SNNK_OK) goto done;
    *lstsq = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    return st;
}

void snnk_lstsq_free(snnk_lstsq *lstsq) {
    if (!lstsq) return;

    const snnk_allocator memory = lstsq->allocator;
    void *const arrays[] = {lstsq->mean_phi,  lstsq->mean_y,     lstsq->S,        lstsq->C,
                            lstsq->yy,        lstsq->phi_panels, lstsq->y_panels, lstsq->label_rows,
                            lstsq->block_phi, lstsq->block_y};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(&memory, arrays[i]);
    snnk__free(&memory, lstsq);
}

size_t snnk_lstsq_features(const snnk_lstsq *lstsq) { return lstsq ? lstsq->features : 0; }

size_t snnk_lstsq_targets(const snnk_lstsq *lstsq) { return lstsq ? lstsq->targets : 0; }

uint64_t snnk_lstsq_rows(const snnk_lstsq *lstsq) { return lstsq ? lstsq->rows : 0; }

/* mean += share (other - mean); the same rule for a block and for a whole object, so that equal
 * means stay exactly equal. */
static void move_mean(size_t n, double share, const double *other, double *mean) {
    for (size_t j = 0; j < n; j++) mean[j] += share * (other[j] - mean[j]);
}

/* Chan, Golub & LeVeque 1979, eq. 2.1: with a and b rows and delta = mean_b - mean_a,
 *     S = S_a + S_b + a b / (a + b) delta delta^T. */
int snnk_lstsq_merge(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(other, "other")) != SNNK_OK) return st;

    const size_t m = lstsq->features, t = lstsq->targets;

    if (other->features != m || other->targets != t)
        return snnk__fail(SNNK_E_SHAPE, "other has %zu features and %zu targets, lstsq %zu and %zu",
                          other->features, other->targets, m, t);
    if (other->rows > UINT64_MAX - lstsq->rows)
        return snnk__fail(SNNK_E_SIZE, "%llu and %llu rows are more than a count can hold",
                          (unsigned long long)lstsq->rows, (unsigned long long)other->rows);
    if (other->rows == 0) return SNNK_OK;

    const double a = (double)lstsq->rows, b = (double)other->rows;
    const double weight = a / (a + b) * b;

    for (size_t i = 0; i < m; i++) {
        const double delta = other->mean_phi[i] - lstsq->mean_phi[i];

        for (size_t j = 0; j <= i; j++)
            lstsq->S[i * m + j] +=
                other->S[i * m + j] + weight * delta * (other->mean_phi[j] - lstsq->mean_phi[j]);
    }
    for (size_t k = 0; k < t; k++) {
        const double delta = other->mean_y[k] - lstsq->mean_y[k];

        for (size_t j = 0; j < m; j++)
            lstsq->C[k * m + j] +=
                other->C[k * m + j] + weight * delta * (other->mean_phi[j] - lstsq->mean_phi[j]);
        lstsq->yy[k] += other->yy[k] + weight * delta * delta;
    }
    move_mean(m, b / (a + b), other->mean_phi, lstsq->mean_phi);
    move_mean(t, b / (a + b), other->mean_y, lstsq->mean_y);
    lstsq->rows += other->rows;
    lstsq->fast |= other->fast;
    return SNNK_OK;
}
