#define _POSIX_C_SOURCE 200809L
#include "measure.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double measure_now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double measure_thread_now(void) {
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

float *measure_floats(size_t count) {
    float *values = aligned_alloc(64, (count * sizeof *values + 63) / 64 * 64);
    uint32_t state = 1;

    if (!values) {
        fprintf(stderr, "out of memory for %zu floats\n", count);
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (float)(state >> 8) * 0x1p-24f - 0.5f;
    }
    return values;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

void measure_sort(double *samples, size_t count) {
    qsort(samples, count, sizeof *samples, by_value);
}

size_t measure_count(void (*run)(void *), void *context, double seconds, measure_clock clock) {
    size_t calls = 1;

    run(context);
    for (;;) {
        const double start = clock();

        for (size_t i = 0; i < calls; i++) run(context);
        const double taken = clock() - start;
        if (taken >= seconds) return calls;
        calls =
            taken * 10 < seconds ? calls * 8 : (size_t)(1.2 * seconds / taken * (double)calls) + 1;
    }
}

double measure_sample(void (*run)(void *), void *context, size_t calls, measure_clock clock) {
    run(context); /* warm up: another program may have filled the caches */
    const double start = clock();

    for (size_t i = 0; i < calls; i++) run(context);
    return (clock() - start) / (double)calls;
}

double measure_call(void (*run)(void *), void *context, double seconds) {
    size_t calls = 1;

    run(context); /* warm up: another program may have filled the caches */
    for (;;) {
        const double start = measure_now();

        for (size_t i = 0; i < calls; i++) run(context);
        const double taken = measure_now() - start;
        if (taken >= seconds) return taken / (double)calls;
        calls =
            taken * 10 < seconds ? calls * 8 : (size_t)(1.2 * seconds / taken * (double)calls) + 1;
    }
}

/* ---- Limits; this file is compiled for this machine ---- */

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)") for
#else
#define UNROLLED _Pragma("GCC unroll 16") for
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));

enum { SUMS = 12 };

/* `steps` multiply-adds of each sum: flops a second. All numbers stay between 0 and 10: subnormal
 * ones, which registers may hold before, cost a hundred times as much. */
static double peak_rate(int steps) {
    volatile float seed = 1e-3f;
    vector s[SUMS];
    const vector a = (vector){0} + (0.9999f + 0 * seed), b = (vector){0} + seed;

    for (int i = 0; i < SUMS; i++) s[i] = b * (float)(i + 1);
    const double start = measure_thread_now();

    for (int step = 0; step < steps; step++) {
        UNROLLED (int i = 0; i < SUMS; i++) s[i] = s[i] * a + b; /* contracted: one instruction */
    }
    for (int i = 0; i < SUMS; i++) __asm__ volatile("" : "+m"(s[i])); /* done before the clock */
    return 2.0 * LANES * SUMS * steps / (measure_thread_now() - start);
}

static double best_peak(int bursts, int steps) {
    double best = 0;

    for (int burst = 0; burst < bursts; burst++) {
        const double rate = peak_rate(steps);

        if (rate > best) best = rate;
    }
    return best;
}

double measure_peak_now(void) { return peak_rate(24000); }

double measure_peak(void) { return best_peak(30, 20000); }

double measure_peak_double(void) {
    enum { STEPS = 20000, ROUNDS = 30 };
    typedef double doubles __attribute__((vector_size(4 * LANES)));
    volatile double seed = 1e-3;
    doubles s[SUMS];
    const doubles a = (doubles){0} + (0.9999 + 0 * seed), b = (doubles){0} + seed;
    double best = 0, sum = 0;

    for (int i = 0; i < SUMS; i++) s[i] = b * (double)i;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = measure_now();

        for (int step = 0; step < STEPS; step++) {
            UNROLLED (int i = 0; i < SUMS; i++)
                s[i] = s[i] * a + b; /* contracted: one instruction */
        }
        const double rate = 1.0 * LANES * SUMS * STEPS / (measure_now() - start);
        if (rate > best) best = rate;
    }
    for (int i = 0; i < SUMS; i++) sum += s[i][0];
    seed = sum;
    return best;
}

double measure_read_rate(const float *buffer, size_t bytes) {
    const size_t count = bytes / sizeof(vector) / 8 * 8,
                 passes = 1 + ((size_t)1 << 22) / (bytes + 1);
    const vector *at = (const vector *)(const void *)buffer;
    double best = 0;

    if (count == 0) return 0;
    for (int round = 0; round < 15; round++) {
        vector sum[8] = {{0}};
        const double start = measure_thread_now();

        for (size_t pass = 0; pass < passes; pass++) {
            for (size_t i = 0; i < count; i += 8) {
                UNROLLED (int j = 0; j < 8; j++) sum[j] += at[i + (size_t)j];
            }
            __asm__ volatile("" ::: "memory");
        }
        const double rate =
            (double)(count * sizeof(vector) * passes) / (measure_thread_now() - start);
        for (int j = 0; j < 8; j++) __asm__ volatile("" : : "m"(sum[j])); /* used */
        if (rate > best) best = rate;
    }
    return best;
}

double measure_write_rate(float *buffer, size_t bytes) {
    const size_t count = bytes / sizeof(vector), passes = 1 + ((size_t)1 << 22) / (bytes + 1);
    vector *at = (vector *)(void *)buffer;
    double best = 0;

    if (count == 0) return 0;
    for (int round = 0; round < 15; round++) {
        const double start = measure_thread_now();

        for (size_t pass = 0; pass < passes; pass++) {
            for (size_t i = 0; i < count; i++) at[i] = (vector){0} + (float)pass;
            __asm__ volatile("" ::: "memory");
        }
        const double rate =
            (double)(count * sizeof(vector) * passes) / (measure_thread_now() - start);
        if (rate > best) best = rate;
    }
    return best;
}
