#include <stdlib.h>
#include <string.h>

#include "finetune.h"

enum { LEAST_PIECE = 8 };

/* Cut n texts to pieces of `most` tokens, at most `pieces` of each. The last one, if it is not the
 * only one, has at least LEAST_PIECE. */
static token_list cut(const token_list *from, size_t most, size_t pieces) {
    token_list made = {0, 0, NULL, NULL};

    made.first = allocate(from->n_texts * pieces + 1, sizeof *made.first);
    made.tokens = allocate(from->n_tokens, sizeof *made.tokens);
    for (size_t i = 0; i < from->n_texts; i++)
        for (size_t piece = 0; piece < pieces; piece++) {
            const size_t begin = from->first[i] + piece * most, end = from->first[i + 1];
            const size_t left = end > begin ? end - begin : 0, kept = left < most ? left : most;

            if (piece > 0 && kept < LEAST_PIECE) break;
            memcpy(made.tokens + made.n_tokens, from->tokens + begin, kept * sizeof *made.tokens);
            made.n_tokens += kept;
            made.first[++made.n_texts] = made.n_tokens;
        }
    return made;
}

/* Cut texts, and set all but labels. */
static void collect(corpus *made, sentence_encoder *encoder, size_t n, const char *const *texts,
                    size_t most_tokens, size_t pieces, unsigned parts) {
    token_list whole = encoder_tokenise(encoder, n, texts);
    token_list list = cut(&whole, most_tokens, pieces);
    part_rows *wanted[ENCODER_PARTS] = {NULL};

    token_list_free(&whole);
    for (int part = 0; part < ENCODER_PARTS; part++)
        if (parts >> part & 1) wanted[part] = &made->rows[part];
    encoder_rows(encoder, &list, wanted);
    made->n = list.n_texts;
    made->X = made->rows[ENCODER_FFN_0].X;
    made->sums = made->rows[ENCODER_FFN_0].sums;
    made->first = list.first;
    free(list.tokens);
}

corpus corpus_read(sentence_encoder *encoder, const char *directory, const char *name,
                   size_t most_tokens, size_t most, unsigned parts) {
    review_set reviews = reviews_read(directory, name);
    const size_t n = most > 0 && most < reviews.lines.n ? most : reviews.lines.n;
    corpus made = {.labels = allocate(n, sizeof *made.labels)};

    collect(&made, encoder, n, (const char *const *)reviews.texts, most_tokens, 1, parts);
    memcpy(made.labels, reviews.labels, n * sizeof *made.labels);
    reviews_free(&reviews);
    return made;
}

corpus pieces_read(sentence_encoder *encoder, const char *directory, const char *name,
                   size_t most_tokens, size_t pieces, size_t n) {
    review_set reviews = reviews_read(directory, name);
    corpus made = {.n = 0};

    collect(&made, encoder, n, (const char *const *)reviews.texts, most_tokens, pieces,
            1U << ENCODER_FFN_0);
    reviews_free(&reviews);
    return made;
}

void corpus_free(corpus *made) {
    free(made->first);
    free(made->labels);
    for (int part = 0; part < ENCODER_PARTS; part++) part_rows_free(&made->rows[part]);
}

int corpus_test(void) {
    static size_t first[] = {0, 3, 43, 113, 146};
    static const size_t wanted[] = {0, 3, 35, 43, 75, 107, 139};
    static int32_t tokens[146];
    const token_list list = {4, 146, first, tokens};
    token_list made;
    int good;

    for (int32_t k = 0; k < 146; k++) tokens[k] = k;
    made = cut(&list, 32, 2); /* of 3, 32 + 8, 32 + 32 (6 are left), and 32 (1 is left) */
    good = made.n_texts == 6 && made.n_tokens == 139;
    good = good && memcmp(made.first, wanted, sizeof wanted) == 0;
    good = good && made.tokens[106] == 106 && made.tokens[107] == 113;
    token_list_free(&made);
    if (!good) fprintf(stderr, "texts are cut to wrong pieces\n");
    return good;
}
