#!/usr/bin/env python3
"""Tests of bench_tables without its tables, its rivals and the network: splits of rows, and figures
from made-up runs whose expected values are worked out by hand.

    python3 test_bench_tables.py FOLDER-OF-BENCH
"""
import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv.pop(1))
import bench_tables
import tables_data
import tables_figures as figures


def run(metric, seconds, **further):
    return {"metric": metric, "seconds": seconds, **further}


def about(name, task, in_figures=True):
    return {"name": name, "task": task, "in_figures": in_figures}


def regression():
    """snnk: mean (.5 + .75 + 1) / 3 = .75. The MLP is better, .8; boosting is equal. All numbers
    but .8 are exact in binary."""
    runs = {"snnk": [run(.5, 3, coverage=.875), run(.75, 1, coverage=.9375),
                     run(1.0, 2, coverage=.875)],
            "mlp": [run(.8, 8), run(.8, 9), run(.8, 1)],
            "boosting": [run(.75, 4), run(.75, 4), run(.75, 4)]}
    by_flags = {"--a": [run(.25, 1)], "--b": [run(.625, 6)], "--c": [run(None, 1)]}
    return figures.summarize_table(about("r", "regression"), runs, by_flags)


def classification(name="c", in_figures=True, error=.03125):
    """snnk: .875; the MLP .75, boosting 1."""
    runs = {"snnk": [run(.875, 1, calibration_error=error)], "mlp": [run(.75, 2)],
            "boosting": [run(1.0, 1)]}
    return figures.summarize_table(about(name, "classification", in_figures), runs,
                                   {"--a": [run(.5, 1)], "--b": [run(.4375, 1)]})


