#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise, sbrk */
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "cli/cli.h"

static const char help[] =
    "Usage: snnk COMMAND [OPTION]...\n"
    "Scalable neural network kernels: fit a network to data in closed form, or train it, and\n"
    "use it.\n"
    "\n"
    "Commands:\n"
    "  fit        fit a model to training data and save it\n"
    "  train      train a network of several layers by gradients\n"
    "  eval       score a model on data with known targets\n"
    "  predict    predict the target of each row\n"
    "  info       show what a model file contains\n"
    "  update     add rows to a fitted model\n"
    "  forget     remove rows from a fitted model, exactly\n"
    "  merge      combine models that were fitted to different rows\n"
    "  compress   replace trained dense layers by smaller ones\n"
    "  bundle     multiply neighboring matrices of a model together\n"
    "  quantize   keep the weights of a model in bf16, int8 or bf16x3\n"
    "\n"
    "Options:\n"
    "  --help     show this help; snnk COMMAND --help shows the help of a command\n"
    "  --version  show the version and how the library was built\n"
    "\n"
    "Examples:\n"
    "  $ snnk fit --train iris.csv --target species --save iris.safetensors\n"
    "  $ snnk predict iris.safetensors flowers.csv\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (for example a bad file), 2 wrong usage, 130 cancelled with\n"
    "  Ctrl-C\n";

/* The exit status of the command, or a failure if its output could not be written (a full disk). */
static int written(int exit_status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return exit_status;
    fprintf(stderr, "snnk: the output could not be written: %s\n", strerror(errno));
    return exit_status == EXIT_OK ? EXIT_FAILED : exit_status;
}

/* Say if the environment asks for kernels that this processor or build does not have. */
static void check_kernels(void) {
    const char *wanted = getenv("SNNK_KERNELS");

    if (wanted && strcmp(wanted, snnk_kernels_name()) != 0)
        fprintf(stderr, "snnk: SNNK_KERNELS=%.60s: there are no such kernels here, %s are used\n",
                wanted, snnk_kernels_name());
}

/* Use freed memory again instead of giving it back, and ask for huge pages: the first use of pages
 * takes a third of the time of a small fit, which creates and frees many blocks of equal sizes. */
static void prepare_memory(void) {
#ifdef __GLIBC__
    enum { REUSED = 32 << 20, KEPT = 256 << 20, GROWTH = 64 << 20, PAGE = 4096 };

    mallopt(M_MMAP_THRESHOLD, REUSED);
    mallopt(M_TRIM_THRESHOLD, KEPT);
#ifdef MADV_HUGEPAGE
    mallopt(M_TOP_PAD, GROWTH);
    void *first = malloc(1 << 20); /* more than is free: the heap grows */
    if (first) {
        char *page = (char *)first - (uintptr_t)first % PAGE, *end = sbrk(0);

        if (page < end) (void)madvise(page, (size_t)(end - page), MADV_HUGEPAGE);
    }
    free(first);
#endif
#endif
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"fit", fit_command},         {"train", train_command},      {"eval", eval_command},
        {"predict", predict_command}, {"info", info_command},        {"update", update_command},
        {"forget", forget_command},   {"merge", merge_command},      {"compress", compress_command},
        {"bundle", bundle_command},   {"quantize", quantize_command}};

    if (argc < 2) {
        fputs("snnk: a command is missing (try 'snnk --help')\n", stderr);
        return EXIT_USAGE;
    }
    check_kernels();
    prepare_memory();
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return written(commands[i].run(argc - 1, argv + 1));
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, stdout);
        return written(EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("snnk %s\n%s, %s kernels\n", snnk_version(), snnk_build_info(), snnk_kernels_name());
        return written(EXIT_OK);
    }
    fprintf(stderr, "snnk: unknown command '%s' (try 'snnk --help')\n", argv[1]);
    return EXIT_USAGE;
}
