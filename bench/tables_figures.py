"""Splits of rows, and the figures of bench_tables. Standard library only."""
import random
import statistics

FOLDS = 5
COVERAGE = 0.9  # of the intervals

# (key, goal, whether a larger figure is better). No goal: reported only.
FIGURES = [("defaults_vs_best_flags_worst", 0.99, True),
           ("wins_vs_mlp", 7, True),
           ("wins_vs_boosting", None, True),
           ("seconds_vs_mlp_median", 0.3, False),
           ("seconds_vs_mlp_median_with_imports", None, False),
           ("coverage_error_worst", 0.02, False),
           ("calibration_error_worst", 0.05, False),
           ("boost_wins_vs_one_layer", 7, True),
           ("boost_rank_vs_rivals", 2.2, False),
           ("boost_faster_than_mlp", 8, True)]
MOST_FEATURES = 8192  # of the one layer that is compared with boost
RANKED = ["boost", "snnk", "random_forest", "boosting", "mlp"]


def split_rows(rows, split, seed=0):
    """(training rows, test rows) of a split, both in increasing order. The rows are shuffled, and
    row number i is for the test if i mod FOLDS is the split.

    They are shuffled because most tables are in some order: wine by class, Boston by neighbourhood,
    Chicago by day. Without it the test rows could be of a kind that is not in the training rows.
    """
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    test = sorted(order[split::FOLDS])
    train = sorted(row for i, row in enumerate(order) if i % FOLDS != split)
    return train, test


def mean(values):
    """The mean, or None if there are no values or one is None."""
    values = list(values)
    return statistics.fmean(values) if values and None not in values else None


def median(values):
    """The median of the values that are not None, or None if there are none."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def largest(values):
    return max((value for value in values if value is not None), default=None)


def summarize_method(runs):
    """The mean metric and the median seconds of a method. runs: a dict for each split."""
    return {"metric": mean(run["metric"] for run in runs),
            "seconds": median(run["seconds"] for run in runs),
            "parameters": median(run.get("parameters") for run in runs),
            "metrics": [run["metric"] for run in runs]}


def equal_features(one, several):
    """How many features one layer needs to have as many numbers as several: an even number, at most
    MOST_FEATURES: fewer numbers than wanted, where m of the run without flags is that of linear
    features, which have few numbers each. one, several: runs with parameters, and m of one. None if one of them failed."""
    if not all((one.get("parameters"), one.get("m"), several.get("parameters"))):
        return None
    m = several["parameters"] * one["m"] / one["parameters"]
    return max(2, min(MOST_FEATURES, 2 * round(m / 2)))


def summarize_best(defaults, by_flags):
    """The best flags of a table, by their mean metric, and what the defaults reach of it.

    defaults: runs without flags. by_flags: {flags: runs}, of the first of these splits. A metric of
    the defaults that is missing counts as 0. A ratio above 1 says that the defaults are better than
    all flags of the list. There is no ratio if the best metric is not positive.
    """
    means = {flags: mean(run["metric"] for run in runs) for flags, runs in by_flags.items()}
    known = {flags: value for flags, value in means.items() if value is not None}
    if not known:
        return None
    best = max(known, key=known.get)
    splits = len(by_flags[best])
    reached = mean(run["metric"] for run in defaults[:splits])
    ratio = (reached or 0.0) / known[best] if defaults and known[best] > 0 else None
    return {"flags": best, "metric": known[best], "splits": splits, "defaults_metric": reached,
            "seconds": median(run["seconds"] for run in by_flags[best]),
            "defaults_vs_best_flags": ratio, "all": means}


def summarize_table(about, runs, by_flags):
    """All means of a table. about: dict with name, task and so on. runs: {method: runs}, each run
    with metric and seconds, and those of snnk with coverage and calibration_error or None."""
    result = dict(about)
    result["methods"] = {method: summarize_method(its) for method, its in runs.items()}
    ours = runs.get("snnk", [])
    result["coverage"] = mean(run.get("coverage") for run in ours)
    result["calibration_error"] = mean(run.get("calibration_error") for run in ours)
    result["best_flags"] = summarize_best(ours, by_flags)
    return result


def metric(table, method):
    return table["methods"].get(method, {}).get("metric")


def wins(tables, rival, ours="snnk"):
    """The number of tables where the mean metric of our method is at least the rival's. None if one
    of them was not measured. A table where ours has failed is not won."""
    rated = [table for table in tables
             if ours in table["methods"] and metric(table, rival) is not None]
    if not rated:
        return None
    return sum(metric(table, ours) is not None and metric(table, ours) >= metric(table, rival)
               for table in rated)


def mean_rank(tables, method, methods):
    """The mean over tables of a method's rank among all: 1 is the best, equal ones share the mean of
    their ranks, and a method that failed is the last. None if a table lacks one of them."""
    ranks = []
    for table in tables:
        if any(other not in table["methods"] for other in methods):
            return None
        values = [-1e300 if metric(table, other) is None else metric(table, other)
                  for other in methods]
        ours = values[methods.index(method)]
        ranks.append(sum(value > ours for value in values)
                     + (sum(value == ours for value in values) + 1) / 2)
    return mean(ranks)


def faster(tables, rival, ours):
    """The number of tables where our method takes at most the rival's seconds. None if no table has
    both."""
    ratios = [ratio for ratio in (seconds_ratio(table, rival, ours=ours) for table in tables)
              if ratio is not None]
    return sum(ratio <= 1 for ratio in ratios) if ratios else None


def seconds_ratio(table, rival, imports=0.0, ours="snnk"):
    """Seconds of our method, divided by the rival's and those of its imports."""
    ours = table["methods"].get(ours, {}).get("seconds")
    theirs = table["methods"].get(rival, {}).get("seconds")
    return ours / (theirs + imports) if ours is not None and theirs else None


