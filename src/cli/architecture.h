/* Architectures as text: the layers of a network that `snnk train` creates.
 *
 *     layers  = layer { "," layer }
 *     layer   = "snnk:" FEATURES ":" M [ "->" WIDTH ]  |  "dense" [ ":" ACTIVATION ] [ ":" WIDTH ]
 *
 * FEATURES is the name of an activation, "arc-cosine" or "gaussian". Blanks do not matter. The
 * width of the last layer, the number of classes or targets, may be left out. So may its activation
 * if it is dense: then it is linear. */
#ifndef SNNK_CLI_ARCHITECTURE_H
#define SNNK_CLI_ARCHITECTURE_H

#include "cli/cli.h"

enum { ARCHITECTURE_MOST_LAYERS = 64 };

typedef struct architecture_layer {
    bool dense;
    int32_t kind;       /* of features, an snnk_map_kind */
    int32_t activation; /* of a dense layer or of elementwise features; -1: not given */
    uint64_t features;
    size_t width; /* 0: not given */
    size_t place; /* of the layer in the text, from 1 */
} architecture_layer;

typedef struct architecture {
    const char *text;
    size_t n;
    architecture_layer layers[ARCHITECTURE_MOST_LAYERS];
} architecture;

/* Read a text, which must stay valid. Prints the error, with the place in the text, and returns an
 * exit status. */
int architecture_read(const char *command, const char *text, architecture *made);

/* Set the width of the last layer, or check it.
 *   what  "classes" or "targets" */
int architecture_complete(const char *command, size_t outputs, const char *what,
                          architecture *made);

/* Bytes that training takes, and how many there are. */
typedef struct architecture_memory {
    double of_row_number; /* for each number in the rows of feature maps */
    double of_number;     /* for each other number of the network */
    double of_value;      /* for each feature and each output of a layer */
    double available;
} architecture_memory;

/* Refuse layers that need more memory than there is: name the largest. */
int architecture_check_memory(const char *command, const architecture *from, size_t inputs,
                              const architecture_memory *memory);

/* Append layers with random numbers to a network without layers. Inputs should have variance 1.
 * Feature maps have given rows (snnk_map_create_from_rows), so that a scaling can be folded in. */
int architecture_build(const char *command, const architecture *from, size_t inputs, uint64_t seed,
                       snnk_network *network);

/* Describe the layers of any network in the same way, cut to `bytes`. */
void architecture_describe(const snnk_network *network, char *text, size_t bytes);

#endif
