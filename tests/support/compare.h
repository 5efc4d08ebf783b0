/* Comparisons that cmocka 1.1.5 lacks: doubles with a written tolerance, statuses with their
 * sentence. */
#ifndef SNNK_TESTS_COMPARE_H
#define SNNK_TESTS_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <snnk/snnk.h>

/* Fails unless |actual - expected| <= atol + rtol |expected|, or both are NaN, or both the same
 * infinity. */
#define assert_close(actual, expected, rtol, atol)                                                 \
    compare_close((actual), (expected), (rtol), (atol), #actual, __FILE__, __LINE__)

/* Fails unless expression, an int status, is `expected`; shows snnk_last_error() otherwise. */
#define assert_status(expression, expected)                                                        \
    compare_status((expression), (expected), #expression, __FILE__, __LINE__)

/* Fails unless expression is SNNK_OK and the call left this thread's error sentence unchanged. The
 * sentence belongs to the last failed call; failures that a call recovers from do not count. */
#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        char sentence_before_[COMPARE_SENTENCE];                                                   \
                                                                                                   \
        compare_remember(sentence_before_);                                                        \
        assert_status(expression, SNNK_OK);                                                        \
        compare_sentence(sentence_before_, #expression, __FILE__, __LINE__);                       \
    } while (0)

/* Fails unless this thread's error sentence contains `part`. */
#define assert_says(part) compare_says((part), __FILE__, __LINE__)

enum { COMPARE_SENTENCE = 512 };

static inline void compare_remember(char *sentence) {
    snprintf(sentence, COMPARE_SENTENCE, "%s", snnk_last_error());
}

static inline void compare_sentence(const char *before, const char *text, const char *file,
                                    int line) {
    if (strcmp(before, snnk_last_error()) == 0) return;
    fprintf(stderr, "%s succeeded, and yet the error sentence became \"%s\"\n", text,
            snnk_last_error());
    _fail(file, line);
}

static inline void compare_close(double actual, double expected, double rtol, double atol,
                                 const char *text, const char *file, int line) {
    if (isnan(actual) && isnan(expected)) return;
    if (actual == expected) return;
    if (fabs(actual - expected) <= atol + rtol * fabs(expected)) return;
    fprintf(stderr, "%s = %.17g, expected %.17g: off by %.3g, allowed %.3g\n", text, actual,
            expected, fabs(actual - expected), atol + rtol * fabs(expected));
    _fail(file, line);
}

static inline void compare_status(int actual, int expected, const char *text, const char *file,
                                  int line) {
    if (actual == expected) return;
    fprintf(stderr, "%s gave %d (%s), expected %d (%s); last error: %s\n", text, actual,
            snnk_strerror(actual), expected, snnk_strerror(expected), snnk_last_error());
    _fail(file, line);
}

static inline void compare_says(const char *part, const char *file, int line) {
    if (strstr(snnk_last_error(), part)) return;
    fprintf(stderr, "the error sentence \"%s\" does not contain \"%s\"\n", snnk_last_error(), part);
    _fail(file, line);
}

#endif
