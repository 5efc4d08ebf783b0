/* A photograph as a function of its coordinates: brightness = f(x, y). By networks of sines that
 * are trained (siren_networks.c), and by sine features that are fitted in closed form.
 *
 *     siren_image train SIREN|SNNK-SIREN IMAGE.npy FOLDER [--hidden H] [--steps N] > RESULTS
 *     siren_image [--json] [--rivals FILE] [--out DIR] [--budget N] IMAGE.npy
 *     siren_image self-test
 *
 * IMAGE.npy: what image.py writes, a square of gray values 0 ... 1.
 *
 * train: three seeds; H is the width of the SIREN (32) that both networks are as large as, N the
 * steps (2000). FOLDER gets the picture of seed 1.
 *
 * Otherwise the closed form is fitted. --budget: how many numbers a model may store at most (8577;
 * the networks must store as many). --rivals: results of networks to print with these. --out: a
 * folder for the pictures.
 *
 * The closed form: its features are cos(g . x) and sin(g . x), with random rows g of N(0, s^2)
 * (scrambled Sobol points), from a seed. The square [-1, 1]^2 has m independent waves up to the
 * frequency sqrt(pi m), so s is tried around half of that. The best s is chosen on held-out pixels.
 * Then all pixels are fitted, with almost no ridge, because f must give these pixels and no others.
 * Stored are m coefficients, a bias, and s; the rows come from the seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "siren_networks.h"

enum { SEEDS = 3, SCALES = 3, SIZES = 5, SIDE = 48 };
static const double pi = 3.14159265358979323846;

enum { PSNR, SECONDS, COLUMNS };
static const column columns[COLUMNS] = {{"psnr_db", "PSNR, dB", "%.2f"},
                                        {"seconds", "CPU seconds", "%.2g"}};

/* A picture, with the coordinates of its pixels. */
typedef struct image {
    size_t side, n;
    float *X, *y; /* n x 2 in -1 ... 1, n */
} image;

static image make_image(size_t side) {
    image made = {.side = side, .n = side * side};

    made.X = allocate(made.n * 2, sizeof *made.X);
    made.y = allocate(made.n, sizeof *made.y);
    for (size_t i = 0; i < made.n; i++) {
        made.X[2 * i] = (float)(((double)(i / side) + 0.5) / (double)side * 2 - 1);
        made.X[2 * i + 1] = (float)(((double)(i % side) + 0.5) / (double)side * 2 - 1);
    }
    return made;
}

static void image_free(image *picture) {
    free(picture->X);
    free(picture->y);
}

static image read_image(const char *path) {
    image picture;
    snnk_table *table;

    CHECK(snnk_table_open(path, NULL, &table));
    if (snnk_table_rows(table) != snnk_table_columns(table) || snnk_table_columns(table) % 2)
        die("%s is not a square of even side: %zu x %zu", path, snnk_table_rows(table),
            snnk_table_columns(table));
    picture = make_image(snnk_table_columns(table));
    CHECK(snnk_table_read(table, 0, picture.side, picture.y, picture.side));
    snnk_table_free(table);
    return picture;
}

/* ---- Fits ---- */

/* The even part of f, on cosines, and the odd one, on sines. On a grid that -x maps to itself they
 * are independent, and two fits of half the features to half the pixels cost a quarter of one. */
enum { EVEN, ODD, PARITIES };

typedef struct model {
    snnk_layer *layers[PARITIES];
    double heldout_error;
} model;

static void model_free(model *fitted) {
    for (int parity = 0; parity < PARITIES; parity++) snnk_layer_free(fitted->layers[parity]);
}

static snnk_map *make_map(int parity, size_t m, double s, int seed) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = parity == EVEN ? SNNK_COS : SNNK_SIN;
    config.features = m / 2;
    config.seed = (uint64_t)seed;
    config.projection = SNNK_PROJECTION_SOBOL;
    config.projection_scale = s;
    CHECK(snnk_map_create(2, &config, NULL, &map));
    return map;
}

