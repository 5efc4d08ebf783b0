#include "solve/lstsq.h"

#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"
#include "solve/qr.h"

/* The moments have m^2 numbers; BLAS may count them in its integers. */
#define MAX_FEATURES 46340

int snnk__check_width(size_t width, const char *name) {
    if (width == 0) return snnk__fail(SNNK_E_SHAPE, "%s = 0: at least 1 is needed", name);
    if (width > INT32_MAX) /* the integers of CBLAS and LAPACKE have at least 32 bits */
        return snnk__fail(SNNK_E_SIZE, "%s = %zu is above %ld, the largest BLAS integer", name,
                          width, (long)INT32_MAX);
    return SNNK_OK;
}

/* Set *panels to room for `columns` columns of a block, in either precision, filled with zeros. */
static int allocate_panels(const snnk_lstsq *lstsq, size_t columns, const char *what,
                           char **panels) {
    const size_t together = snnk__moments_columns(lstsq->features);
    const size_t count = (columns - 1) / together + 1;

    return snnk__alloc_zero(&lstsq->allocator, count,
                            SNNK__PANEL_STRIDE * together * sizeof(double), what, panels);
}

/* Set *pointer to rows x columns doubles, filled with zeros. */
static int allocate(const snnk_lstsq *lstsq, size_t rows, size_t columns, const char *what,
                    double **pointer) {
    size_t count;

    if (!snnk__mul_size(rows, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%s: %zu x %zu overflows size_t", what, rows, columns);
    return snnk__alloc_zero(&lstsq->allocator, count, sizeof(double), what, pointer);
}

/* Allocate everything whose size depends on the targets, filled with zeros. After a failure the
 * caller frees what was allocated. */
static int allocate_targets(snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;
    int st;

    if ((st = allocate_panels(lstsq, t, "a target block", &lstsq->y_panels)) != SNNK_OK) return st;
    st = snnk__alloc(&lstsq->allocator, t, SNNK__LSTSQ_BLOCK_ROWS * sizeof(float), "label rows",
                     &lstsq->label_rows);
    if (st != SNNK_OK) return st;
    if ((st = allocate(lstsq, t, m, "cross moments", &lstsq->C)) != SNNK_OK) return st;
    if ((st = allocate(lstsq, 1, t, "target means", &lstsq->mean_y)) != SNNK_OK) return st;
    if ((st = allocate(lstsq, 1, t, "target moments", &lstsq->yy)) != SNNK_OK) return st;
    if ((st = allocate(lstsq, 1, t, "target bounds", &lstsq->max_y)) != SNNK_OK) return st;
    return allocate(lstsq, 1, t, "block means", &lstsq->block_y);
}

static void free_targets(const snnk_lstsq *lstsq) {
    void *const arrays[] = {lstsq->mean_y,   lstsq->C,          lstsq->yy,     lstsq->max_y,
                            lstsq->y_panels, lstsq->label_rows, lstsq->block_y};

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        snnk__free(&lstsq->allocator, arrays[i]);
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
    if ((st = snnk__check_width(m, "features")) != SNNK_OK) return st;
    if ((st = snnk__check_width(t, "targets")) != SNNK_OK) return st;
    if (m > MAX_FEATURES)
        return snnk__fail(SNNK_E_SIZE,
                          "features = %zu: their moments would have more numbers than a BLAS "
                          "integer counts and take %.3g GB; use at most %d features",
                          m, 8e-9 * (double)m * (double)m, MAX_FEATURES);

    st = snnk__alloc_zero(&memory, 1, sizeof *made, "least-squares statistics", &made);
    if (st != SNNK_OK) goto done;
    made->allocator = memory;
    made->features = m;
    made->targets = t;
    /* The largest first, so that a size that cannot fit is refused before any memory is written. */
    if ((st = allocate(made, m, m, "feature moments", &made->S)) != SNNK_OK) goto done;
    st = allocate_panels(made, m, "a feature block", &made->phi_panels);
    if (st != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "feature means", &made->mean_phi)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "block means", &made->block_phi)) != SNNK_OK) goto done;
    if ((st = allocate(made, 1, m, "feature bounds", &made->max_phi)) != SNNK_OK) goto done;
    if ((st = allocate_targets(made)) != SNNK_OK) goto done;
    *lstsq = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    return st;
}

