#include "map/atoms.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/size.h"

static const double half_pi = 1.570796326794896619231;

static double theta_of(const snnk_urf_config *config) {
    switch ((snnk_urf_form)config->form) {
    case SNNK_URF_POSITIVE: return 0;
    case SNNK_URF_TRIGONOMETRIC: return half_pi;
    case SNNK_URF_COMPLEX: break;
    }
    return config->angle;
}

/* Any angle within 1e-4 of pi/2 counts as trigonometric, so it has the same number of features. */
void snnk__urf_atoms_set_angle(snnk__urf_atoms *atoms, double theta) {
    atoms->theta = theta;
    atoms->form = theta == 0       ? SNNK_URF_POSITIVE
                  : theta > 1.5707 ? SNNK_URF_TRIGONOMETRIC
                                   : SNNK_URF_COMPLEX;
    atoms->turn = theta == 0 ? 1 : theta >= half_pi ? I : cos(theta) + I * sin(theta);
}

/* s of one atom, such that |s x~| = |kappa w~/s|. If one side never varied, its norm is taken as a
 * thousandth of the other's: the other side's noise then nearly vanishes, and nothing overflows if
 * the first side does vary later. */
static double balanced_scale(const snnk_urf_config *config, double complex kappa) {
    const double x = config->input_norm, w = config->weight_norm;
    double ratio = x > 0 ? w / x : 1e3;

    if (config->scale > 0) return config->scale;
    if (w == 0) ratio = x > 0 ? 1e-3 : 1;
    return fmin(fmax(sqrt(cabs(kappa) * ratio), 1e-12), 1e12);
}

/* The pair used as typical: with the configured norms, at a right angle. */
static snnk__urf_products typical(const snnk_urf_config *config) {
    return (snnk__urf_products){config->input_norm * config->input_norm,
                                config->weight_norm * config->weight_norm, 0};
}

snnk__urf_pairing snnk__urf_atom_pairing(const snnk__urf_atoms *atoms, size_t k) {
    const snnk__urf_atom *a = &atoms->atom[k];

    return snnk__urf_pair(a->kappa, a->s, atoms->turn, a->A, atoms->hyperbolic);
}

static void set_atom(const snnk_urf_config *config, const snnk__urf_atoms *atoms, size_t d,
                     snnk__urf_atom *a) {
    const snnk__urf_products p = typical(config);

    a->s = balanced_scale(config, a->kappa);
    const snnk__urf_pairing pairing = snnk__urf_pair(a->kappa, a->s, atoms->turn, 0, false);
    const double alpha = creal(pairing.alpha), beta = creal(pairing.beta);

    a->A = config->A == SNNK_A_OPTIMAL
               ? snnk__urf_optimal_A(alpha * alpha * p.xx + beta * beta * p.ww, d)
               : config->A;
    a->shift = creal(pairing.alpha * pairing.alpha) * p.xx / 2;
}

/* Logarithm of the standard deviation that one draw of atom k adds. If the atom oscillates, its
 * phase is taken as random. */
static double log_deviation(const snnk__urf_atoms *atoms, const snnk_urf_config *config, size_t d,
                            size_t k) {
    const snnk__urf_products p = typical(config);
    const snnk__urf_pairing pairing = snnk__urf_atom_pairing(atoms, k);
    const double logarithm = snnk__urf_log_absolute(&pairing, d, &p);
    const double excess = logarithm > 30 ? logarithm : log(fmax(expm1(logarithm), 1e-16));

    return log(cabs(atoms->atom[k].c)) + 0.5 * excess - 0.5 * log(2);
}

/* Logarithm of the share of atom k, before the shares are normalised. */
static double log_share(const snnk__urf_atoms *atoms, const snnk_urf_config *config, size_t d,
                        size_t k) {
    const snnk__urf_products p = typical(config);
    const snnk__urf_pairing pairing = snnk__urf_atom_pairing(atoms, k);
    const double amplitude = log(cabs(atoms->atom[k].c));

    switch ((snnk_urf_atoms)config->atoms) {
    case SNNK_URF_STRATIFIED: return log_deviation(atoms, config, d, k);
    case SNNK_URF_IMPORTANCE: return amplitude + 0.5 * snnk__urf_log_absolute(&pairing, d, &p);
    case SNNK_URF_AMPLITUDE: break;
    }
    return amplitude;
}

