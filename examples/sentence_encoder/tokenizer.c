#include "tokenizer.h"

#include <string.h>

#include <utf8proc.h>

#include "common.h"

/* A trie over the bytes of pieces; the children of a node are a linked list. Pieces and texts are
 * UTF-8, so a piece that matches in bytes matches in characters. */
typedef struct node {
    unsigned char byte;
    int32_t child, sibling; /* -1: none */
    int32_t piece;          /* the piece that ends here; -1: none */
    double score;
} node;

struct unigram_tokenizer {
    node *nodes; /* nodes[0] is the root */
    size_t n_nodes;
    int32_t first[256]; /* the root has many children: here by their byte */
};

static int32_t find_child(const unigram_tokenizer *tokenizer, int32_t at, unsigned char byte) {
    int32_t child;

    if (at == 0) return tokenizer->first[byte];
    child = tokenizer->nodes[at].child;
    while (child >= 0 && tokenizer->nodes[child].byte != byte)
        child = tokenizer->nodes[child].sibling;
    return child;
}

static void insert(unigram_tokenizer *tokenizer, const char *piece, size_t bytes, int32_t number,
                   double score) {
    int32_t at = 0;

    for (size_t k = 0; k < bytes; k++) {
        const unsigned char byte = (unsigned char)piece[k];
        int32_t child = find_child(tokenizer, at, byte);

        if (child < 0) {
            child = (int32_t)tokenizer->n_nodes++;
            tokenizer->nodes[child] = (node){byte, -1, tokenizer->nodes[at].child, -1, 0};
            tokenizer->nodes[at].child = child;
            if (at == 0) tokenizer->first[byte] = child;
        }
        at = child;
    }
    tokenizer->nodes[at].piece = number;
    tokenizer->nodes[at].score = score;
}

unigram_tokenizer *tokenizer_create(const char *lines, size_t bytes, size_t reserved) {
    unigram_tokenizer *made = allocate(1, sizeof *made);
    char *text = allocate(bytes + 1, 1);
    size_t number = 0;

    memcpy(text, lines, bytes);
    made->nodes = allocate(bytes + 1, sizeof *made->nodes); /* at most one node for each byte */
    made->nodes[made->n_nodes++] = (node){0, -1, -1, -1, 0};
    for (size_t k = 0; k < 256; k++) made->first[k] = -1;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, number++) {
        const char *tab;

        *end = '\0';
        if (!(tab = strchr(line, '\t'))) {
            fprintf(stderr, "vocabulary, line %zu has no tab\n", number);
            exit(1);
        }
        if (number >= reserved)
            insert(made, line, (size_t)(tab - line), (int32_t)number, strtod(tab + 1, NULL));
    }
    free(text);
    return made;
}

void tokenizer_free(unigram_tokenizer *tokenizer) {
    if (!tokenizer) return;
    free(tokenizer->nodes);
    free(tokenizer);
}

/* Apply NFKC, which does not change ASCII. */
static char *normalise(const char *text) {
    const size_t bytes = strlen(text);
    size_t k = 0;
    char *normal;

    while (k < bytes && (unsigned char)text[k] < 0x80) k++;
    if (k == bytes) {
        normal = allocate(bytes + 1, 1);
        memcpy(normal, text, bytes);
    } else if (!(normal = (char *)utf8proc_NFKC((const utf8proc_uint8_t *)text))) {
        fprintf(stderr, "not UTF-8: %s\n", text);
        exit(1);
    }
    return normal;
}

/* Prepare a text for matching: normalise it and mark spaces. NULL if it is empty. */
static char *prepare(const char *text) {
    static const char mark[] = "\xe2\x96\x81"; /* U+2581 */
    char *normal = normalise(text), *prepared = NULL;

    if (normal[0]) {
        char *to = prepared = allocate(3 * (strlen(normal) + 1) + 1, 1);

        memcpy(to, mark, 3);
        to += 3;
        for (const char *from = normal; *from; from++) {
            if (*from == ' ') {
                memcpy(to, mark, 3);
                to += 3;
            } else {
                *to++ = *from;
            }
        }
    }
    free(normal);
    return prepared;
}

static int begins_character(char byte) { return ((unsigned char)byte & 0xc0) != 0x80; }

/* The best split found so far that ends before a character. */
typedef struct cut {
    double score;
    int32_t piece;
    size_t length; /* of its last piece, in characters */
} cut;

static void offer(cut *best, double score, int32_t piece, size_t length) {
    if (best->score != 0 && score < best->score) return;
    *best = (cut){score, piece, length};
}

/* Extend the split `from`, which ends before text[0], by every piece that begins there. cuts[k]
 * ends k characters after text[0]. */
