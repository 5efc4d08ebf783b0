#!/usr/bin/python3
"""Tables and dense networks for uci.c.

    uci.py prepare FOLDER [--rows N]      the tables, as .npy files; prints their names
    uci.py train FOLDER RIVAL TABLE ...   torch or sklearn; a line for each run

The tables are data sets of R packages in Debian (bench/tables_data.py). Words become ones and
zeros for their 20 most frequent values, a missing number becomes the mean, and all columns and the
target get mean 0 and variance 1 on the training rows. Seed s shuffles the rows; a tenth of them,
at most 5000, are for testing, and at most N of the others (default 5000) for training.
FOLDER/TABLE.S.train.npy and FOLDER/TABLE.S.test.npy have the target as their last column.

Networks: d -> 256 -> 256 -> 1 (the big one), d -> 256 -> 16 -> 1, d -> 256 -> 4 -> 1, and
d -> h -> h -> 1 with 1/30 of the numbers of the big one, all with relu; Adam, batches of 64, cosine
schedule. scikit-learn's MLPRegressor is the big one, with its constant rate. Rates were chosen on
seed 0 of "concrete", which is not reported, from 1e-3, 2e-3 and 4e-3.
Prints method, numbers, seed, R2, RMSE (of the standardized target), trainable numbers, CPU
seconds; separated by tabs.
"""
import argparse
import os
import sys
import time
import warnings

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))
import tables_data  # noqa: E402

RATE = 4e-3
BATCH = 64
BIG = 256
SHARE = 30


def modeldata(name, target):
    return tables_data.Table(name, "r-cran-modeldata", name, target, "regression", False)


TABLES = [table for table in tables_data.TABLES if table.task == "regression"]
TABLES += [modeldata("concrete", "compressive_strength"), modeldata("ames", "Sale_Price")]


def encode(column, train):
    """Columns of numbers with mean 0 and variance 1 on the rows `train`."""
    import pandas
    if column.dtype == object:
        dates = pandas.to_datetime(column, format="%Y-%m-%d", errors="coerce")
        if dates.notna().all():
            column = dates.astype("int64") / 8.64e13
        else:
            counts = column[train].value_counts()
            words = sorted(column.value_counts().index[:20], key=lambda word: -counts.get(word, 0))
            column = numpy.stack([column == word for word in words], 1)
    X = numpy.asarray(column, dtype=float).reshape(len(column), -1)
    X = numpy.where(numpy.isfinite(X), X, numpy.nanmean(X[train], 0))
    X = X[:, X.std(0) > 1e-9]
    spread = X[train].std(0)
    spread[spread < 1e-9] = 1  # a word that no training row has
    return (X - X[train].mean(0)) / spread


def prepare(folder, most_rows):
    import pandas
    os.makedirs(folder, exist_ok=True)
    for table in TABLES:
        frame = pandas.read_csv(tables_data.csv_file(table, tables_data.default_folder()))
        frame = frame[frame[table.target].notna()].reset_index(drop=True)
        if table.name == "ames":
            frame[table.target] = numpy.log(frame[table.target])
        for seed in range(4):
            order = numpy.random.default_rng(seed).permutation(len(frame))
            tested = min(len(frame) // 10, 5000)
            test, train = order[:tested], order[tested:tested + most_rows]
            columns = [encode(frame[name], train) for name in frame if name != table.target]
            columns.append(encode(frame[table.target], train))
            data = numpy.concatenate(columns, 1).astype(numpy.float32)
            for part, rows in (("train", train), ("test", test)):
                numpy.save(os.path.join(folder, f"{table.name}.{seed}.{part}.npy"), data[rows])
        print(table.name)


def load(folder, table, seed):
    """X, y, X of the test, y of the test."""
    parts = [numpy.load(os.path.join(folder, f"{table}.{seed}.{part}.npy"))
             for part in ("train", "test")]
    return [piece for part in parts for piece in (part[:, :-1], part[:, -1:])]


def epochs_for(rows):
    """About 1500 steps, but 20 ... 100 epochs; as in uci.c."""
    return min(max(1500 * BATCH // rows, 20), 100)


def numbers_of(widths):
    return sum((before + 1) * after for before, after in zip(widths, widths[1:]))


def small_width(inputs):
    """h of d -> h -> h -> 1 with at most 1/30 of the numbers of the big one."""
    most = numbers_of([inputs, BIG, BIG, 1]) // SHARE
    width = 1
    while numbers_of([inputs, width + 1, width + 1, 1]) <= most:
        width += 1
    return width


def report(table, method, numbers, seed, error, y, seconds):
    mean_square = (error ** 2).mean()
    print(f"{table}: {method}", numbers, seed, f"{1 - mean_square / y.var():.5f}",
          f"{mean_square ** 0.5:.5f}", numbers, f"{seconds:.3f}", sep="\t", flush=True)


def train_torch(table, seed, data, rate):
    import torch
    torch.set_num_threads(1)
    X, y, test, test_y = (torch.tensor(piece) for piece in data)
    inputs, epochs = X.shape[1], epochs_for(len(X))
    small = small_width(inputs)
    for method, hidden in (("MLP 256-256, PyTorch", (BIG, BIG)),
                           ("MLP 256-16, PyTorch", (BIG, 16)), ("MLP 256-4, PyTorch", (BIG, 4)),
                           ("MLP of 1/30, PyTorch", (small, small))):
        torch.manual_seed(seed)
        widths = [inputs, *hidden, 1]
        start = time.process_time()
        layers = []
        for before, after in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        steps = epochs * -(-len(X) // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(network(X[rows]), y[rows]).backward()
                optimizer.step()
                schedule.step()
        seconds = time.process_time() - start
        with torch.no_grad():
            error = (network(test) - test_y).numpy()
        report(table, method, numbers_of(widths), seed, error, test_y.numpy(), seconds)


def train_sklearn(table, seed, data, _rate):
    from sklearn.neural_network import MLPRegressor
    warnings.simplefilter("ignore")  # not converged
    X, y, test, test_y = data
    start = time.process_time()
    network = MLPRegressor((BIG, BIG), batch_size=BATCH, max_iter=epochs_for(len(X)),
                           random_state=seed)
    network.fit(X, y.ravel())
    seconds = time.process_time() - start
    error = network.predict(test).reshape(-1, 1) - test_y
    report(table, "MLP 256-256, scikit-learn", numbers_of([X.shape[1], BIG, BIG, 1]), seed, error,
           test_y, seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["prepare", "train"])
    parser.add_argument("folder")
    parser.add_argument("rival", nargs="?", choices=["torch", "sklearn"])
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    try:
        if options.command == "prepare":
            return prepare(options.folder, options.rows)
    except tables_data.DataError as error:
        sys.exit(str(error))
    train = train_torch if options.rival == "torch" else train_sklearn
    for table in options.tables:
        for seed in options.seeds:
            train(table, seed, load(options.folder, table, seed), options.rate)


if __name__ == "__main__":
    main()