int snnk__urf_atoms_create(const snnk_spectrum *spectrum, const snnk_urf_config *config, size_t d,
                           const snnk_allocator *allocator, snnk__urf_atoms *atoms) {
    const size_t count = spectrum->count;
    double largest = -INFINITY, total = 0;
    int st;

    *atoms = (snnk__urf_atoms){.hyperbolic = config->hyperbolic != 0};
    snnk__urf_atoms_set_angle(atoms, theta_of(config));
    st = snnk__alloc(allocator, count, sizeof *atoms->atom, "atoms", &atoms->atom);
    if (st != SNNK_OK) return st;
    atoms->count = count;
    for (size_t k = 0; k < count; k++) {
        snnk__urf_atom *a = &atoms->atom[k];

        *a = (snnk__urf_atom){.kappa = spectrum->growth[k] + I * spectrum->omega[k],
                              .c = spectrum->re[k] + I * spectrum->im[k]};
        set_atom(config, atoms, d, a);
        a->share = log_share(atoms, config, d, k);
        largest = fmax(largest, a->share);
    }
    /* No share becomes 0, so that every drawn atom has a probability. 1e-30 of the largest share is
     * never drawn in practice. */
    for (size_t k = 0; k < count; k++)
        total += atoms->atom[k].share = fmax(exp(atoms->atom[k].share - largest), 1e-30);
    for (size_t k = 0; k < count; k++) atoms->atom[k].share /= total;
    return SNNK_OK;
}

void snnk__urf_atoms_free(const snnk_allocator *allocator, snnk__urf_atoms *atoms) {
    snnk__free(allocator, atoms->atom);
    *atoms = (snnk__urf_atoms){0};
}

double snnk__urf_atoms_spread(const snnk__urf_atoms *atoms, const snnk_urf_config *config,
                              size_t d) {
    double sum = 0;

    for (size_t k = 0; k < atoms->count; k++) sum += exp(log_deviation(atoms, config, d, k));
    return sum;
}

/* ---- Splitting rows ---- */

/* Order by falling share, then by frequency, so that the order is the same on every machine. */
static int by_share(const void *left, const void *right) {
    const snnk__urf_atom *a = left, *b = right;

    if (a->share != b->share) return a->share > b->share ? -1 : 1;
    return cimag(a->kappa) < cimag(b->kappa) ? -1 : cimag(a->kappa) > cimag(b->kappa);
}

/* Split `rows` >= count rows in proportion to the shares, at least one each: each further row goes
 * to the atom whose variance, share^2/rows, falls most. */
static void split_certain(snnk__urf_atom *atom, size_t count, size_t rows) {
    double total = 0;
    size_t left = rows;

    for (size_t k = 0; k < count; k++) total += atom[k].share;
    for (size_t k = 0; k < count; k++) {
        const double deserved = floor((double)(rows - count) * atom[k].share / total);

        atom[k].rows = 1;
        if (deserved >= 2) atom[k].rows = (uint64_t)deserved; /* never more than its proportion */
        left -= snnk__min_size(left, (size_t)atom[k].rows);
    }
    for (; left > 0 && count > 0; left--) {
        size_t best = 0;
        double most = -1;

        for (size_t k = 0; k < count; k++) {
            const double n = (double)atom[k].rows;
            const double gain = atom[k].share * atom[k].share / (n * (n + 1));

            if (gain > most) {
                most = gain;
                best = k;
            }
        }
        atom[best].rows++;
    }
}

