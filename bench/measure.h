/* What the benches share: a clock, samples, and the machine's limits. */
#ifndef SNNK_BENCH_MEASURE_H
#define SNNK_BENCH_MEASURE_H

#include <stddef.h>

double measure_now(void); /* seconds */

/* Room for count floats, on a cache line, uniform in -0.5 ... 0.5. Exits if there is none. */
float *measure_floats(size_t count);

/* Sort samples; then samples[0] is the least and samples[count / 2] the median. */
void measure_sort(double *samples, size_t count);

/* Seconds of a call of run(context), in a burst of calls that takes `seconds` at least, after one that does not
 * count. */
double measure_call(void (*run)(void *), void *context, double seconds);

/* ---- Limits of one core ---- */

/* Multiply-adds in single precision, flops a second (two for each), over a few milliseconds. */
double measure_peak(void);

/* Bytes a second, reading `bytes` again and again, or writing them. Best of a few milliseconds. */
double measure_read_rate(const float *buffer, size_t bytes);
double measure_write_rate(float *buffer, size_t bytes);

#endif