static void extend(const unigram_tokenizer *tokenizer, const char *text, const cut *from,
                   cut *cuts) {
    size_t length = 0;
    int32_t at = 0;
    int found = 0;

    for (size_t k = 0; text[k]; k++) {
        if (begins_character(text[k])) length++;
        if ((at = find_child(tokenizer, at, (unsigned char)text[k])) < 0) break;
        if (tokenizer->nodes[at].piece < 0) continue;
        offer(cuts + length, from->score + tokenizer->nodes[at].score, tokenizer->nodes[at].piece,
              length);
        found = 1;
    }
    if (!found) offer(cuts + 1, from->score, 0, 1);
}

/* List the pieces of the best split of all n characters, from the last to the first. Returns how
 * many. */
static size_t walk_back(const cut *cuts, size_t n, int32_t *pieces) {
    size_t count = 0;

    for (size_t at = n; at > 0; at -= cuts[at].length) {
        const int32_t piece = cuts[at].piece;

        if (piece != 0 || count == 0 || pieces[count - 1] != 0) pieces[count++] = piece;
    }
    return count;
}

int32_t *tokenizer_encode(const unigram_tokenizer *tokenizer, const char *text, size_t *n) {
    char *prepared = prepare(text);
    const size_t bytes = prepared ? strlen(prepared) : 0;
    int32_t *pieces = allocate(bytes, sizeof *pieces);
    cut *cuts = allocate(bytes + 1, sizeof *cuts);
    size_t characters = 0;

    for (size_t k = 0; k <= bytes; k++) cuts[k].length = 1;
    for (size_t k = 0; k < bytes; k++)
        if (begins_character(prepared[k])) {
            extend(tokenizer, prepared + k, cuts + characters, cuts + characters);
            characters++;
        }
    *n = walk_back(cuts, characters, pieces);
    for (size_t i = 0; i < *n / 2; i++) {
        const int32_t kept = pieces[i];

        pieces[i] = pieces[*n - 1 - i];
        pieces[*n - 1 - i] = kept;
    }
    free(cuts);
    free(prepared);
    return pieces;
}

/* ---- Test ---- */

#define MARK "\xe2\x96\x81"

/* clang-format off */
static const char test_lines[] =
    "<unk>\t0\n"     /*  0 */
    MARK "a\t-1\n"   /*  1: after a space */
    "b\t-2\n"        /*  2 */
    MARK "ab\t-2.5\n" /*  3 */
    "bc\t-1\n"       /*  4 */
    "c\t-3\n"        /*  5 */
    "\xc3\xa9\t-1\n" /*  6: e with an accent */
    "x\t-1\n"        /*  7 */
    "y\t-1\n"        /*  8 */
    "xy\t-2\n"       /*  9 */
    "?!\t-5\n"       /* 10 */
    "b\tnone\n"      /* 11: replaces 2 */
    "a\t-4\n";       /* 12 */
/* clang-format on */

typedef struct test_case {
    const char *text;
    size_t n;
    int32_t pieces[3];
} test_case;

static int try_case(const unigram_tokenizer *tokenizer, const test_case *test) {
    size_t n;
    int32_t *pieces = tokenizer_encode(tokenizer, test->text, &n);
    const int good = n == test->n && memcmp(pieces, test->pieces, n * sizeof *pieces) == 0;

    if (!good) fprintf(stderr, "the %zu pieces of \"%s\" are not those expected\n", n, test->text);
    free(pieces);
    return good;
}

int tokenizer_test(void) {
    static const test_case cases[] = {
        {"", 0, {0}},
        {"ac", 2, {1, 5}},
        {"ab", 2, {1, 11}},        /* -1 + 0 before -2.5 */
        {"abc", 2, {1, 4}},        /* -2; -4 with b and c, -5.5 with ab */
        {"aqqc", 3, {1, 0, 5}},    /* adjacent unknown pieces count once */
        {"a c", 3, {1, 0, 5}},     /* a space that begins no piece is unknown */
        {"ae\xcc\x81", 2, {1, 6}}, /* normalised to one character */
        {"xy", 3, {0, 7, 8}},      /* as good as xy, and y begins later */
        /* Only ?! begins at ?, so no split ends after the ?. The ! is unknown, with a sum of 0, and
         * on the way back so is the ?. */
        {"?!", 1, {0}},
    };
    unigram_tokenizer *tokenizer = tokenizer_create(test_lines, sizeof test_lines - 1, 1);
    int good = 1;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        good &= try_case(tokenizer, cases + i);
    tokenizer_free(tokenizer);
    return good;
}
