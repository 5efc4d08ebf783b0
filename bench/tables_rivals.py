"""The rivals of bench_tables: models of scikit-learn, each behind the usual pipeline.

Each fit is a process of its own with one thread, forked from this one, which has imported all: its
seconds are of reading the files, fitting and scoring, without the start of Python and the imports.
Those are measured once, by import_seconds."""
import json
import os
import subprocess
import sys
import traceback
import warnings

THREADS = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"]
for variable in THREADS:  # read when NumPy and scikit-learn are imported
    os.environ[variable] = "1"

import numpy
import pandas
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (HistGradientBoostingClassifier, HistGradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

VERSION = sklearn.__version__
DATE = r"\d{4}-\d\d-\d\d"
ALPHAS = numpy.logspace(-4, 3, 8)  # of both ridge models
FEATURES = 1024                    # of RBFSampler, with its bandwidth from the data


def ridge(task, seed):
    return RidgeCV(ALPHAS) if task == "regression" else RidgeClassifierCV(ALPHAS)


def rbf_sampler(task, seed):
    sampler = RBFSampler(gamma="scale", n_components=FEATURES, random_state=seed)
    return make_pipeline(sampler, ridge(task, seed))


def random_forest(task, seed):
    model = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return model(n_jobs=1, random_state=seed)


def boosting(task, seed):
    model = (HistGradientBoostingRegressor if task == "regression"
             else HistGradientBoostingClassifier)
    return model(random_state=seed)


def mlp(task, seed):
    model = MLPRegressor if task == "regression" else MLPClassifier
    return model(random_state=seed)


RIVALS = {"ridge": ridge, "rbf_sampler": rbf_sampler, "random_forest": random_forest,
          "boosting": boosting, "mlp": mlp}


def read(path, target, task):
    """(inputs, targets) of a CSV file. Classes are words."""
    frame = pandas.read_csv(path)
    y = frame.pop(target)
    return frame, y.astype(str) if task == "classification" else y


def count_days(train, test):
    """Replace each column of ISO dates by days since the first date of the training rows."""
    for name in train.select_dtypes(object):
        if train[name].dropna().astype(str).str.fullmatch(DATE).all():
            first = pandas.to_datetime(train[name]).min()
            for frame in (train, test):
                frame[name] = (pandas.to_datetime(frame[name]) - first).dt.days


def pipeline(X, model):
    """Numbers: the mean for what is missing, then standardised. Words: one column each."""
    numbers = list(X.select_dtypes("number"))
    words = [name for name in X if name not in numbers]
    columns = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
         ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words)])
    return make_pipeline(columns, model)


def fit_and_score(rival, task, target, train, test, seed):
    X, y = read(train, target, task)
    X_test, y_test = read(test, target, task)
    count_days(X, X_test)
    predicted = pipeline(X, RIVALS[rival](task, seed)).fit(X, y).predict(X_test)
    score = r2_score if task == "regression" else accuracy_score
    return float(score(y_test, predicted))


def run(rival, task, target, train, test, seed):
    """The metric and the CPU seconds (user and system) of a rival, in a process of its own. The
    metric is None if it fails; it has said on stderr why."""
    from_child, to_bench = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(from_child)
            warnings.simplefilter("ignore")  # such as 200 iterations that have not converged
            score = fit_and_score(rival, task, target, train, test, seed)
            os.write(to_bench, json.dumps(score).encode())
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(to_bench)
    with os.fdopen(from_child, "rb") as answer:
        text = answer.read()
    _, status, usage = os.wait4(child, 0)
    return {"metric": json.loads(text) if status == 0 and text else None,
            "seconds": usage.ru_utime + usage.ru_stime}


def import_seconds():
    """The CPU seconds of a process that starts Python and imports this module."""
    child = subprocess.Popen([sys.executable, "-c", f"import {__name__}"],
                             cwd=os.path.dirname(os.path.abspath(__file__)))
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime if child.returncode == 0 else None
