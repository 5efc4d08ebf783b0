#!/usr/bin/python3
"""Fit real tables with the program snnk without flags, and with scikit-learn's models.

Each table is read from the same CSV files by all: words, missing values and dates as they come. A
split has a fifth of the rows, after a shuffle, as test rows. In each split all methods run in turn:

  snnk           snnk fit --train FILE --target COLUMN --test FILE --json --save FILE
  best_flags     the best of a fixed list of flags for snnk fit, chosen by its test rows, on the
                 first split (--full: on all). It is a bound for the choice of defaults, not a
                 method
  boost          snnk fit --boost 3: features that are added in rounds
  one_layer      snnk fit --m M, with the M that makes the model as many numbers as that of boost,
                 but at most 8192. Needs snnk and boost
  ridge          RidgeCV, or RidgeClassifierCV
  rbf_sampler    RBFSampler with 1024 components, and ridge
  random_forest  RandomForest*
  boosting       HistGradientBoosting*
  mlp            MLP* with one hidden layer of 100

The models of scikit-learn have their defaults, one thread, and the usual pipeline before them.
Metrics are R2 of a regression and accuracy of a classification, means over splits. Seconds are CPU
seconds of a whole process, user and system, of all its threads: medians over splits. Those of
scikit-learn are without the start of Python and the imports, which are measured once.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import tables_data
import tables_figures as figures

RIVALS = ["ridge", "rbf_sampler", "random_forest", "boosting", "mlp"]
METHODS = ["snnk", "boost", "one_layer", "best_flags"] + RIVALS
BOOST = "--boost 3".split()

FLAGS = [
    "--features identity",
    "--scaling common",
    "--scaling standardize",
    "--scaling standardize --choose gcv",
    "--features gaussian --scaling standardize --projection-scale 0.2",
    "--scaling common --m 4096",
    "--scaling standardize --m 4096",
    "--scaling standardize --m 4096 --linear",
    "--scaling standardize --m 4096 --choose gcv",
    "--scaling standardize --m 4096 --order 2",
    "--scaling common --m 4096 --offset-scale 1",
    "--features gaussian --scaling common --m 4096 --projection-scale 0.5",
    "--features gaussian --scaling common --m 4096 --projection-scale 1",
    "--features gaussian --scaling common --m 4096 --projection-scale 2",
    "--features gaussian --scaling standardize --m 4096 --projection-scale 0.1",
    "--features gaussian --scaling standardize --m 4096 --projection-scale 0.2",
    "--features gaussian --scaling standardize --m 4096 --projection-scale 0.4",
]


class BenchError(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- snnk ----

def run_program(command):
    """(JSON object or None, CPU seconds) of a run of the program with --json."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), errors.seek(0)
        answer, error = out.read(), errors.read().decode(errors="replace").strip()
    if child.returncode == 130:
        raise KeyboardInterrupt
    seconds = usage.ru_utime + usage.ru_stime
    if child.returncode != 0:
        say(f"  failed: {' '.join(command)}\n  {error}")
        return None, seconds
    try:
        return json.loads(answer), seconds
    except ValueError as error:
        say(f"  not one JSON object: {' '.join(command)}\n  {error}")
        return None, seconds


def run_snnk(program, table, train, test, model, flags=()):
    """Fit and score. The model file is written for run_eval; its seconds count."""
    answer, seconds = run_program([program, "fit", "--train", train, "--target", table.target,
                                   "--test", test, "--json", "--save", model, *flags])
    key = "test_r2" if table.task == "regression" else "test_accuracy"
    metric = answer.get(key) if answer else None
    if answer and metric is None:
        say(f"  snnk took {table.name} for a {answer.get('task')}, not a {table.task}")
    sizes = {key: answer.get(key) if answer else None for key in ("parameters", "m")}
    return {"metric": metric, "seconds": seconds, **sizes}


def run_one_layer(program, table, train, test, model, runs):
    """One layer of as many numbers as the last run of boost."""
    try:
        m = figures.equal_features(runs["snnk"][-1], runs["boost"][-1])
    except KeyError:
        raise BenchError("one_layer needs the methods snnk and boost before it")
    if m is None:
        return {"metric": None, "seconds": 0.0}
    return run_snnk(program, table, train, test, model, ["--m", str(m)])


def run_eval(program, table, test, model):
    """How well intervals cover, and probabilities are calibrated: None where snnk says nothing."""
    answer, _ = run_program([program, "eval", model, "--test", test, "--target", table.target,
                             "--json"])
    answer = answer or {}
    return {key: answer.get(key) for key in ("coverage", "calibration_error")}


