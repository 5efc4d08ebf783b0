/* The Universal Sentence Encoder lite (Cer et al. 2018): it maps a text to a unit vector of 512
 * numbers.
 *
 *     x = 2 embedding[token] + timing                           256 wide, of the first 128 tokens
 *     twice:
 *         x = attention(norm(x)) + x                            4 heads; 512 wide from here on (the
 *                                                               first time x is projected before
 *                                                               the sum)
 *         x = ffn(norm(x)) + x                                  512 -> 1536, ReLU, -> 512
 *     y = tanh(W mean(x) + b), divided by its length            the pooler
 *
 * (The factor 2 is in the published graph.) The feed-forward blocks ffn and the pooler are parts
 * that can be replaced by networks.
 *
 * Texts of any lengths are computed together, with the tokens of one text after those of another
 * and without padding. */
#ifndef SENTENCE_ENCODER_ENCODER_H
#define SENTENCE_ENCODER_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

#include "attention.h"

enum { ENCODER_WIDTH = 512, ENCODER_MOST_TOKENS = 128 };

typedef struct sentence_encoder sentence_encoder;

/* Load the file that convert.py writes. */
sentence_encoder *encoder_load(const char *path);
void encoder_free(sentence_encoder *encoder);

/* Set how many threads its layers use; 1 at first. */
void encoder_set_threads(sentence_encoder *encoder, size_t threads);

/* ---- Texts ---- */

/* Texts as tokens, one text after another. Text i has tokens first[i] ... first[i + 1] - 1, at most
 * ENCODER_MOST_TOKENS: the encoder ignores the rest. */
typedef struct token_list {
    size_t n_texts, n_tokens;
    size_t *first;   /* n_texts + 1 */
    int32_t *tokens; /* n_tokens */
} token_list;

token_list encoder_tokenise(const sentence_encoder *encoder, size_t n, const char *const *texts);
void token_list_free(token_list *list);

/* Embed texts. E: n_texts x ENCODER_WIDTH. */
void encoder_embed(sentence_encoder *encoder, const token_list *list, float *E);

/* Embed n texts. Returns n x ENCODER_WIDTH numbers for the caller to free. */
float *encoder_embed_texts(sentence_encoder *encoder, size_t n, char *const *texts);

/* ---- Parts that can be replaced ---- */

/* Inputs and outputs are rows of ENCODER_WIDTH. A block has one for each token, and is between its
 * norm and its sum. The pooler has one for each text, and goes from the mean to tanh, before the
 * division by the length. */
typedef enum encoder_part {
    ENCODER_FFN_0,
    ENCODER_FFN_1,
    ENCODER_POOLER,
    ENCODER_PARTS
} encoder_part;

/* The part as it was loaded: two dense layers; the pooler has one. */
const snnk_network *encoder_dense(const sentence_encoder *encoder, encoder_part part);

/* Replace a part by `network` (ENCODER_WIDTH to ENCODER_WIDTH), which is borrowed. NULL restores
 * the dense one. */
void encoder_replace(sentence_encoder *encoder, encoder_part part, const snnk_network *network);

/* The parameters of the current parts, and of the whole encoder. A network in two places counts
 * once. */
uint64_t encoder_part_parameters(const sentence_encoder *encoder);
uint64_t encoder_parameters(const sentence_encoder *encoder);

/* Inputs X and outputs Y of a part: n rows of ENCODER_WIDTH, in the order of tokens or texts. */
typedef struct part_rows {
    size_t n;
    float *X, *Y;
    float *sums; /* blocks: what their outputs are added to; NULL for the pooler */
} part_rows;

/* Collect the rows of these texts with the current parts, for each part with rows[part] != NULL. */
void encoder_rows(sentence_encoder *encoder, const token_list *list,
                  part_rows *const rows[ENCODER_PARTS]);
void part_rows_free(part_rows *rows);

/* The mean over the tokens of each text; zeros for a text without tokens. x: rows of the tokens;
 * means: n_texts x ENCODER_WIDTH. */
void encoder_means(size_t n_texts, const size_t *first, const float *x, float *means);

/* The layers between both blocks, as loaded: the attention of layer 1, and norms. */
typedef struct encoder_middle {
    const layer_norm *attention_norm, *ffn_norm;
    const snnk_layer *qkv, *attention_output;
} encoder_middle;

encoder_middle encoder_middle_of(const sentence_encoder *encoder);

#endif
