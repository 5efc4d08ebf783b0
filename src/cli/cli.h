/* The snnk program: one command each in fit.c, train.c, eval.c, predict.c, info.c, update_forget.c,
 * merge.c, compress.c, bundle.c and quantize.c. The other files are shared by the commands. */
#ifndef SNNK_CLI_CLI_H
#define SNNK_CLI_CLI_H

#include <stdbool.h>

#include <snnk/snnk.h>

/* Exit statuses, documented in every --help. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CANCELLED = 130 };

/* Rows that are processed at a time. */
enum { BATCH_ROWS = 1024 };

/* The commands. argv[0] is the command's name; each returns an exit status. */
int fit_command(int argc, char **argv);
int train_command(int argc, char **argv);
int eval_command(int argc, char **argv);
int predict_command(int argc, char **argv);
int info_command(int argc, char **argv);
int update_command(int argc, char **argv);
int forget_command(int argc, char **argv);
int merge_command(int argc, char **argv);
int compress_command(int argc, char **argv);
int bundle_command(int argc, char **argv);
int quantize_command(int argc, char **argv);

#endif