void snnk_lstsq_free(snnk_lstsq *lstsq) {
    if (!lstsq) return;

    const snnk_allocator memory = lstsq->allocator;
    void *const arrays[] = {lstsq->mean_phi, lstsq->S, lstsq->phi_panels, lstsq->block_phi,
                            lstsq->max_phi};

    free_targets(lstsq);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) snnk__free(&memory, arrays[i]);
    snnk__qr_free(&memory, lstsq->qr);
    snnk__free(&memory, lstsq);
}

int snnk_lstsq_set_precision(snnk_lstsq *lstsq, int32_t precision) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    st = snnk__check_enum(precision, SNNK_PRECISION_SINGLE + 1, "precision");
    if (st != SNNK_OK) return st;
    lstsq->precision = precision;
    return SNNK_OK;
}

int snnk_lstsq_set_factorization(snnk_lstsq *lstsq, int32_t factorization) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(factorization, SNNK_FACTORIZATION_AUTO + 1, "factorization")) !=
        SNNK_OK)
        return st;
    if (lstsq->rows > 0)
        return snnk__fail(SNNK_E_STATE,
                          "%llu rows were added already: choose the factorization before the first",
                          (unsigned long long)lstsq->rows);
    if (factorization != SNNK_FACTORIZATION_GRAM && !lstsq->qr) {
        st = snnk__qr_create(&lstsq->allocator, lstsq->features, lstsq->targets, &lstsq->qr);
        if (st != SNNK_OK) return st;
    }
    if (factorization == SNNK_FACTORIZATION_GRAM) {
        snnk__qr_free(&lstsq->allocator, lstsq->qr);
        lstsq->qr = NULL;
    }
    lstsq->factorization = factorization;
    lstsq->automatic = factorization == SNNK_FACTORIZATION_AUTO;
    return SNNK_OK;
}

size_t snnk_lstsq_features(const snnk_lstsq *lstsq) { return lstsq ? lstsq->features : 0; }

size_t snnk_lstsq_targets(const snnk_lstsq *lstsq) { return lstsq ? lstsq->targets : 0; }

uint64_t snnk_lstsq_rows(const snnk_lstsq *lstsq) { return lstsq ? lstsq->rows : 0; }

double snnk_lstsq_weight(const snnk_lstsq *lstsq) { return lstsq ? lstsq->weight : 0; }

int32_t snnk_lstsq_precision(const snnk_lstsq *lstsq) {
    return lstsq ? lstsq->precision : SNNK_PRECISION_DOUBLE;
}

int32_t snnk_lstsq_factorization(const snnk_lstsq *lstsq) {
    return lstsq ? lstsq->factorization : SNNK_FACTORIZATION_GRAM;
}

const char *snnk_precision_name(int32_t value) {
    static const char *const names[] = {
        [SNNK_PRECISION_DOUBLE] = "double", [SNNK_PRECISION_SINGLE] = "single"};

    return value >= 0 && value <= SNNK_PRECISION_SINGLE ? names[value] : NULL;
}

const char *snnk_factorization_name(int32_t value) {
    static const char *const names[] = {[SNNK_FACTORIZATION_GRAM] = "gram",
                                        [SNNK_FACTORIZATION_QR] = "qr",
                                        [SNNK_FACTORIZATION_AUTO] = "auto"};

    return value >= 0 && value <= SNNK_FACTORIZATION_AUTO ? names[value] : NULL;
}

/* ---- Whole statistics ---- */

