"""Fit and predict_proba of svm-baseline against SVC(probability=True), in one process on the same cores.

    benchmarks/svm.py [--json] [--rows 4000] [--columns 518] [--workers 2] [--seed 0]
    benchmarks/svm.py --features features.csv --labels labels.csv [--json]

Without files the table is synthetic: 16 genres in the proportions of FMA medium, a quarter as many test tracks as training
ones. With them (FMA's forms of features.csv and of a list of track_id, genre, split) it is the accuracy table: predict and
probabilities of ours and of scikit-learn's on real rows.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from measuring import peak_rss_mb, show
from populations import FMA_MEDIUM

from genrebench.api import Context, Examples, log_loss
from genrebench_svm import SvmOptions
from genrebench_svm.model import SvmModel


def synthetic(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Tracks around genre centres in 24 hidden dimensions, mixed into the columns; an RBF SVM gets about two thirds right."""
    rng = np.random.default_rng(seed)
    shares = np.array(FMA_MEDIUM) / sum(FMA_MEDIUM)
    labels = np.concatenate([np.repeat(np.arange(16), 4), rng.choice(16, size=rows - 64, p=shares)])
    hidden = 0.4 * rng.normal(size=(16, 24))[labels] + rng.normal(size=(rows, 24))
    table = hidden @ rng.normal(size=(24, columns)) / np.sqrt(24) + rng.normal(size=(rows, columns))
    order = rng.permutation(rows)
    return table[order], labels[order]


def ours(train: tuple, test: tuple, workers: int, seed: int, engine: str) -> dict:
    """Time, probabilities and predictions of svm-baseline."""
    n_genres = int(max(train[1].max(), test[1].max())) + 1
    start, processor = time.perf_counter(), time.process_time()
    model = SvmModel(Context(genres=tuple(map(str, range(n_genres))), seed=seed, workers=workers), SvmOptions(engine=engine))
    examples = Examples(train[0], train[1], np.arange(len(train[1])))
    model.fit(examples, Examples(train[0][:0], train[1][:0], np.arange(0)))
    probabilities = model.predict_proba(test[0])
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {
        "seconds": seconds,
        "cpu": processor,
        "log_loss": log_loss(test[1], probabilities),
        "probabilities": probabilities,
        "accuracy": float((probabilities.argmax(axis=1) == test[1]).mean()),
        "accuracy_predict": float((model.predict(test[0]) == test[1]).mean()),
    }


def plain(train: tuple, test: tuple, seed: int) -> dict:
    """The same of scikit-learn's pipeline, as the challenge's reference has it."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    start, processor = time.perf_counter(), time.process_time()
    machine = SVC(C=1.0, gamma=1 / train[0].shape[1], probability=True, random_state=seed, cache_size=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated in scikit-learn 1.9: it is what we compare with
        model = make_pipeline(StandardScaler(), machine).fit(*train)
    probabilities = np.zeros((len(test[1]), int(max(train[1].max(), test[1].max())) + 1))
    probabilities[:, machine.classes_] = model.predict_proba(test[0])
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {
        "seconds": seconds,
        "cpu": processor,
        "log_loss": log_loss(test[1], probabilities),
        "probabilities": probabilities,
        "accuracy": float((probabilities.argmax(axis=1) == test[1]).mean()),
        "accuracy_predict": float((model.predict(test[0]) == test[1]).mean()),
    }


def read(features: str, labels: str) -> tuple[tuple, tuple]:
    """Filled rows of FMA's features.csv with the split of a list of labels."""
    import pandas as pd

    table = pd.read_csv(features, index_col=0, header=[0, 1, 2]).dropna()
    names = pd.read_csv(labels, index_col="track_id").loc[table.index]
    genre = names["genre"] if "genre" in names else names["genre_top"]
    y = np.unique(genre, return_inverse=True)[1]
    parts = [(names["split"] == part).to_numpy() for part in ("training", "test")]
    return tuple((table.to_numpy(dtype=float)[part], y[part]) for part in parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=4000, help="training tracks")
    parser.add_argument("--columns", type=int, default=518)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--features", help="FMA's features.csv, or some of its columns")
    parser.add_argument("--labels", help="CSV of track_id, genre, split")
    options = parser.parse_args()
    if options.features:
        train, test = read(options.features, options.labels)
    else:
        table, labels = synthetic(options.rows + options.rows // 4, options.columns, options.seed)
        train, test = (table[: options.rows], labels[: options.rows]), (table[options.rows :], labels[options.rows :])

    ours(tuple(x[:200] for x in train), test, options.workers, options.seed, "auto")  # imports and thread pools
    runs = {"plain_sklearn": ours(train, test, options.workers, options.seed, "scikit-learn")}
    try:
        import sklearnex  # noqa: F401
    except ImportError:
        runs["extra"] = None
    else:
        runs["extra"] = ours(train, test, options.workers, options.seed, "auto")
    ours_peak = peak_rss_mb()
    reference = plain(train, test, options.seed)
    best = runs["extra"] or runs["plain_sklearn"]
    result = {
        "ratio": reference["seconds"] / best["seconds"],
        "ratio_plain_sklearn": reference["seconds"] / runs["plain_sklearn"]["seconds"],
        "ours": best["seconds"],
        "ours_plain_sklearn": runs["plain_sklearn"]["seconds"],
        "plain": reference["seconds"],
        "unit": "s",
        "ours_cpu": best["cpu"],
        "plain_cpu": reference["cpu"],
        "extra": runs["extra"] is not None,
        "peak_rss_mb": ours_peak,
        "rows": len(train[1]),
        "columns": train[0].shape[1],
        "log_loss": best["log_loss"],
        "log_loss_plain": reference["log_loss"],
        "log_loss_difference": abs(best["log_loss"] - reference["log_loss"]),
        "largest_probability_difference": float(np.abs(best["probabilities"] - reference["probabilities"]).max()),
        "accuracy_probabilities": best["accuracy"],
        "accuracy_probabilities_plain": reference["accuracy"],
        "accuracy_predict": best["accuracy_predict"],
        "accuracy_predict_plain": reference["accuracy_predict"],
    }
    show(result, options.json, digits=7)


if __name__ == "__main__":
    main()