class Splits(unittest.TestCase):
    def test_each_row_is_in_one_test_set(self):
        for rows in (5, 7, 23, 100):
            tests = []
            for split in range(figures.FOLDS):
                train, test = figures.split_rows(rows, split)
                self.assertEqual(sorted(train + test), list(range(rows)))
                self.assertIn(len(test), (rows // 5, rows // 5 + 1))
                tests += test
            self.assertEqual(sorted(tests), list(range(rows)))

    def test_rows_are_shuffled_by_the_seed(self):
        _, test = figures.split_rows(1000, 0)
        self.assertNotEqual(test, list(range(0, 1000, 5)))
        self.assertEqual(test, figures.split_rows(1000, 0)[1])
        self.assertNotEqual(test, figures.split_rows(1000, 0, seed=1)[1])
        # 200 of 1000 rows: of the first 500, 100 with standard deviation 6.3 (hypergeometric). Five
        # deviations are allowed.
        self.assertLess(abs(sum(row < 500 for row in test) - 100), 32)

    def test_files_of_a_split_have_all_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            lines = [f"{i},w{i}\n" for i in range(12)]
            (folder / "t.csv").write_text("a,b\n" + "".join(lines))
            train, test = bench_tables.write_split(folder / "t.csv", 1, folder)
            train, test = (pathlib.Path(path).read_text().splitlines(keepends=True)
                           for path in (train, test))
        self.assertEqual(train[0], "a,b\n")
        self.assertEqual(test[0], "a,b\n")
        self.assertEqual(sorted(train[1:] + test[1:]), sorted(lines))


class Figures(unittest.TestCase):
    def test_a_table(self):
        table = regression()
        self.assertEqual(table["methods"]["snnk"],
                         {"metric": .75, "seconds": 2, "parameters": None,
                          "metrics": [.5, .75, 1.0]})
        self.assertEqual(table["methods"]["mlp"]["seconds"], 8)
        self.assertAlmostEqual(table["coverage"], 2.6875 / 3, places=15)
        best = table["best_flags"]
        self.assertEqual((best["flags"], best["metric"], best["splits"]), ("--b", .625, 1))
        self.assertEqual(best["defaults_metric"], .5)  # of the first split only
        self.assertEqual(best["defaults_vs_best_flags"], .8)
        self.assertAlmostEqual(figures.margin(table), -.05, places=15)  # behind the MLP

    def test_figures_of_two_tables(self):
        summary = figures.summarize([regression(), classification()], imports=2.0)
        self.assertEqual(summary["defaults_vs_best_flags_worst"], .8)  # of .8 and .875/.5 = 1.75
        self.assertEqual(summary["wins_vs_mlp"], 1)                    # the classification
        self.assertEqual(summary["wins_vs_boosting"], 1)               # the regression: equal
        self.assertEqual(summary["seconds_vs_mlp_median"], .375)       # of 2/8 and 1/2
        # Of 2/(8 + 2) and 1/(2 + 2).
        self.assertAlmostEqual(summary["seconds_vs_mlp_median_with_imports"], .225, places=15)
        self.assertAlmostEqual(summary["coverage_error_worst"], .9 - 2.6875 / 3, places=15)
        self.assertEqual(summary["calibration_error_worst"], .03125)
        self.assertEqual(summary["tables"], 2)

    def test_tables_that_are_not_in_the_figures(self):
        tables = [classification(), classification("further", in_figures=False, error=.5)]
        self.assertEqual(figures.summarize(tables), figures.summarize(tables[:1]))

    def test_what_is_not_measured_is_none(self):
        table = figures.summarize_table(about("c", "classification"),
                                        {"snnk": [run(.875, 1, calibration_error=None)]}, {})
        summary = figures.summarize([table])
        self.assertEqual({key for key, value in summary.items() if value is not None}, {"tables"})

    def test_a_failure_of_snnk_does_not_win(self):
        runs = {"snnk": [run(.9, 1), run(None, 1)], "mlp": [run(.1, 1), run(.1, 1)]}
        table = figures.summarize_table(about("r", "regression"), runs,
                                        {"--a": [run(.5, 1), run(.5, 1)]})
        self.assertEqual(figures.summarize([table])["wins_vs_mlp"], 0)
        self.assertEqual(figures.summarize([table])["defaults_vs_best_flags_worst"], 0)

    def test_features_of_one_layer(self):
        one = {"parameters": 5000, "m": 100}  # 50 numbers for each feature
        self.assertEqual(figures.equal_features(one, {"parameters": 10010}), 200)
        self.assertEqual(figures.equal_features(one, {"parameters": 10}), 2)
        self.assertEqual(figures.equal_features(one, {"parameters": 1e9}), 8192)
        self.assertIsNone(figures.equal_features(one, {"parameters": None}))
        self.assertIsNone(figures.equal_features({}, {"parameters": 5}))

    def test_boost(self):
        def table(name, metrics, seconds=1):
            return figures.summarize_table(
                about(name, "classification"),
                {method: [run(value, seconds if method == "boost" else 2)]
                 for method, value in metrics.items()}, {})
        # Ranks of boost: 1; 2.5 (equal to the forest, behind one); 5 (it failed).
        tables = [table("a", {"boost": .9, "one_layer": .8, "snnk": .7, "random_forest": .6,
                              "boosting": .5, "mlp": .4}, 2),
                  table("b", {"boost": .8, "one_layer": .8, "snnk": .7, "random_forest": .8,
                              "boosting": .9, "mlp": .4}, 3),
                  table("c", {"boost": None, "one_layer": .1, "snnk": .7, "random_forest": .6,
                              "boosting": .5, "mlp": .4}, 1)]
        summary = figures.summarize(tables)
        self.assertAlmostEqual(summary["boost_rank_vs_rivals"], 8.5 / 3, places=15)
        self.assertEqual(summary["boost_wins_vs_one_layer"], 2)  # the second one is equal
        self.assertEqual(summary["boost_faster_than_mlp"], 2)    # 2 and 1 of 2 seconds
        self.assertIsNone(figures.summarize([regression()])["boost_rank_vs_rivals"])

    def test_goals(self):
        self.assertTrue(figures.reached(7, 7, True))
        self.assertFalse(figures.reached(6, 7, True))
        self.assertTrue(figures.reached(.3, .3, False))
        self.assertFalse(figures.reached(.31, .3, False))
        self.assertIsNone(figures.reached(None, .3, False))
        self.assertEqual({key for key, _, _ in figures.FIGURES} | {"tables"},
                         set(figures.summarize([regression()])))


class Reports(unittest.TestCase):
    def test_losses_come_first(self):
        won = classification("won")
        won["methods"]["boosting"]["metric"] = .5
        tables = [won, regression(), classification("lost")]
        summary = figures.summarize(tables)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            bench_tables.print_table({"program": "snnk", "processor": "p", "splits": 3,
                                      "scikit_learn": "1", "import_seconds": 1.0}, tables, summary)
        first = [line.split()[0] for line in out.getvalue().splitlines() if line.strip()]
        order = [first.index(name) for name in ("lost", "r", "won")]  # margins -.125, -.05, .125
        self.assertEqual(order, sorted(order))
        # This figure misses its goal, so it stands before one that has no goal.
        self.assertLess(first.index("defaults_vs_best_flags_worst"),
                        first.index("wins_vs_boosting"))


class Program(unittest.TestCase):
    """A script in place of snnk, which writes its arguments to a file beside it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = pathlib.Path(folder.name) / "program"
        self.table = tables_data.Table("t", "p", "d", "y", "regression", True)

    def write(self, lines):
        self.program.write_text('#!/bin/sh\necho "$@" >"$0.arguments"\n' + lines)
        self.program.chmod(0o755)

    def arguments(self):
        return (self.program.parent / "program.arguments").read_text().split()

    def test_defaults_are_measured_without_flags(self):
        self.write("""echo '{"task":"regression","test_r2":0.75}'""")
        result = bench_tables.run_snnk(str(self.program), self.table, "a.csv", "b.csv", "m")
        self.assertEqual(result["metric"], .75)
        self.assertGreater(result["seconds"], 0)
        self.assertEqual(self.arguments(), "fit --train a.csv --target y --test b.csv --json "
                                           "--save m".split())

    def test_one_layer_has_as_many_numbers(self):
        self.write("""echo '{"task":"regression","test_r2":0.5,"parameters":12,"m":4}'""")
        runs = {"snnk": [{"parameters": 12, "m": 4}], "boost": [{"parameters": 24}]}
        result = bench_tables.run_one_layer(str(self.program), self.table, "a", "b", "m", runs)
        self.assertEqual(self.arguments()[-2:], ["--m", "8"])
        self.assertEqual((result["metric"], result["parameters"]), (.5, 12))
        with self.assertRaises(bench_tables.BenchError):
            bench_tables.run_one_layer(str(self.program), self.table, "a", "b", "m", {})

    def test_coverage_is_read(self):
        self.write("""echo '{"coverage":0.875,"r2":1}'""")
        self.assertEqual(bench_tables.run_eval(str(self.program), self.table, "b.csv", "m"),
                         {"coverage": .875, "calibration_error": None})
        self.assertEqual(self.arguments(), "eval m --test b.csv --target y --json".split())

    def test_failures_have_no_metric(self):
        for lines in ("exit 1", "echo {", """echo '{"task":"classification","test_accuracy":1}'"""):
            self.write(lines)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                result = bench_tables.run_snnk(str(self.program), self.table, "a", "b", "m")
            self.assertIsNone(result["metric"])
            self.assertNotEqual(said.getvalue(), "")

    def test_cpu_seconds_are_of_the_program(self):
        # sh counts to 100000, which takes far longer than the start of a process.
        self.write("echo {}")
        start = min(bench_tables.run_program([str(self.program)])[1] for _ in range(3))
        self.write("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo {}")
        self.assertGreater(bench_tables.run_program([str(self.program)])[1], 2 * start)


class Data(unittest.TestCase):
    def test_another_version_is_refused(self):
        name = "mlbench/data/Shuttle.rda"
        with tempfile.TemporaryDirectory() as library:
            library = pathlib.Path(library)
            with self.assertRaisesRegex(tables_data.DataError, "has no file mlbench/data/Shuttle"):
                tables_data.checked(library, name, "x.deb")
            (library / name).parent.mkdir(parents=True)
            (library / name).write_bytes(b"other rows")
            with self.assertRaisesRegex(tables_data.DataError, "another version"):
                tables_data.checked(library, name, "x.deb")

    def test_a_failed_download_says_what_to_do(self):
        path = os.environ["PATH"]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            program = folder / "apt-get"
            program.write_text("#!/bin/sh\necho 'E: Temporary failure' >&2\nexit 100\n")
            program.chmod(0o755)
            try:
                os.environ["PATH"] = f"{folder}:{path}"
                with self.assertRaisesRegex(tables_data.DataError,
                                            r"r-cran-mlbench \(E: Temporary failure\).*network"):
                    tables_data.download("r-cran-mlbench", folder)
                program.unlink()
                os.environ["PATH"] = str(folder)
                with self.assertRaisesRegex(tables_data.DataError, "no apt-get"):
                    tables_data.download("r-cran-mlbench", folder)
            finally:
                os.environ["PATH"] = path

    def test_ten_tables_are_in_the_figures(self):
        self.assertEqual(sum(table.in_figures for table in tables_data.TABLES), 10)
        self.assertEqual(len({table.name for table in tables_data.TABLES}), len(tables_data.TABLES))


if __name__ == "__main__":
    unittest.main()