/* Copy everything except scratch. Both have the same shape. */
static void copy_state(const snnk_lstsq *from, snnk_lstsq *to) {
    const size_t m = from->features, t = from->targets;

    to->rows = from->rows;
    to->weight = from->weight;
    memcpy(to->mean_phi, from->mean_phi, m * sizeof(double));
    memcpy(to->mean_y, from->mean_y, t * sizeof(double));
    for (size_t i = 0; i < m; i++) memcpy(to->S + i * m, from->S + i * m, (i + 1) * sizeof(double));
    memcpy(to->C, from->C, t * m * sizeof(double));
    memcpy(to->yy, from->yy, t * sizeof(double));
    to->factorization = from->factorization;
    to->automatic = from->automatic;
    to->precision = from->precision;
    to->single = from->single;
    to->max_rows = from->max_rows;
    to->max_weight = from->max_weight;
    memcpy(to->max_phi, from->max_phi, m * sizeof(double));
    memcpy(to->max_y, from->max_y, t * sizeof(double));
}

int snnk__lstsq_clone(const snnk_lstsq *lstsq, const snnk_allocator *allocator, snnk_lstsq **copy) {
    snnk_lstsq *made = NULL;
    int st;

    *copy = NULL;
    st = snnk_lstsq_create(lstsq->features, lstsq->targets, allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = snnk_lstsq_set_factorization(made, lstsq->factorization)) != SNNK_OK) goto done;
    copy_state(lstsq, made);
    *copy = made;
    made = NULL;
done:
    snnk_lstsq_free(made);
    return st;
}

void snnk__lstsq_clear(snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets;

    lstsq->rows = lstsq->max_rows = 0;
    lstsq->weight = lstsq->max_weight = 0;
    lstsq->single = false;
    memset(lstsq->mean_phi, 0, m * sizeof(double));
    memset(lstsq->mean_y, 0, t * sizeof(double));
    memset(lstsq->S, 0, m * m * sizeof(double));
    memset(lstsq->C, 0, t * m * sizeof(double));
    memset(lstsq->yy, 0, t * sizeof(double));
    memset(lstsq->max_phi, 0, m * sizeof(double));
    memset(lstsq->max_y, 0, t * sizeof(double));
}

/* Swap everything whose size depends on the targets. */
static void swap_targets(snnk_lstsq *a, snnk_lstsq *b) {
    const snnk_lstsq of_a = *a;

    a->targets = b->targets, b->targets = of_a.targets;
    a->mean_y = b->mean_y, b->mean_y = of_a.mean_y;
    a->C = b->C, b->C = of_a.C;
    a->yy = b->yy, b->yy = of_a.yy;
    a->max_y = b->max_y, b->max_y = of_a.max_y;
    a->y_panels = b->y_panels, b->y_panels = of_a.y_panels;
    a->label_rows = b->label_rows, b->label_rows = of_a.label_rows;
    a->block_y = b->block_y, b->block_y = of_a.block_y;
    a->qr = b->qr, b->qr = of_a.qr;
}

int snnk_lstsq_add_targets(snnk_lstsq *lstsq, size_t count) {
    snnk_lstsq grown;
    size_t targets;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if (count == 0) return snnk__fail(SNNK_E_SHAPE, "count = 0: at least 1 is needed");
    if (!snnk__add_size(lstsq->targets, count, &targets))
        return snnk__fail(SNNK_E_SIZE, "%zu + %zu targets overflow size_t", lstsq->targets, count);
    if ((st = snnk__check_width(targets, "targets")) != SNNK_OK) return st;

    const size_t m = lstsq->features, t = lstsq->targets;

    grown = (snnk_lstsq){.allocator = lstsq->allocator, .features = m, .targets = targets};
    if ((st = allocate_targets(&grown)) != SNNK_OK) goto done;
    if (lstsq->qr) {
        st = snnk__qr_create(&grown.allocator, m, targets, &grown.qr);
        if (st != SNNK_OK) goto done;
    }
    memcpy(grown.mean_y, lstsq->mean_y, t * sizeof(double));
    memcpy(grown.C, lstsq->C, t * m * sizeof(double));
    memcpy(grown.yy, lstsq->yy, t * sizeof(double));
    memcpy(grown.max_y, lstsq->max_y, t * sizeof(double));
    swap_targets(lstsq, &grown);
done:
    free_targets(&grown);
    snnk__qr_free(&grown.allocator, grown.qr);
    return st;
}