def program_version(program):
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True)
    except OSError as error:
        raise BenchError(f"cannot run {program} ({error.strerror}). Build it, or name it with "
                         "--program")
    return answer.stdout.splitlines()[0] if answer.stdout else "unknown"


# ---- Runs ----

def write_split(csv, split, folder):
    """Write the training and the test file of a split, and return their paths."""
    header, *rows = csv.read_text().splitlines(keepends=True)
    parts = figures.split_rows(len(rows), split)
    paths = [folder / "train.csv", folder / "test.csv"]
    for path, part in zip(paths, parts):
        path.write_text(header + "".join(rows[i] for i in part))
    return [str(path) for path in paths]


def run_split(options, table, split, runs, by_flags):
    """Run all methods on a split of a table, and append to runs and by_flags."""
    with tempfile.TemporaryDirectory(prefix="bench_tables_") as folder:
        folder = pathlib.Path(folder)
        model = str(folder / "model.safetensors")
        train, test = write_split(options.csv[table.name], split, folder)
        for method in options.methods:
            if method == "snnk":
                run = run_snnk(options.program, table, train, test, model)
                if run["metric"] is not None:
                    run.update(run_eval(options.program, table, test, model))
            elif method == "boost":
                run = run_snnk(options.program, table, train, test, model, BOOST)
            elif method == "one_layer":
                run = run_one_layer(options.program, table, train, test, model, runs)
            elif method == "best_flags":
                if table.in_figures and (split == 0 or options.full):
                    run_flags(options, table, split, train, test, model, by_flags)
                continue
            else:
                run = options.rivals.run(method, table.task, table.target, train, test, split)
            runs.setdefault(method, []).append(run)
            report_run(options, table, split, method, run)


def run_flags(options, table, split, train, test, model, by_flags):
    for flags in FLAGS:
        run = run_snnk(options.program, table, train, test, model, flags.split())
        by_flags.setdefault(flags, []).append(run)
        report_run(options, table, split, flags, run)


def report_run(options, table, split, what, run):
    metric = "failed" if run["metric"] is None else f"{run['metric']:.4f}"
    numbers = f", {run['parameters']} numbers" if run.get("parameters") else ""
    say(f"{table.name}, split {split + 1} of {options.splits}: {what} {metric}, "
        f"{run['seconds']:.1f} s{numbers}")


def measure(options):
    """Run everything, split by split, and return the tables' means."""
    runs = {table.name: {} for table in options.tables}
    by_flags = {table.name: {} for table in options.tables}
    for split in range(options.splits):
        for table in options.tables:
            run_split(options, table, split, runs[table.name], by_flags[table.name])
    return [figures.summarize_table(describe(table, options.csv[table.name]), runs[table.name],
                                    by_flags[table.name]) for table in options.tables]


def describe(table, csv):
    with open(csv) as lines:
        columns = len(next(lines).split(",")) - 1
        rows = sum(1 for _ in lines)
    return {"name": table.name, "data": f"{table.package}: {table.data}", "rows": rows,
            "inputs": columns, "task": table.task,
            "metric": "r2" if table.task == "regression" else "accuracy",
            "in_figures": table.in_figures}


def processor_name():
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return os.uname().machine


# ---- Reports ----

def print_json(about, tables, summary):
    print(json.dumps({**about, "tables": tables, "summary": summary}))


def cell(result):
    if not result:
        return "-"
    metric = "failed" if result["metric"] is None else f"{result['metric']:.4f}"
    return f"{metric} ({result['seconds']:.1f})"


def print_rows(tables, columns):
    print(f"{'':12}" + "".join(f"{column:>17}" for column in columns))
    for table in tables:
        cells = [table["best_flags"] if column == "best_flags" else table["methods"].get(column)
                 for column in columns]
        mark = "" if table["in_figures"] else " *"
        print(f"{table['name'] + mark:12}" + "".join(f"{cell(value):>17}" for value in cells))


def print_table(about, tables, summary):
    """For people: first the tables where the best rival is ahead of snnk, the widest gap first."""
    print(f"{about['program']}, scikit-learn {about['scikit_learn'] or 'not run'}, "
          f"{about['splits']} split(s), {about['processor']}")
    print("R2 or accuracy (CPU seconds)"
          + (f"; imports of scikit-learn, {about['import_seconds']:.1f} s, are not in its seconds"
             if about["import_seconds"] else ""))
    columns = ["snnk"] + [method for method in METHODS[1:] if
                          any(method in table["methods"] or
                              method == "best_flags" and table["best_flags"] for table in tables)]
    ordered = sorted(tables, key=figures.margin)
    compared = any(method in RIVALS for method in columns)
    losses = [table for table in ordered if figures.margin(table) < 0] if compared else []
    if losses:
        print("\nsnnk is behind the best rival:")
        print_rows(losses, columns)
    others = [table for table in ordered if table not in losses]
    if others:
        print("\nsnnk is not behind:" if compared else "")
        print_rows(others, columns)
    if any(not table["in_figures"] for table in tables):
        print("* not in the figures")
    for table in ordered:
        print_numbers(table)
        if table["best_flags"]:
            print_best(table["name"], table["best_flags"])
    print_figures(summary)


