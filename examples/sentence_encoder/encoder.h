/* The Universal Sentence Encoder lite (Cer et al. 2018): text to 512 numbers of length 1.
 *
 *     x = 2 embedding[token] + timing                           256 wide, of the first 128 tokens
 *     twice:
 *         x = attention(norm(x)) + x                            4 heads; 512 wide from here on: of the
 *                                                               first, x is projected before it is added
 *         x = ffn(norm(x)) + x                                  512 -> 1536, ReLU, -> 512
 *     y = tanh(W mean(x) + b), divided by its length            the pooler
 *
 * (So the graph has it: layer 0 really sees twice the embedding.) The feed-forward blocks and the pooler
 * are parts that networks can take the place of.
 *
 * Texts of any lengths are worked on side by side, their tokens one behind another: no padding. */
#ifndef SENTENCE_ENCODER_ENCODER_H
#define SENTENCE_ENCODER_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

#include "attention.h"

enum { ENCODER_WIDTH = 512, ENCODER_MOST_TOKENS = 128 };

typedef struct sentence_encoder sentence_encoder;

/* From the file that convert.py writes. */
sentence_encoder *encoder_load(const char *path);
void encoder_free(sentence_encoder *encoder);

/* How many threads its layers may use, from now on: one to begin with. */
void encoder_set_threads(sentence_encoder *encoder, size_t threads);

/* ---- Texts ---- */

/* Texts as tokens, one text behind another: those of text i are first[i] ... first[i + 1] - 1, at most
 * ENCODER_MOST_TOKENS, which is where the encoder stops to read. */
typedef struct token_list {
    size_t n_texts, n_tokens;
    size_t *first;   /* n_texts + 1 */
    int32_t *tokens; /* n_tokens */
} token_list;

token_list encoder_tokenise(const sentence_encoder *encoder, size_t n, const char *const *texts);
void token_list_free(token_list *list);

/* E = the embeddings of texts. E: n_texts x ENCODER_WIDTH. */
void encoder_embed(sentence_encoder *encoder, const token_list *list, float *E);

/* The embeddings of texts, n x ENCODER_WIDTH, for the caller to free. */
float *encoder_embed_texts(sentence_encoder *encoder, size_t n, char *const *texts);

/* ---- Parts that can be replaced ---- */

/* Each takes and gives rows of ENCODER_WIDTH: the blocks one for a token, between their norm and the sum; the
 * pooler one for a text, from the mean to tanh, the length not yet divided by. */
typedef enum encoder_part {
    ENCODER_FFN_0,
    ENCODER_FFN_1,
    ENCODER_POOLER,
    ENCODER_PARTS
} encoder_part;

/* The part as it was loaded: two dense layers, of the pooler one. */
const snnk_network *encoder_dense(const sentence_encoder *encoder, encoder_part part);

/* From now on `network` (ENCODER_WIDTH to ENCODER_WIDTH) does the work of a part; NULL: the dense one
 * again. The encoder borrows it. */
void encoder_replace(sentence_encoder *encoder, encoder_part part, const snnk_network *network);

/* Numbers that are kept for the parts as they are now, one network in two places counted once; and for all of it. */
uint64_t encoder_part_parameters(const sentence_encoder *encoder);
uint64_t encoder_parameters(const sentence_encoder *encoder);

/* What a part gets and gives: n rows of ENCODER_WIDTH, in the order of tokens or texts. */
typedef struct part_rows {
    size_t n;
    float *X, *Y;
    float *sums; /* of blocks: what their outputs are added to; NULL of the pooler */
} part_rows;

/* Of these texts, with all parts as they are now: those of each part for which rows[part] is not NULL. */
void encoder_rows(sentence_encoder *encoder, const token_list *list,
                  part_rows *const rows[ENCODER_PARTS]);
void part_rows_free(part_rows *rows);

/* The mean over each text's tokens; zeros for a text without. x: of the tokens; means: n_texts x ENCODER_WIDTH. */
void encoder_means(size_t n_texts, const size_t *first, const float *x, float *means);

/* What stands between both blocks, as it was loaded: attention of layer 1, and norms. */
typedef struct encoder_middle {
    const layer_norm *attention_norm, *ffn_norm;
    const snnk_layer *qkv, *attention_output;
} encoder_middle;

encoder_middle encoder_middle_of(const sentence_encoder *encoder);

#endif
