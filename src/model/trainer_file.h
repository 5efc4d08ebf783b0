/* Checkpoints of training: writing and reading use the same names. docs/format.md,
 * "Checkpoints". */
#ifndef SNNK_MODEL_TRAINER_FILE_H
#define SNNK_MODEL_TRAINER_FILE_H

#include "train/trainer.h"

#define SNNK__TRAINER_KEY "snnk.trainer" /* the JSON text of settings and counts */

/* The newest version of the state that this library reads, and the one that it writes. */
#define SNNK__TRAINER_VERSION 1

/* Numbers for each epoch: loss, held-out loss, accuracy, rate. */
enum { SNNK__EPOCH_NUMBERS = 4 };

/* The name of the tensor of an array that learns: which is "value", "best", "mean" or "square". */
typedef struct snnk__tensor_name {
    char text[64];
} snnk__tensor_name;

snnk__tensor_name snnk__trainer_tensor(size_t slot, const char *which);

/* The name of a loss + 1; of 0: the choice by the rows. NULL for another value. */
const char *snnk__trainer_loss_name(int32_t value);

/* What the optimizer keeps of each array after its first step. */
bool snnk__trainer_has_means(const snnk_trainer *trainer);
bool snnk__trainer_has_squares(const snnk_trainer *trainer);

/* The settings that are numbers, and those that are whole, by name. */
typedef struct snnk__number_field {
    const char *key;
    double *value;
} snnk__number_field;

typedef struct snnk__whole_field {
    const char *key;
    uint64_t *value;
} snnk__whole_field;

enum { SNNK__TRAINER_NUMBERS = 12, SNNK__TRAINER_WHOLES = 5 };

void snnk__trainer_number_fields(snnk_train_config *config,
                                 snnk__number_field fields[SNNK__TRAINER_NUMBERS]);
void snnk__trainer_whole_fields(snnk_train_config *config,
                                snnk__whole_field fields[SNNK__TRAINER_WHOLES]);

#endif
