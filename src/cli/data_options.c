#include "cli/data_options.h"

#include <string.h>

#include "cli/system.h"

const char data_options_help[] =
    "Data (IDX, .npy, or CSV; each may be compressed with gzip):\n"
    "  --train FILE             CSV with inputs and target\n"
    "  --target COLUMN          name of its target column (default: the last)\n"
    "  --train-images FILE      inputs, one row each; also --train-inputs\n"
    "  --train-labels FILE      their targets; also --train-targets\n"
    "  --test FILE              CSV to score the model on; columns are found by name\n"
    "  --test-images FILE       test data as two files; also --test-inputs\n"
    "  --test-labels FILE       also --test-targets\n"
    "  --separator C            of CSV: ',', ';', '|', tab or space (default: found)\n"
    "  --decimal C              decimal point of CSV: '.' or ',' (default: found)\n"
    "  --no-header              the first line of CSV has no column names (default: found)\n"
    "  --columns A,B,...        use only these inputs: names, or numbers from 1 (default: all\n"
    "                           but the target and the following)\n"
    "  --drop A,B,...           do not use these columns\n"
    "  --weights COLUMN         how much each row counts: numbers >= 0\n"
    "  --group COLUMN           rows with equal values are held out together\n"
    "  --date-parts             dates become times of year, week and day too\n"
    "  --missing MODE           inputs missing in CSV become the mean or the median, or are\n"
    "                           refused (refuse). Default: known: they become the mean, but\n"
    "                           later ones are refused in columns that miss none here\n"
    "  --missing-words A,B,...  the texts that mean missing (default: NA,N/A,n/a,#N/A,NaN,nan,\n"
    "                           NULL,null,None,?); empty fields always do\n"
    "  --task TASK              classification or regression (default: classification if\n"
    "                           the targets are words, up to 20 different whole numbers, or\n"
    "                           up to 1000 in a file of labels; a column of both words and\n"
    "                           numbers is refused: a number may be missing)\n"
    "  --balance                let all classes count the same, however many rows they have\n";

void data_options_init(data_options *o) {
    *o = (data_options){.task = NULL};
    o->train.missing = SNNK_MISSING_KNOWN;
}

bool is_data_option(int option) { return option >= DATA_TRAIN && option < DATA_OPTIONS_END; }

bool is_decided_by_model(int option) {
    return option == DATA_TASK || option == DATA_BALANCE || option == DATA_COLUMNS ||
           option == DATA_DROP || option == DATA_MISSING || option == DATA_DATE_PARTS;
}

bool data_option_set(int option, const char *value, data_options *o) {
    switch (option) {
    case DATA_TRAIN: o->train.table = value; return true;
    case DATA_TARGET: o->train.target = value; return true;
    case DATA_TRAIN_INPUTS: o->train.inputs = value; return true;
    case DATA_TRAIN_TARGETS: o->train.targets = value; return true;
    case DATA_TRAIN_LABELS:
        o->train.targets = value;
        o->train.labels = true;
        return true;
    case DATA_TEST: o->test.table = value; return true;
    case DATA_TEST_INPUTS: o->test.inputs = value; return true;
    case DATA_TEST_TARGETS: o->test.targets = value; return true;
    case DATA_MISSING_WORDS: o->train.missing_words = value; return true;
    case DATA_DATE_PARTS: o->train.date_parts = true; return true;
    case DATA_COLUMNS: o->train.columns = value; return true;
    case DATA_DROP: o->train.drop = value; return true;
    case DATA_WEIGHTS: o->train.weights = value; return true;
    case DATA_GROUP: o->train.group = value; return true;
    case DATA_NO_HEADER: o->train.no_header = o->test.no_header = true; return true;
    case DATA_BALANCE: o->balance = true; return true;
    case DATA_SEPARATOR:
        return read_separator(value, &o->train.separator) &&
               read_separator(value, &o->test.separator);
    case DATA_DECIMAL:
        return read_decimal(value, &o->train.decimal) && read_decimal(value, &o->test.decimal);
    case DATA_MISSING: return find_value(value, snnk_missing_name, &o->train.missing);
    default: /* DATA_TASK */
        o->task = value;
        return strcmp(value, "classification") == 0 || strcmp(value, "regression") == 0;
    }
}

const char *data_option_takes(int option) {
    switch (option) {
    case DATA_SEPARATOR: return SEPARATOR_TAKES;
    case DATA_DECIMAL: return DECIMAL_TAKES;
    case DATA_MISSING: return "mean, median, refuse or known";
    default: return "classification or regression"; /* DATA_TASK */
    }
}

/* Check that one table or a pair of files is given, or, unless it is needed, nothing. */
static int check_files(const char *command, const data_files *files, const char *what,
                       bool needed) {
    const bool pair = files->inputs || files->targets;

    if (files->table && pair)
        return wrong_usage(command, "use either --%s or --%s-images and --%s-labels", what, what,
                           what);
    if (pair && !(files->inputs && files->targets))
        return wrong_usage(command, "--%s-%s is missing", what,
                           files->inputs ? "labels" : "images");
    if (needed && !files->table && !pair)
        return wrong_usage(command,
                           "--train FILE, or --train-images and --train-labels, is missing");
    return EXIT_OK;
}

int data_options_check(const char *command, const data_options *o) {
    const int exit_status = check_files(command, &o->train, "train", true);

    if (exit_status != EXIT_OK) return exit_status;
    if (o->train.columns && o->train.drop)
        return wrong_usage(command, "use either --columns or --drop");
    if (o->train.target && !o->train.table)
        return wrong_usage(command, "--target needs --train FILE");
    return check_files(command, &o->test, "test", false);
}

int data_options_check_written(const char *command, const data_options *o, const char *option,
                               const char *path) {
    const char *const read[] = {o->train.table, o->train.inputs, o->train.targets,
                                o->test.table,  o->test.inputs,  o->test.targets};

    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (same_file(path, read[i]))
            return wrong_usage(command, "%s %s would overwrite the input %s", option, path,
                               read[i]);
    return EXIT_OK;
}

void data_options_like(const snnk_network *model, data_options *o) {
    if (!o->train.target && o->train.table) o->train.target = snnk_network_note(model, "target");
    if (!o->train.weights) o->train.weights = snnk_network_note(model, "weights");
    if (!o->train.group) o->train.group = snnk_network_note(model, "group");
    if (!o->train.missing_words) o->train.missing_words = snnk_network_note(model, "missing_words");
}

int data_options_open_test(const char *command, const data_options *o, const snnk_network *notes,
                           const task *what, const dataset *train, dataset *test) {
    data_files files = o->test;
    int exit_status;

    if (!files.table && !files.inputs) return EXIT_OK;
    files.target = snnk_network_note(notes, "target");
    files.missing_words = snnk_network_note(notes, "missing_words");
    exit_status =
        dataset_open(command, &files, snnk_network_note(notes, "columns"), train->encoder, test);
    return exit_status == EXIT_OK ? task_check(command, what, dataset_raw_inputs(train), test)
                                  : exit_status;
}
