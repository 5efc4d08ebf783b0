/* What a compression did. */
#include "distill/compress.h"

/* Version 0.1 knew all of today's fields. */
#define PART_MINIMUM   sizeof(snnk_compress_part)
#define REPORT_MINIMUM sizeof(snnk_compress_report)

static const snnk_compress_part no_part = {.size = sizeof(snnk_compress_part)};
static const snnk_compress_report no_report = {.size = sizeof(snnk_compress_report)};

int snnk_compress_part_init(snnk_compress_part *part, size_t part_size) {
    return snnk__config_init(part, part_size, &no_part, sizeof no_part, PART_MINIMUM,
                             "compress part");
}

int snnk_compress_report_init(snnk_compress_report *report, size_t report_size) {
    return snnk__config_init(report, report_size, &no_report, sizeof no_report, REPORT_MINIMUM,
                             "compress report");
}

void snnk_compression_free(snnk_compression *compression) {
    if (!compression) return;

    const snnk_allocator allocator = compression->allocator;

    for (size_t k = 0; k < compression->n_parts; k++)
        snnk_network_free(compression->parts[k].original);
    snnk__free(&allocator, compression->parts);
    snnk__free(&allocator, compression);
}

size_t snnk_compression_parts(const snnk_compression *compression) {
    return compression ? compression->n_parts : 0;
}

int snnk_compression_report(const snnk_compression *compression, snnk_compress_report *report) {
    int st;

    if ((st = snnk__check_pointer(compression, "compression")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(report, "report")) != SNNK_OK) return st;
    return snnk__config_write(report, &compression->report, sizeof compression->report,
                              REPORT_MINIMUM, "compress report");
}

static int find_part(const snnk_compression *compression, size_t index, const snnk__part **part) {
    int st;

    if ((st = snnk__check_pointer(compression, "compression")) != SNNK_OK) return st;
    if (index >= compression->n_parts)
        return snnk__fail(SNNK_E_RANGE, "part %zu is not in 0 ... %zu", index,
                          compression->n_parts - 1);
    *part = &compression->parts[index];
    return SNNK_OK;
}

int snnk_compression_part(const snnk_compression *compression, size_t index,
                          snnk_compress_part *part) {
    const snnk__part *from;
    int st;

    if ((st = snnk__check_pointer(part, "part")) != SNNK_OK) return st;
    if ((st = find_part(compression, index, &from)) != SNNK_OK) return st;

    const snnk_compress_part ours = {.first = from->first,
                                     .layers = from->layers,
                                     .features = from->features,
                                     .parameters_before = snnk_network_parameters(from->original),
                                     .parameters = from->parameters,
                                     .multiply_adds_before =
                                         snnk_network_multiply_adds(from->original),
                                     .multiply_adds = from->multiply_adds,
                                     .outcome = from->outcome};

    return snnk__config_write(part, &ours, sizeof ours, PART_MINIMUM, "compress part");
}

int snnk_compression_distilled(const snnk_compression *compression, size_t index,
                               snnk_distill_report *report) {
    const snnk__part *from;
    int st;

    if ((st = snnk__check_pointer(report, "report")) != SNNK_OK) return st;
    if ((st = find_part(compression, index, &from)) != SNNK_OK) return st;
    if (from->features == 0)
        return snnk__fail(SNNK_E_STATE, "part %zu was kept as it is: it has no student", index);
    return snnk__config_write(report, &from->report, sizeof from->report, sizeof from->report,
                              "distill report");
}
