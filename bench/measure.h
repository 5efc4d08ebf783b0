/* Shared by the benchmarks: a clock, samples, and the limits of the machine. */
#ifndef SNNK_BENCH_MEASURE_H
#define SNNK_BENCH_MEASURE_H

#include <stddef.h>

/* The time in seconds. */
double measure_now(void);

/* The time in seconds that this thread has run on a processor. Other programs on a shared machine
 * do not count. */
double measure_thread_now(void);

/* Allocate count floats on a cache line, uniform in -0.5 ... 0.5. Exits if there is no memory. */
float *measure_floats(size_t count);

/* Sort samples. Then samples[0] is the minimum and samples[count / 2] the median. */
void measure_sort(double *samples, size_t count);

/* Seconds of one call of run(context): the mean over a burst of calls that takes at least
 * `seconds`, after one call to warm up. */
double measure_call(void (*run)(void *), void *context, double seconds);

/* ---- Limits of one core ---- */

/* The rate of multiply-adds in single precision, in flops a second (two for each multiply-add). */
double measure_peak(void);

/* The same in double precision. */
double measure_peak_double(void);

/* Bytes a second when `bytes` are read, or written, repeatedly. The best of a few milliseconds. */
double measure_read_rate(const float *buffer, size_t bytes);
double measure_write_rate(float *buffer, size_t bytes);

#endif