/* ---- Merging ---- */

/* Chan, Golub & LeVeque 1979, eq. 2.1: with weights a and b, and delta = mean_b - mean_a,
 *     S = S_a + S_b + a b / (a + b) delta delta^T. */
static void merge_moments(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double a = lstsq->weight, b = other->weight;
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
}

/* The parts of a merge that GRAM and QR share. */
static void merge_counts(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double a = lstsq->weight, b = other->weight;

    snnk__move_mean(m, b / (a + b), other->mean_phi, lstsq->mean_phi);
    snnk__move_mean(t, b / (a + b), other->mean_y, lstsq->mean_y);
    lstsq->rows += other->rows;
    lstsq->weight += b;
    lstsq->single |= other->single;
    if (other->max_rows > lstsq->max_rows) lstsq->max_rows = other->max_rows;
    lstsq->max_weight += other->max_weight;
    for (size_t j = 0; j < m; j++) lstsq->max_phi[j] += other->max_phi[j];
    for (size_t k = 0; k < t; k++) lstsq->max_y[k] += other->max_y[k];
}

static int check_merge(const snnk_lstsq *lstsq, const snnk_lstsq *other) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(other, "other")) != SNNK_OK) return st;
    if (other->features != lstsq->features || other->targets != lstsq->targets)
        return snnk__fail(SNNK_E_SHAPE,
                          "other has %zu features and %zu targets, but lstsq has %zu and %zu",
                          other->features, other->targets, lstsq->features, lstsq->targets);
    if (other->rows > UINT64_MAX - lstsq->rows)
        return snnk__fail(SNNK_E_SIZE, "%llu + %llu rows overflow the 64-bit row count",
                          (unsigned long long)lstsq->rows, (unsigned long long)other->rows);
    if (lstsq->factorization == SNNK_FACTORIZATION_QR && !lstsq->automatic &&
        other->factorization == SNNK_FACTORIZATION_GRAM && other->rows > 0)
        return snnk__fail(SNNK_E_UNSUPPORTED, "other holds moments, which cannot be turned into a "
                                              "QR factor; merge lstsq into other instead");
    return SNNK_OK;
}

/* Add a factor to moments, by the moments of the factor. */
static int merge_factor_into_moments(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    snnk_lstsq *moments;
    int st;

    if ((st = snnk__lstsq_clone(other, &lstsq->allocator, &moments)) != SNNK_OK) return st;
    (void)snnk__qr_to_gram(moments, NULL);
    merge_moments(lstsq, moments);
    snnk_lstsq_free(moments);
    return SNNK_OK;
}

int snnk_lstsq_merge(snnk_lstsq *lstsq, const snnk_lstsq *other) {
    int st;

    if ((st = check_merge(lstsq, other)) != SNNK_OK) return st;
    if (other->rows == 0) return SNNK_OK;

    const bool of_moments = other->factorization == SNNK_FACTORIZATION_GRAM;

    /* Even if AUTO had chosen QR, so that parts can be merged in any order. */
    if (of_moments && lstsq->factorization != SNNK_FACTORIZATION_GRAM)
        (void)snnk__qr_to_gram(lstsq, NULL);
    if (of_moments)
        merge_moments(lstsq, other);
    else if (lstsq->factorization != SNNK_FACTORIZATION_GRAM)
        snnk__qr_merge(lstsq, other);
    else if ((st = merge_factor_into_moments(lstsq, other)) != SNNK_OK)
        return st;
    merge_counts(lstsq, other);
    (void)snnk__qr_decide(lstsq, NULL);
    return SNNK_OK;
}