def print_numbers(table):
    """How many numbers the models have that are compared at equal numbers: medians over splits."""
    counts = [table["methods"].get(method, {}).get("parameters") for method in
              ("boost", "one_layer")]
    if all(counts):
        print(f"{table['name']}: boost has {counts[0]:.0f} numbers, one_layer {counts[1]:.0f}")


def print_best(name, best):
    """The best flags of a table. Its splits may be fewer than those of the other methods."""
    defaults = "failed" if best["defaults_metric"] is None else f"{best['defaults_metric']:.4f}"
    print(f"{name}: best flags on {best['splits']} split(s) {best['metric']:.4f}, no flags "
          f"{defaults}: {best['flags']}")


def print_figures(summary):
    """The figures, first those that miss their goal."""
    lines = []
    for key, goal, larger in figures.FIGURES:
        value = summary[key]
        reached = figures.reached(value, goal, larger)
        text = "not measured" if value is None else f"{value:.4g}"
        if goal is not None:
            text += f" ({'at least' if larger else 'at most'} {goal} wanted)"
        verdict = {False: "missed", True: "reached", None: ""}[reached]
        lines.append((reached is not False, f"  {key:36}{text} {verdict}".rstrip()))
    print(f"\nFigures of {summary['tables']} tables:")
    for _, line in sorted(lines, key=lambda entry: entry[0]):
        print(line)


# ---- Options ----

def names(text, known, what):
    chosen = text.split(",")
    for name in chosen:
        if name not in known:
            raise BenchError(f"there is no {what} '{name}'; there are {', '.join(known)}")
    return [name for name in known if name in chosen]


def parse(arguments):
    beside = pathlib.Path(sys.argv[0]).absolute().parent
    parser = argparse.ArgumentParser(
        prog="bench_tables", description=__doc__.split("\n\n", 1)[0],
        epilog=__doc__.split("\n\n", 1)[1], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="one split, small tables only")
    parser.add_argument("--tables", metavar="A,B", help="only these tables: "
                        + ", ".join(table.name for table in tables_data.TABLES))
    parser.add_argument("--splits", type=int, metavar="N", choices=range(1, figures.FOLDS + 1),
                        help=f"the first N of {figures.FOLDS} splits (default: all)")
    parser.add_argument("--only", metavar="A,B",
                        help="only these methods: " + ", ".join(METHODS))
    parser.add_argument("--full", action="store_true", help="best_flags on all splits")
    parser.add_argument("--program", metavar="FILE", default=str(beside.parent / "snnk"),
                        help="the program snnk (default: of the same build)")
    parser.add_argument("--cache", metavar="FOLDER", default=str(tables_data.default_folder()),
                        help="where the tables are kept (default: ~/.cache/snnk/tables)")
    return parser.parse_args(arguments)


def prepare(options):
    """Complete the options: tables with their CSV files, methods, rivals."""
    by_name = {table.name: table for table in tables_data.TABLES}
    chosen = names(options.tables, list(by_name), "table") if options.tables else [
        name for name, table in by_name.items() if table.quick or not options.quick]
    options.tables = [by_name[name] for name in chosen]
    options.splits = options.splits or (1 if options.quick else figures.FOLDS)
    options.methods = names(options.only, METHODS, "method") if options.only else METHODS
    options.version = program_version(options.program)
    options.rivals = None
    if any(method in RIVALS for method in options.methods):
        try:
            import tables_rivals
        except ImportError as error:
            raise BenchError(f"{error}. Install what is needed: {tables_data.NEEDED}")
        options.rivals = tables_rivals
    options.csv = {table.name: tables_data.csv_file(table, options.cache)
                   for table in options.tables}


def main(arguments):
    options = parse(arguments)
    try:
        prepare(options)
        tables = measure(options)
    except (BenchError, tables_data.DataError, OSError) as error:
        say(f"bench_tables: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    about = {"program": options.version, "processor": processor_name(), "splits": options.splits,
             "scikit_learn": options.rivals.VERSION if options.rivals else None,
             "import_seconds": options.rivals.import_seconds() if options.rivals else None}
    summary = figures.summarize(tables, about["import_seconds"])
    (print_json if options.json else print_table)(about, tables, summary)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