/* Fit m features of scale s. ridge: SNNK_RIDGE_AUTO to get the error of held-out pixels. */
static model fit_features(const image *picture, size_t m, double s, int seed, double ridge) {
    const size_t half = picture->n / 2; /* pixel n - 1 - i is opposite of pixel i */
    float *part = allocate(half, sizeof *part);
    model fitted = {.heldout_error = 0};

    for (int parity = 0; parity < PARITIES; parity++) {
        snnk_map *map = make_map(parity, m, s, seed);
        snnk_fit_config settings;
        snnk_fit_report report = {.size = sizeof report};
        snnk_fit *fit;

        for (size_t i = 0; i < half; i++) {
            const float here = picture->y[i], opposite = picture->y[picture->n - 1 - i];

            part[i] = (parity == EVEN ? here + opposite : here - opposite) / 2;
        }
        CHECK(snnk_fit_config_init(&settings, sizeof settings));
        settings.ridge = ridge;
        settings.precision = SNNK_PRECISION_SINGLE;
        settings.intercept = parity == EVEN;
        CHECK(snnk_fit_create(map, 1, &settings, &fit));
        CHECK(snnk_fit_add(fit, SNNK_ROWS(.n = half, .X = picture->X, .Y = part), NULL));
        CHECK(snnk_fit_solve(fit, NULL, &report, &fitted.layers[parity]));
        fitted.heldout_error += report.heldout_error;
        snnk_fit_free(fit);
        snnk_map_free(map);
    }
    free(part);
    return fitted;
}

/* The pixels as a model gives them. */
static void evaluate(const model *fitted, const image *picture, float *y) {
    float *odd = allocate(picture->n, sizeof *odd);

    CHECK(snnk_layer_forward(fitted->layers[EVEN], picture->n, picture->X, 2, y, 1, NULL));
    CHECK(snnk_layer_forward(fitted->layers[ODD], picture->n, picture->X, 2, odd, 1, NULL));
    for (size_t i = 0; i < picture->n; i++) y[i] += odd[i];
    free(odd);
}

/* Choose s on held-out pixels, with at most 512 features, which tell enough: the best share of
 * sqrt(pi m) is the same for more. */
static double choose_scale(const image *picture, size_t m, int seed) {
    static const double shares[SCALES] = {0.5, 0.55, 0.6};
    const size_t tried = m < 512 ? m : 512;
    double best = INFINITY, share = 0;

    for (int k = 0; k < SCALES; k++) {
        const double s = shares[k] * sqrt(pi * (double)tried);
        model fitted = fit_features(picture, tried, s, seed, SNNK_RIDGE_AUTO);

        if (fitted.heldout_error < best) best = fitted.heldout_error, share = shares[k];
        model_free(&fitted);
    }
    return share * sqrt(pi * (double)m);
}

static double psnr_of(const image *picture, const float *y) {
    double square = 0;

    for (size_t i = 0; i < picture->n; i++) {
        const double clamped = y[i] < 0 ? 0 : y[i] > 1 ? 1 : y[i], delta = clamped - picture->y[i];

        square += delta * delta;
    }
    return -10 * log10(square / (double)picture->n);
}

/* Fit m features to a picture. y: out, its pixels as the fit gives them. */
static result run(const image *picture, size_t m, int seed, float *y) {
    result row = {.method = "closed form", .numbers = m + 2, .seed = seed};
    const double start = cpu_seconds();
    const double s = choose_scale(picture, m, seed);
    model fitted = fit_features(picture, m, s, seed, 1e-6 * (double)picture->n / (double)m);

    row.value[SECONDS] = cpu_seconds() - start;
    evaluate(&fitted, picture, y);
    row.value[PSNR] = psnr_of(picture, y);
    model_free(&fitted);
    return row;
}

/* ---- Networks ---- */

enum { SNNK_FEATURES = 128 };
static const char *const kind_names[SIREN_KINDS] = {"SIREN", "SNNK-SIREN"};

/* y: out, the pixels as the network gives them. */
static result run_network(siren_kind kind, const image *picture, size_t hidden, uint64_t steps,
                          int seed, float *y) {
    siren trained = siren_train(kind, hidden, SNNK_FEATURES, picture->n, picture->X, picture->y,
                                steps, (uint64_t)seed);
    result row = {.numbers = trained.numbers, .seed = seed};

    snprintf(row.method, sizeof row.method, "%s", kind_names[kind]);
    CHECK(snnk_network_forward(trained.network, picture->n, picture->X, 2, y, 1, NULL));
    row.value[PSNR] = psnr_of(picture, y);
    row.value[SECONDS] = trained.seconds;
    snnk_network_free(trained.network);
    return row;
}

/* ---- Output ---- */

static void write_picture(const char *folder, const char *name, size_t side, const float *y) {
    FILE *file = open_output(folder, name);

    for (size_t i = 0; i < side; i++) {
        for (size_t j = 0; j < side; j++) fprintf(file, "%.4g ", y[i * side + j]);
        fputc('\n', file);
    }
    fclose(file);
}

