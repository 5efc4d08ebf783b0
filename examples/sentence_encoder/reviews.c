#include "reviews.h"

#include <string.h>

#include "common.h"

review_set reviews_read(const char *directory, const char *name) {
    review_set made = {lines_read(directory, name), NULL, NULL};

    made.texts = allocate(made.lines.n, sizeof *made.texts);
    made.labels = allocate(made.lines.n, sizeof *made.labels);
    for (size_t i = 0; i < made.lines.n; i++) {
        char *tab = strchr(made.lines.texts[i], '\t');

        if (!tab) {
            fprintf(stderr, "%s, line %zu: no tab\n", name, i + 1);
            exit(1);
        }
        made.texts[i] = tab + 1;
        made.labels[i] = strncmp(made.lines.texts[i], "great\t", 6) == 0;
    }
    return made;
}

void reviews_free(review_set *reviews) {
    free(reviews->labels);
    free(reviews->texts);
    lines_free(&reviews->lines);
}