def summarize(tables, imports=None):
    """The figures of a run; None for what was not measured. tables: of summarize_table. imports:
    CPU seconds of the rivals' imports, or None."""
    tables = [table for table in tables if table["in_figures"]]
    ratios = [table["best_flags"]["defaults_vs_best_flags"] for table in tables
              if table["best_flags"]]
    coverages = [table["coverage"] for table in tables if table["task"] == "regression"]
    return {
        "defaults_vs_best_flags_worst":
            min((ratio for ratio in ratios if ratio is not None), default=None),
        "wins_vs_mlp": wins(tables, "mlp"),
        "wins_vs_boosting": wins(tables, "boosting"),
        "seconds_vs_mlp_median": median(seconds_ratio(table, "mlp") for table in tables),
        "seconds_vs_mlp_median_with_imports":
            None if imports is None else median(seconds_ratio(table, "mlp", imports)
                                                for table in tables),
        "coverage_error_worst": largest(abs(value - COVERAGE) for value in coverages
                                        if value is not None),
        "calibration_error_worst": largest(table["calibration_error"] for table in tables
                                           if table["task"] == "classification"),
        "boost_wins_vs_one_layer": wins(tables, "one_layer", "boost"),
        "boost_rank_vs_rivals": mean_rank(tables, "boost", RANKED),
        "boost_faster_than_mlp": faster(tables, "mlp", "boost"),
        "tables": len(tables),
    }


def margin(table):
    """The metric of snnk minus that of the best rival. A missing metric of snnk counts as -1."""
    rivals = [metric(table, method) for method in table["methods"]
              if method not in ("snnk", "boost", "one_layer")]
    best = largest(rivals)
    ours = metric(table, "snnk")
    return (-1.0 if ours is None else ours) - (best if best is not None else 0.0)


def reached(value, goal, larger_is_better):
    """Whether a figure reaches its goal; None without a value or a goal."""
    if value is None or goal is None:
        return None
    return value >= goal if larger_is_better else value <= goal
