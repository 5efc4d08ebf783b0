#include <stdio.h>
#include <stdlib.h>

#include "cli/compress_plot.h"
#include "cli/compress_session.h"
#include "cli/system.h"

static const char command[] = "compress";

/* ---- Inputs ---- */

/* Check, before long work, that the files can be written. */
static int check_saves(const compress_options *o) {
    const char *const paths[] = {o->save, o->write_back, o->plot, o->plot ? o->csv : NULL};
    int exit_status = EXIT_OK;

    for (size_t i = 0; exit_status == EXIT_OK && i < sizeof paths / sizeof *paths; i++)
        if (paths[i]) exit_status = check_save(command, paths[i]);
    return exit_status == EXIT_OK && o->plot ? compress_check_plot() : exit_status;
}

/* Turn one column of targets into class numbers. */
static int read_labels(compress_session *s) {
    const size_t l = snnk_network_outputs(s->teacher.network);

    s->labels = malloc(s->targets.n * sizeof *s->labels);
    if (!s->labels) return failed(command, "out of memory for %zu labels", s->targets.n);
    for (size_t i = 0; i < s->targets.n; i++) {
        const float value = s->targets.X[i];

        if (!(value >= 0 && value < (float)l && value == (float)(int32_t)value))
            return failed(command, "%s: row %zu is %g, not a class number 0 ... %zu",
                          s->o->files.targets, i + 1, (double)value, l - 1);
        s->labels[i] = (int32_t)value;
    }
    return EXIT_OK;
}

static int read_targets(compress_session *s) {
    const compress_options *o = s->o;
    const size_t l = snnk_network_outputs(s->teacher.network);
    size_t columns;
    int exit_status;

    if (!o->files.targets) return EXIT_OK;
    columns = s->targets.last_dim == l ? l : s->targets.data.n_inputs;
    if (columns != l && (columns != 1 || o->tune == 0))
        return failed(command, "%s has %zu columns, but there are %zu outputs", o->files.targets,
                      columns, l);
    exit_status = compress_rows_read(o->quiet, columns, &s->targets);
    if (exit_status != EXIT_OK) return exit_status;
    if (s->targets.n != s->rows.n)
        return failed(command, "%s has %zu rows, but %s has %zu", o->files.targets, s->targets.n,
                      o->files.inputs, s->rows.n);
    return columns == l ? EXIT_OK : read_labels(s);
}

static int prepare(compress_session *s) {
    const compress_options *o = s->o;
    size_t inputs;
    int exit_status = check_saves(o);

    if (exit_status == EXIT_OK)
        exit_status = compress_rows_open(&o->files, o->files.inputs, &s->rows);
    if (exit_status == EXIT_OK && o->files.targets)
        exit_status = compress_rows_open(&o->files, o->files.targets, &s->targets);
    if (exit_status == EXIT_OK)
        exit_status =
            compress_rows_check_csv(&o->files, &s->rows, o->files.targets ? &s->targets : NULL);
    if (exit_status == EXIT_OK)
        exit_status = compress_teacher_read(o, &s->rows, &s->teacher, &inputs);
    if (exit_status == EXIT_OK) exit_status = compress_rows_read(o->quiet, inputs, &s->rows);
    if (exit_status == EXIT_OK) exit_status = read_targets(s);
    if (exit_status != EXIT_OK) return exit_status;
    return snnk_workspace_create(o->threads, NULL, &s->workspace) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

/* ---- The command ---- */

/* Whether the layers are one dense layer, or a block of a dense layer and a linear one. */
static bool is_block(const snnk_network *network) {
    const size_t n = snnk_network_layers(network);
    const int32_t first = snnk_layer_activation(snnk_network_layer(network, 0));

    if (first < 0 || n > 2) return false;
    return n == 1 || (first != SNNK_IDENTITY &&
                      snnk_layer_activation(snnk_network_layer(network, 1)) == SNNK_IDENTITY);
}

/* Hold out the rows of a batch's element together: tokens of a text are alike. */
static void hold_out_tokens(compress_options *o, const compress_rows *rows) {
    enum { ENOUGH = 100 }; /* elements; of fewer, by chance none might be held out */

    if (!o->block_rows && rows->tokens > 1 && rows->n / rows->tokens >= ENOUGH)
        o->distill.heldout_block_rows = rows->tokens;
}

static void session_free(compress_session *s) {
    snnk_network_free(s->network);
    snnk_workspace_free(s->workspace);
    compress_teacher_free(&s->teacher);
    compress_rows_free(&s->rows);
    compress_rows_free(&s->targets);
    free(s->labels);
}

int compress_command(int argc, char **argv) {
    compress_options o;
    compress_session s = {.o = &o};
    int exit_status = compress_options_read(argc, argv, &o);

    if (exit_status != EXIT_OK) return exit_status;
    if (o.help) {
        compress_print_help();
        return EXIT_OK;
    }
    catch_interrupts();
    exit_status = prepare(&s);
    if (exit_status == EXIT_OK) {
        hold_out_tokens(&o, &s.rows);
        exit_status = is_block(s.teacher.network) ? compress_block(&s) : compress_network(&s);
    }
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    session_free(&s);
    return exit_status;
}
