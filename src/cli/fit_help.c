#include <stdio.h>

#include "cli/fit_options.h"

static const char help_usage[] =
    "Usage: snnk fit --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk fit --train-images FILE --train-labels FILE [OPTION]...\n"
    "Fit a layer of random features to training data in closed form, without\n"
    "backpropagation. What no option gives is chosen by errors of rows that are left out. In\n"
    "builds with MPI, processes started by mpirun share the rows.\n"
    "\n";
static const char help_features[] =
    "\n"
    "Features (by default, kind, scales and scaling are chosen: those that best predict rows\n"
    "that are left out of fits of a sample):\n"
    "  --features KIND          arc-cosine, gaussian, elementwise or identity\n"
    "  --m M                    number of features (default: 1024 for up to 1024 rows; else\n"
    "                           512, doubled up to 4096 as long as that lowers the error)\n"
    "  --order N                arc-cosine: 0, 1 or 2 (default 1)\n"
    "  --floor C                arc-cosine: max(z, C) instead of max(z, 0), C <= 0\n"
    "  --activation NAME        elementwise features of relu, gelu, tanh, sin, ...\n"
    "  --projection KIND        gaussian (iid) or orthogonal (default: orthogonal for up to 1024\n"
    "                           inputs)\n"
    "  --projection-scale S     standard deviation of the random rows\n"
    "  --offset-scale S         standard deviation of the offsets (gaussian: 0)\n"
    "  --scaling MODE           of inputs: none, center, common or standardize\n"
    "  --linear                 use the inputs themselves as features too\n"
    "  --series                 each row is a time series: MINIROCKET features, standardized\n"
    "                           (--m is rounded down to a multiple of 84; default 9996)\n"
    "  --channels C             of --series: each moment has C numbers, side by side (default:\n"
    "                           the last dimension of an array of three, else 1)\n"
    "  --learn-directions K     K rounds (3, say) of features that look along the inputs and\n"
    "                           their combinations on which the last round depends; the best on\n"
    "                           held-out rows is kept. Reports the importance of each column\n"
    "  --extrapolate            do not limit inputs to the range of the training rows before\n"
    "                           learnt directions, or those of --boost\n"
    "  --plot FILE              draw the importances as PNG, with gnuplot; the numbers are\n"
    "                           written beside it, as .csv\n"
    "  --like MODEL             use features and scaling of this model, to merge both later\n"
    "  --seed N                 seed of random rows and of held-out rows (default 0)\n";
static const char help_windows[] =
    "\n"
    "Images and series (convolutional features in closed form, before the others):\n"
    "  --windows K              filter images by K whitened patches of them, keep both signs of\n"
    "                           each, and pool over a grid. Good values: 128 to 1024\n"
    "  --patch P                side of a patch (default 6; of a series: 9 steps)\n"
    "  --grid G                 cells of the grid in each direction (default 4)\n"
    "  --image-shape HxW[xC]    of a row, channels last; a series of L steps is 1xL (default: "
    "that\n"
    "                           of the file, if it has 3 or 4 dimensions)\n"
    "  --scattering             wavelets of three sizes and six angles, in two orders: nothing is\n"
    "                           learnt. Alone, or beside --windows\n"
    "  --augment K              learn from K changed copies of each row too: images shifted,\n"
    "                           turned and deformed a little, series (--series) shifted and with\n"
    "                           noise. The fit takes K + 1 times as long. Good values: 2 to 10\n";
static const char help_boost[] =
    "\n"
    "Boosting (rounds learn from a sample of the rows, the readout from all):\n"
    "  --boost T                add features in up to T rounds after the first, each --m of them\n"
    "                           (default 512; fewer for few rows): those of many candidates that\n"
    "                           correct best what the features before leave. The number of rounds\n"
    "                           that is best on held-out rows is kept. Good values: 3 to 7\n"
    "  --pairs                  candidates along differences of two rows, instead of learnt\n"
    "                           directions and few inputs\n"
    "                           With --boost, also --activation (default: relu or\n"
    "                           tanh, by held-out rows of a sample), --ridge,\n"
    "                           --projection-scale, --offset-scale, --heldout and --loss\n";
static const char help_leaves[] =
    "\n"
    "Many rows (all are in memory):\n"
    "  --leaves N               a tree of fits: parts of more than N rows are divided, softly, at\n"
    "                           the median of the direction in which the targets change most.\n"
    "                           Each part has --m features (default 512) of its own, with\n"
    "                           directions learnt in --learn-directions K rounds (default 2).\n"
    "                           Good values: 5000 to 50000\n";
static const char help_effort[] =
    "\n"
    "Choice among all of these, each scored on rows that are held out:\n"
    "  --effort LEVEL           quick (60 seconds), normal (300) or high (1800): try windows (of\n"
    "                           images), learnt directions, more features, boosting, and\n"
    "                           more, and fit the best to all rows. Reports what was tried, with\n"
    "                           the options that do the same. What options give stays\n"
    "  --seconds S              a budget of time for --effort\n";
static const char help_fit[] =
    "\n"
    "Fit:\n"
    "  --ridge LAMBDA           auto (default), or a number >= 0\n"
    "  --choose RULE            how lambda is chosen: heldout (default): on held-out rows, or, up\n"
    "                           to 1024 rows, by leaving each out; or gcv, generalized\n"
    "                           cross-validation on all rows (up to 32766 features)\n"
    "  --loss LOSS              of classes: squared, or cross-entropy, by Newton steps (default:\n"
    "                           squared; where a class is rare, the better on held-out rows;\n"
    "                           several processes: squared)\n"
    "  --heldout SHARE          share of more than 1024 rows that is held out (default 0.1)\n"
    "  --precision MODE         of products in the sums over rows: double (default), or single:\n"
    "                           half the time, 7 digits instead of 15\n"
    "  --factorization KIND     gram (default); qr: 2 to 4 times the time, but accurate for\n"
    "                           features that are nearly dependent; auto: chosen by the\n"
    "                           condition number of the first rows\n"
    "  --threads N              threads (default: all processors, shared by the processes). BLAS\n"
    "                           solves the system with OPENBLAS_NUM_THREADS threads\n"
    "\n"
    "Output:\n"
    "  --save FILE              save the model as safetensors\n"
    "  --keep-statistics        also save what snnk update, forget and merge need, 8 M^2 bytes\n"
    "  --store-seed             save the seed of a gaussian projection instead of its rows\n"
    "  --json                   print one JSON object on stdout and nothing else\n"
    "  --quiet                  no progress bar\n"
    "  --help                   show this help\n"
    "\n"
    "Examples:\n"
    "  $ snnk fit --train iris.csv --target species --save iris.safetensors\n"
    "  $ snnk fit --train-images train.idx.gz --train-labels labels.idx.gz --m 4096\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, data that cannot be fitted), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C. An existing file at --save is replaced only if the fit and\n"
    "  the test succeed\n";

void fit_print_help(void) {
    fputs(help_usage, stdout);
    fputs(data_options_help, stdout);
    fputs(help_features, stdout);
    fputs(help_windows, stdout);
    fputs(help_boost, stdout);
    fputs(help_leaves, stdout);
    fputs(help_effort, stdout);
    fputs(help_fit, stdout);
}
