#include "fit/readout.h"

#include "layer/layer.h"
#include "solve/lstsq.h"
#include "solve/statistics.h"

int snnk__layer_of_solution(const snnk_map *map, size_t outputs, const double *B, const double *b,
                            snnk_layer **layer) {
    const snnk_allocator *allocator = &map->allocator;
    const size_t m = map->features, l = outputs;
    float *Psi = NULL;
    int st;

    *layer = NULL;
    if ((st = snnk__alloc(allocator, l, m * sizeof *Psi, "Psi", &Psi)) != SNNK_OK) return st;
    for (size_t i = 0; i < l * m; i++) Psi[i] = (float)B[i];
    st = snnk__layer_create(map, l, Psi, m, (snnk__numbers){.f64 = b}, layer);
    snnk__free(allocator, Psi);
    return st;
}

void snnk__settle_intercepts(size_t features, size_t outputs, const double *mean_phi,
                             const double *B, double *b) {
    for (size_t k = 0; k < outputs; k++)
        for (size_t j = 0; j < features; j++) {
            const double value = B[k * features + j], rounding = value - (double)(float)value;

            b[k] += rounding * mean_phi[j];
        }
}

int snnk_layer_create_from_lstsq(const snnk_map *map, snnk_lstsq *lstsq,
                                 const snnk_solve_config *config, snnk_workspace *workspace,
                                 snnk_solve_report *report, snnk_layer **layer) {
    double *B = NULL, *b = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    const size_t m = map->features, l = snnk_lstsq_targets(lstsq);
    const snnk_allocator *allocator = &map->allocator;
    if (snnk_lstsq_features(lstsq) != m)
        return snnk__fail(SNNK_E_SHAPE, "the map has %zu features, but the statistics have %zu", m,
                          snnk_lstsq_features(lstsq));
    if ((st = snnk__alloc(allocator, l, m * sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *b, "a bias", &b)) != SNNK_OK) goto done;
    if ((st = snnk_lstsq_solve(lstsq, config, workspace, B, m, b, report)) != SNNK_OK) goto done;
    if (!config || config->intercept) snnk__settle_intercepts(m, l, lstsq->mean_phi, B, b);
    st = snnk__layer_of_solution(map, l, B, b, layer);
done:
    snnk__free(allocator, b);
    snnk__free(allocator, B);
    return st;
}