void snnk__urf_atoms_split(snnk__urf_atoms *atoms, int32_t how, size_t rows) {
    size_t certain = 0;
    double tail = 0;

    if (atoms->count > 0) qsort(atoms->atom, atoms->count, sizeof *atoms->atom, by_share);
    if (how == SNNK_URF_STRATIFIED)
        while (certain < atoms->count && (double)rows * atoms->atom[certain].share >= 1) certain++;
    for (size_t k = certain; k < atoms->count; k++) tail += atoms->atom[k].share;

    size_t drawn = (size_t)fmax(1, round((double)rows * tail));
    if (certain == atoms->count) drawn = 0;
    drawn = snnk__min_size(drawn, rows);
    while (rows - drawn < certain) tail += atoms->atom[--certain].share;
    if (certain == 0) drawn = atoms->count > 0 ? rows : 0;
    atoms->drawn_rows = drawn;
    split_certain(atoms->atom, certain, rows - drawn);
    for (size_t k = 0; k < atoms->count; k++) {
        if (k >= certain) atoms->atom[k].rows = 0;
        atoms->atom[k].probability = k >= certain ? atoms->atom[k].share / tail : 0;
    }
}

void snnk__urf_atoms_assign(const snnk__urf_atoms *atoms, uint64_t seed, size_t rows,
                            uint32_t *row_atom) {
    size_t j = 0;

    for (size_t k = 0; k < atoms->count; k++)
        for (uint64_t i = 0; i < atoms->atom[k].rows; i++) row_atom[j++] = (uint32_t)k;
    for (; j < rows; j++) {
        double u, sum = 0;
        size_t last = 0;

        snnk__random_uniform(seed, SNNK__STREAM_ATOM, j, 0, 1, &u);
        for (size_t k = 0; k < atoms->count && sum <= u; k++) {
            if (atoms->atom[k].probability == 0) continue;
            sum += atoms->atom[k].probability;
            last = k;
        }
        row_atom[j] = (uint32_t)last;
    }
}

/* ---- Error ---- */

void snnk__urf_atoms_error(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                           double offset, double *value, double *variance) {
    double drawn_mean = 0, drawn_square = 0;

    *value = 0;
    *variance = 0;
    for (size_t k = 0; k < atoms->count; k++) {
        const snnk__urf_atom *a = &atoms->atom[k];
        const snnk__urf_pairing pairing = snnk__urf_atom_pairing(atoms, k);
        const double complex c = a->c * cexp(a->kappa * offset);
        const double mean = creal(c * cexp(a->kappa * p->xw));

        *value += mean;
        if (a->rows > 0) {
            *variance += snnk__urf_variance(&pairing, d, p, c) / (double)a->rows;
            continue;
        }
        drawn_mean += mean;
        drawn_square += snnk__urf_square(&pairing, d, p, c) / a->probability;
    }
    if (atoms->drawn_rows > 0)
        *variance += snnk__urf_spread(drawn_square, drawn_mean) / (double)atoms->drawn_rows;
}

double snnk__urf_atoms_fourth(const snnk__urf_atoms *atoms, size_t d, const snnk__urf_products *p,
                              double offset) {
    double sum = 0, drawn[5] = {1};

    for (size_t k = 0; k < atoms->count; k++) {
        const snnk__urf_atom *a = &atoms->atom[k];
        const snnk__urf_pairing pairing = snnk__urf_atom_pairing(atoms, k);
        const double complex c = a->c * cexp(a->kappa * offset);
        double moment[5] = {1};

        for (int order = 1; order <= 4; order++)
            moment[order] = snnk__urf_moment(&pairing, d, p, c, order);
        if (a->rows > 0)
            sum += snnk__fourth_cumulant(moment) / pow((double)a->rows, 3);
        else
            for (int order = 1; order <= 4; order++)
                drawn[order] += moment[order] / pow(a->probability, order - 1);
    }
    if (atoms->drawn_rows > 0)
        sum += snnk__fourth_cumulant(drawn) / pow((double)atoms->drawn_rows, 3);
    return isnan(sum) ? INFINITY : sum;
}
