/* Replacements of both feed-forward blocks of the sentence encoder, for uptraining.c. */
#ifndef PAPER_BLOCKS_H
#define PAPER_BLOCKS_H

#include "transformer.h"

typedef enum block_kind {
    ORIGINAL,
    TUNED,
    SELECTED,
    LONGER,
    RANDOM,
    SCRATCH,
    SHARED,
    EXPANSION,
    CUT,
    KINDS
} block_kind;
extern const char *const block_names[KINDS];

/* What replacements are made from. */
typedef struct block_source {
    const sentence_encoder *encoder;
    size_t threads;                              /* to make this */
    corpus some;                                 /* reviews, with rows of both blocks */
    snnk_distill *of_block_0, *of_expansions[2]; /* tier selected */
} block_source;

/* Read reviews of the cache that examples/sentence_encoder/run.sh makes, cut to so many tokens, and
 * prepare distillation; of expansions only if they are wanted. */
block_source block_source_make(sentence_encoder *encoder, const char *cache, size_t tokens,
                               size_t threads, bool expansions);
void block_source_free(block_source *made);

/* Make parts with both blocks replaced by m features each, before any tuning. Several threads may
 * do so at the same time. The pooler is that of the encoder.
 *
 * Block 1 is fitted to the inputs that it receives after the replaced block 0, and to outputs that
 * correct the errors of that: the original's sums after block 1, minus the sums that the outputs
 * are now added to. (Not in EXPANSION and SCRATCH, and not in SHARED, which is one network.) */
part_set replaced_blocks(const block_source *from, block_kind of, size_t m, uint64_t seed);

/* Free these parts, but not the pooler. */
void replaced_blocks_free(part_set made);

/* The kind has random rows. */
bool is_random(block_kind of);

#endif
