/* Text to pieces of a vocabulary, each with a score: the cut whose scores have the largest sum (a unigram
 * model; Kudo 2018, by Viterbi's algorithm). It does what the encoder's own JavaScript does, down to
 * its corners:
 *
 *   - The text is normalised (NFKC), spaces become U+2581, and one is put before it; nothing else is done
 *     to white space. An empty text has no pieces.
 *   - Where no piece begins at a character, piece 0 (unknown) stands for that one character, with
 *     score 0, which beats any piece; unknown ones next to each other count once.
 *   - Of equal sums the one whose last piece begins later wins, and a sum of 0 counts as none so far.
 *   - A character that no cut ends at is unknown on the way back, should the way lead there. */
#ifndef SENTENCE_ENCODER_TOKENIZER_H
#define SENTENCE_ENCODER_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

typedef struct unigram_tokenizer unigram_tokenizer;

/* From lines "piece TAB score", `bytes` of them, in the order of their numbers; the first `reserved` pieces
 * are never found in a text. Of two equal pieces the later one counts. A score that is no number is 0. */
unigram_tokenizer *tokenizer_create(const char *lines, size_t bytes, size_t reserved);

void tokenizer_free(unigram_tokenizer *tokenizer);

/* The pieces of a text (UTF-8, ended by NUL), *n of them, for the caller to free. */
int32_t *tokenizer_encode(const unigram_tokenizer *tokenizer, const char *text, size_t *n);

/* 1 if a vocabulary of a few pieces gives what was worked out by hand; what it does not goes to stderr. */
int tokenizer_test(void);

#endif