static int train(siren_kind kind, const char *path, const char *folder, size_t hidden,
                 uint64_t steps) {
    static const char *const names[SIREN_KINDS] = {"siren.txt", "snnk_siren.txt"};
    image picture = read_image(path);
    float *y = allocate(picture.n, sizeof *y);

    for (int seed = 1; seed <= SEEDS; seed++) {
        const result row = run_network(kind, &picture, hidden, steps, seed, y);

        result_write(&row, COLUMNS);
        if (seed == 1) write_picture(folder, names[kind], picture.side, y);
    }
    free(y);
    image_free(&picture);
    return 0;
}

/* Titles of the pictures, one a line: the original, SIREN, SNNK-SIREN, closed form. */
static void write_titles(const char *folder, const results *all, size_t side, size_t budget) {
    static const char *const methods[3] = {"SIREN", "SNNK-SIREN", "closed form"};
    FILE *file = open_output(folder, "titles.txt");

    fprintf(file, "original, %zu x %zu\n", side, side);
    for (int k = 0; k < 3; k++)
        fprintf(file, "%s: %.1f dB, %.2g s\n", methods[k],
                results_mean(all, methods[k], k < 2 ? 0 : budget, PSNR),
                results_mean(all, methods[k], k < 2 ? 0 : budget, SECONDS));
    fclose(file);
}

/* Numbers, PSNR and seconds of each run, for siren_image.gp: our runs, then those of rivals. */
static void write_runs(const char *folder, const results *all) {
    FILE *ours = open_output(folder, "closed_form_runs.txt");
    FILE *theirs = open_output(folder, "rival_runs.txt");

    for (size_t i = 0; i < all->n; i++) {
        const result *row = &all->rows[i];

        fprintf(strcmp(row->method, "closed form") == 0 ? ours : theirs, "%zu %.4f %.4f\n",
                row->numbers, row->value[PSNR], row->value[SECONDS]);
    }
    fclose(ours);
    fclose(theirs);
}

/* The fewest numbers with which the closed form has the PSNR of SIREN; 0 if none has. */
static size_t enough_numbers(const results *all, const size_t *sizes) {
    const double wanted = results_mean(all, "SIREN", 0, PSNR);

    for (int k = 0; k < SIZES; k++)
        if (results_mean(all, "closed form", sizes[k], PSNR) >= wanted) return sizes[k];
    return 0;
}

static void print(const results *all, const size_t *sizes, size_t budget, bool json) {
    const double dense = results_mean(all, "SIREN", 0, PSNR);
    const double gain = results_mean(all, "closed form", budget, PSNR) - dense;
    const double snnk = results_mean(all, "SNNK-SIREN", 0, PSNR);
    const double torch = results_mean(all, "SIREN, PyTorch", 0, PSNR);
    const double better = fmax(dense, torch); /* fmax ignores NaN: without PyTorch, ours */
    const size_t enough = enough_numbers(all, sizes);
    const double ratio = enough ? results_mean(all, "closed form", enough, SECONDS) /
                                      results_mean(all, "SIREN", 0, SECONDS)
                                : NAN;

    if (json) {
        printf("{\"experiment\":\"siren_image\",");
        print_number("siren_psnr_db", dense), putchar(',');
        print_number("siren_torch_psnr_db", torch), putchar(',');
        print_number("siren_psnr_gain_db", snnk - better), putchar(',');
        print_number("siren_closed_form_psnr_gain_db", gain), putchar(',');
        print_number("siren_closed_form_time_ratio", ratio), putchar(',');
        print_number("siren_closed_form_numbers_ratio",
                     enough ? (double)enough / (double)budget : NAN);
        putchar(',');
        results_print_json(all);
        printf("}\n");
        return;
    }
    printf("A photograph as a function of its coordinates: means over seeds (standard "
           "deviations).\n\n");
    results_print(all);
    if (!isfinite(dense)) return;
    printf("\nAt equal numbers, against SIREN by our trainer: closed form %+.2f dB, SNNK-SIREN "
           "%+.2f dB (against SIREN by PyTorch %+.2f dB)\n",
           gain, snnk - dense, snnk - torch);
    if (enough)
        printf("The closed form has SIREN's PSNR with %.2f times its numbers, in %.3f of its "
               "time.\n",
               (double)enough / (double)budget, ratio);
    else
        printf("The closed form does not reach SIREN's PSNR.\n");
}

/* ---- Self-test ---- */

