/* The ways to fit that `snnk fit --effort` tries. */
#ifndef SNNK_CLI_FIT_RECIPES_H
#define SNNK_CLI_FIT_RECIPES_H

#include "cli/fit_run.h"

/* What a recipe begins with. */
typedef struct recipe_start {
    const fit_job *job;
    const fit_options *first; /* as the first way was prepared */
    uint64_t features;        /* of the best way so far */
    int effort;
} recipe_start;

typedef struct recipe {
    const char *what;
    int effort; /* the least that tries it */
    bool again; /* while it helps */
    int times;  /* about how many times as long as the best way so far it takes; 0: not known */
    /* Change the options of the best way so far. Returns false if there is nothing to try.
     *   chosen  set to false if something is to be chosen from the data again */
    bool (*change)(const recipe_start *start, fit_options *o, bool *chosen);
} recipe;

/* In the order in which they are tried; the first one changes nothing. */
extern const recipe fit_recipes[];
extern const size_t fit_recipes_count;

/* Write the options that turn `first` into `o`. */
void fit_recipe_describe(const fit_options *first, const fit_options *o, char *text, size_t bytes);

#endif
