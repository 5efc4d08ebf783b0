/* Split a text into pieces of a vocabulary. Each piece has a score, and the split with the largest
 * sum of scores is taken (a unigram model, Kudo 2018, with the Viterbi algorithm). It reproduces
 * the encoder's own JavaScript, including its special cases:
 *
 *   - The text is normalised (NFKC), spaces become U+2581, and one U+2581 is put before it. Other
 *     white space stays. An empty text has no pieces.
 *   - If no piece begins at a character, piece 0 (unknown) stands for that one character. Its score
 *     is 0, which is better than any piece. Adjacent unknown pieces count once.
 *   - Among equal sums the split whose last piece begins later wins. A sum of 0 counts as no split
 *     yet.
 *   - A character at which no split ends is unknown, if the way back from the end passes it. */
#ifndef SENTENCE_ENCODER_TOKENIZER_H
#define SENTENCE_ENCODER_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

typedef struct unigram_tokenizer unigram_tokenizer;

/* Make a tokenizer from lines "piece TAB score" (`bytes` bytes), in the order of the pieces'
 * numbers. The first `reserved` pieces are never found in a text. Of two equal pieces the later one
 * counts. A score that is not a number is 0. */
unigram_tokenizer *tokenizer_create(const char *lines, size_t bytes, size_t reserved);

void tokenizer_free(unigram_tokenizer *tokenizer);

/* Split a text (UTF-8, NUL-terminated). Returns *n piece numbers for the caller to free. */
int32_t *tokenizer_encode(const unigram_tokenizer *tokenizer, const char *text, size_t *n);

/* Test a vocabulary of a few pieces against results worked out by hand. Returns 1 if all is
 * correct; otherwise prints what is wrong. */
int tokenizer_test(void);

#endif
