#include "common.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void say(const char *format, ...) {
    va_list arguments;

    if (!isatty(STDERR_FILENO)) return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) die("out of memory: %zu x %zu bytes", count, bytes);
    return block;
}

double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

FILE *open_output(const char *folder, const char *name) {
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    if (!file) die("cannot write %s", path);
    return file;
}

/* ---- Results ---- */

void results_add(results *all, const result *row) {
    if (all->n == all->capacity) {
        const size_t capacity = 2 * all->capacity + 16;
        result *rows = realloc(all->rows, capacity * sizeof *rows);

        if (!rows) die("out of memory: %zu results", capacity);
        all->rows = rows;
        all->capacity = capacity;
    }
    all->rows[all->n++] = *row;
}

bool results_read(results *all, const char *path) {
    char line[1024];
    FILE *file = fopen(path, "r");

    if (!file) return false;
    while (fgets(line, sizeof line, file)) {
        result row = {.seed = 0};
        int used = 0;

        if (sscanf(line, "%63[^\t]\t%zu\t%d%n", row.method, &row.numbers, &row.seed, &used) != 3)
            die("%s: this is not a line of results: %s", path, line);
        for (size_t k = 0; k < all->n_columns; k++) {
            int more = 0;

            if (sscanf(line + used, "%lf%n", &row.value[k], &more) != 1)
                die("%s: a line has %zu values instead of %zu: %s", path, k, all->n_columns, line);
            used += more;
        }
        results_add(all, &row);
    }
    fclose(file);
    return true;
}

void results_free(results *all) {
    free(all->rows);
    all->rows = NULL;
    all->n = all->capacity = 0;
}

static bool matches(const result *row, const char *method, size_t numbers) {
    return strcmp(row->method, method) == 0 && (numbers == 0 || row->numbers == numbers);
}

double results_largest(const results *all, const char *method, size_t numbers, size_t at) {
    double largest = -INFINITY;

    for (size_t i = 0; i < all->n; i++)
        if (matches(&all->rows[i], method, numbers))
            largest = fmax(largest, all->rows[i].value[at]);
    return isfinite(largest) ? largest : NAN;
}

/* The mean and the standard deviation over seeds, of one value for each. */
static double moments(const results *all, const char *method, size_t numbers, size_t at,
                      double *deviation) {
    double n = 0, mean = 0, square = 0;

    for (size_t i = 0; i < all->n; i++) {
        if (!matches(&all->rows[i], method, numbers)) continue;
        const double delta = all->rows[i].value[at] - mean;

        n++;
        mean += delta / n;
        square += delta * (all->rows[i].value[at] - mean);
    }
    *deviation = n > 1 ? sqrt(square / (n - 1)) : NAN;
    return n > 0 ? mean : NAN;
}

double results_mean(const results *all, const char *method, size_t numbers, size_t at) {
    double deviation;

    return moments(all, method, numbers, at, &deviation);
}

/* Whether a row is the first of its method and size. */
static bool is_first(const results *all, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (matches(&all->rows[k], all->rows[i].method, all->rows[i].numbers)) return false;
    return true;
}

static size_t seeds_of(const results *all, size_t i) {
    size_t seeds = 0;

    for (size_t k = 0; k < all->n; k++)
        seeds += matches(&all->rows[k], all->rows[i].method, all->rows[i].numbers);
    return seeds;
}

void results_print(const results *all) {
    printf("%-34s %8s %6s", "method", "numbers", "seeds");
    for (size_t k = 0; k < all->n_columns; k++) printf("  %20s", all->columns[k].title);
    putchar('\n');
    for (size_t i = 0; i < all->n; i++) {
        const result *row = &all->rows[i];

        if (!is_first(all, i)) continue;
        printf("%-34s %8zu %6zu", row->method, row->numbers, seeds_of(all, i));
        for (size_t k = 0; k < all->n_columns; k++) {
            double deviation;
            const double mean = moments(all, row->method, row->numbers, k, &deviation);
            char text[64] = "-";

            if (isfinite(mean)) {
                int used = snprintf(text, sizeof text, all->columns[k].format, mean);

                if (isfinite(deviation))
                    snprintf(text + used, sizeof text - (size_t)used, " (%.1g)", deviation);
            }
            printf("  %20s", text);
        }
        putchar('\n');
    }
}

void print_number(const char *key, double value) {
    if (isfinite(value))
        printf("\"%s\":%.8g", key, value);
    else
        printf("\"%s\":null", key);
}

void results_print_json(const results *all) {
    const char *separator = "";

    printf("\"results\":[");
    for (size_t i = 0; i < all->n; i++) {
        const result *row = &all->rows[i];

        if (!is_first(all, i)) continue;
        printf("%s{\"method\":\"%s\",\"numbers\":%zu,\"seeds\":%zu", separator, row->method,
               row->numbers, seeds_of(all, i));
        for (size_t k = 0; k < all->n_columns; k++) {
            char key[96];
            double deviation;
            const double mean = moments(all, row->method, row->numbers, k, &deviation);

            putchar(',');
            print_number(all->columns[k].key, mean);
            snprintf(key, sizeof key, "%s_sd", all->columns[k].key);
            putchar(',');
            print_number(key, deviation);
        }
        putchar('}');
        separator = ",";
    }
    putchar(']');
}