/* A picture whose waves the features have must be fitted almost exactly, noise must not. */
static int self_test(void) {
    image picture = make_image(SIDE);
    float *y = allocate(picture.n, sizeof *y);

    for (size_t i = 0; i < picture.n; i++) {
        const float *x = picture.X + 2 * i;

        picture.y[i] = (float)(0.5 + 0.2 * sin(5 * x[0] + 2 * x[1]) + 0.2 * cos(9 * x[1]));
    }
    const double smooth = run(&picture, 400, 1, y).value[PSNR];

    for (size_t i = 0; i < picture.n; i++)
        picture.y[i] = (float)((i * 2654435761u >> 8) % 1000) / 1000;
    const double noise = run(&picture, 400, 1, y).value[PSNR];

    image small = make_image(12);

    for (size_t i = 0; i < small.n; i++) small.y[i] = (float)(0.5 + 0.4 * sin(4 * small.X[2 * i]));
    const double siren_waves = run_network(SIREN, &small, 16, 150, 1, y).value[PSNR];
    const double snnk_waves = run_network(SNNK_SIREN, &small, 16, 150, 1, y).value[PSNR];

    free(y);
    image_free(&picture);
    image_free(&small);
    printf("waves %.1f dB, noise %.1f dB; SIREN %.1f dB, SNNK-SIREN %.1f dB\n", smooth, noise,
           siren_waves, snnk_waves);
    return smooth > 50 && noise < 20 && siren_waves > 30 && snnk_waves > 30 ? 0 : 1;
}

static int train_main(int argc, char **argv) {
    const siren_kind kind = strcmp(argv[2], kind_names[SIREN]) == 0 ? SIREN : SNNK_SIREN;
    size_t hidden = 32;
    uint64_t steps = 2000;

    if (kind != SIREN && strcmp(argv[2], kind_names[SNNK_SIREN]) != 0)
        die("no network is called %s", argv[2]);
    for (int i = 5; i < argc; i += 2) {
        const long value = i + 1 < argc ? atol(argv[i + 1]) : 0;

        if (value < 1) die("%s needs a number", argv[i]);
        if (strcmp(argv[i], "--hidden") == 0)
            hidden = (size_t)value;
        else if (strcmp(argv[i], "--steps") == 0)
            steps = (uint64_t)value;
        else
            die("there is no option %s", argv[i]);
    }
    return train(kind, argv[3], argv[4], hidden, steps);
}

int main(int argc, char **argv) {
    results all = {.n_columns = COLUMNS, .columns = columns};
    const char *folder = NULL, *rivals = NULL, *path = NULL;
    size_t budget = 8577;
    bool json = false;

    if (argc == 2 && strcmp(argv[1], "self-test") == 0) return self_test();
    if (argc >= 5 && strcmp(argv[1], "train") == 0) return train_main(argc, argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else if (strcmp(argv[i], "--rivals") == 0 && i + 1 < argc) {
            rivals = argv[++i];
        } else if (strcmp(argv[i], "--budget") == 0 && i + 1 < argc && atol(argv[i + 1]) >= 16) {
            budget = (size_t)atol(argv[++i]);
        } else if (argv[i][0] != '-' && !path) {
            path = argv[i];
        } else {
            path = NULL;
            break;
        }
    }
    if (!path) {
        fprintf(
            stderr,
            "usage: siren_image [--json] [--rivals FILE] [--out DIR] [--budget N] "
            "IMAGE.npy |\n       siren_image train SIREN|SNNK-SIREN IMAGE.npy FOLDER [--hidden H] "
            "[--steps N] | self-test\n");
        return 2;
    }

    image picture = read_image(path);
    float *y = allocate(picture.n, sizeof *y);
    static const double shares[SIZES] = {0.25, 0.5, 1, 1.25, 1.5};
    size_t sizes[SIZES];

    for (int k = 0; k < SIZES; k++) {
        const size_t m = ((size_t)(shares[k] * (double)budget) - 2) / 2 * 2;

        sizes[k] = m + 2;
        for (int seed = 1; seed <= SEEDS; seed++) {
            const result row = run(&picture, m, seed, y);

            results_add(&all, &row);
            if (folder && shares[k] == 1 && seed == 1)
                write_picture(folder, "closed_form.txt", picture.side, y);
        }
    }
    if (rivals && !results_read(&all, rivals)) die("cannot read %s", rivals);
    budget = sizes[2];
    if (folder) {
        write_picture(folder, "original.txt", picture.side, picture.y);
        write_titles(folder, &all, picture.side, budget);
        write_runs(folder, &all);
    }
    print(&all, sizes, budget, json);
    free(y);
    image_free(&picture);
    results_free(&all);
    return 0;
}
