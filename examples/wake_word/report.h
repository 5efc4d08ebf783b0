/* Print the results, as tables or as one JSON object. */
#ifndef WAKE_WORD_REPORT_H
#define WAKE_WORD_REPORT_H

#include "measure.h"

enum { STORAGES = SNNK_STORAGE_INT8 + 1 };

typedef struct result {
    char name[32];
    const char *fitted_to; /* "" for the original */
    unsigned long long parameters;
    double seconds; /* to make it, with the threads of the findings; 0 if not measured */
    int tuned;      /* 1 if its parts were tuned together */
    int small;      /* 1 for the baseline of snnk_network_compress */
    struct {
        unsigned long long bytes;
        double microseconds;
        figures judged;
    } stored[STORAGES]; /* by snnk_storage */
    size_t n_students;
    snnk_distill_report students[2];
} result;

typedef struct findings {
    const char *model; /* the name of the original */
    size_t calibration_rows, test_rows;
    int32_t threads;
    double difference; /* largest |original's score - onnxruntime's score|, after the sigmoid */
    size_t n;
    result *results;
} findings;

void print_tables(const findings *of);
void print_json(const findings *of);

#endif
