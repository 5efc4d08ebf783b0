/* Shared by the benchmarks: a clock, samples, and the limits of the machine. */
#ifndef SNNK_BENCH_MEASURE_H
#define SNNK_BENCH_MEASURE_H

#include <stddef.h>

/* The time in seconds. */
double measure_now(void);

/* The time in seconds that this thread has run on a processor. Other programs on a shared machine
 * do not count, nor threads that a library starts. */
double measure_thread_now(void);

/* Allocate count floats on a cache line, uniform in -0.5 ... 0.5. Exits if there is no memory. */
float *measure_floats(size_t count);

/* Sort samples. Then samples[0] is the minimum and samples[count / 2] the median. */
void measure_sort(double *samples, size_t count);

/* Seconds of one call of run(context): the mean over a burst of calls that takes at least
 * `seconds`, after one call to warm up. */
double measure_call(void (*run)(void *), void *context, double seconds);

/* The two parts of measure_call, with a clock. measure_count: how many calls take at least
 * `seconds`. measure_sample: the mean time of so many calls, after one call to warm up. */
typedef double (*measure_clock)(void);
size_t measure_count(void (*run)(void *), void *context, double seconds, measure_clock clock);
double measure_sample(void (*run)(void *), void *context, size_t calls, measure_clock clock);

/* ---- Limits of one core, by the processor time of the thread ---- */

/* The rate of multiply-adds in single precision, in flops a second (two for each multiply-add). */
double measure_peak(void);

/* The same from 50 microseconds: what the core reaches right now. After code without vectors a core
 * needs up to 100 microseconds to reach its rate, so the first result may be too low. */
double measure_peak_now(void);

/* The same in double precision. */
double measure_peak_double(void);

/* Bytes a second when `bytes` are read, or written, repeatedly. The best of a few milliseconds. */
double measure_read_rate(const float *buffer, size_t bytes);
double measure_write_rate(float *buffer, size_t bytes);

#endif
