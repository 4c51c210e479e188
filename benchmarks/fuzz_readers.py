"""Coverage-guided fuzzing of what reads files of strangers: records, predictions, and skops files.

    pip install -e ".[fuzz]"
    python benchmarks/fuzz_readers.py record --seconds 600 --store ../shared/data/store-0.1.0/runs
    python benchmarks/fuzz_readers.py skops --seconds 600

A reader may refuse anything with its expected errors. Another exception, a crash of the process, more than 2 GB of memory or
more than 20 s for one input ends the fuzzing, and the input is kept in the current folder.
"""

import argparse
import contextlib
import csv
import functools
import io
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["genrebench", "skops"]):
    import numpy as np
    import skops.io
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    from genrebench.errors import GenrebenchError
    from genrebench.plugin.contract import Context
    from genrebench.plugin.hosted import BuiltModel
    from genrebench.plugin.sklearn import SklearnModel
    from genrebench.runs.predictions import predictions_from_csv
    from genrebench.runs.record import Run
    from genrebench.runs.result import RunResult
    from genrebench.runs.scored import score
    from genrebench.runs.serialization import curve_point, curves_from_json, record_from_json
    from genrebench.runs.store import RunStore

RNG = np.random.default_rng(0)
LABELS = np.arange(30) % 3
TABLE = RNG.random((30, 4)) + LABELS[:, None]
ESTIMATORS = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(2, max_depth=2)),
    HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=3),
    KNeighborsClassifier(),
    SVC(),
]


def record(data: bytes) -> None:
    """Parse a record and its curves, and show what was parsed."""
    with contextlib.suppress(ValueError, TypeError):
        curve_point(data)
    with contextlib.suppress(ValueError, TypeError):
        curves_from_json(data)
    try:
        run: Run = record_from_json(data)
    except (ValueError, TypeError):
        return
    shown = RunResult(run, RunStore(Path("nowhere")))
    json.dumps(shown.to_json(), allow_nan=False)
    repr(shown)
    json.dumps(run.task.summary(), allow_nan=False)


def predictions(data: bytes) -> None:
    """Parse predictions and score them."""
    with contextlib.suppress(ValueError, csv.Error):
        score(predictions_from_csv(data))


def skops_file(folder: Path, members: list[dict[str, bytes]]) -> Callable[[bytes], None]:
    """Return a target that loads a model from a schema, beside the arrays of an honest file, and predicts with it."""

    def target(data: bytes) -> None:
        which, schema = (data[0] if data else 0) % len(members), data[1:]
        with zipfile.ZipFile(folder / "estimator.skops", "w") as archive:
            for name, content in members[which].items():
                archive.writestr(name, schema if name == "schema.json" else content)
        model = BuiltModel(SklearnModel(Context(("a", "b", "c")), clone(ESTIMATORS[which])), "fuzzed", 3)
        with contextlib.suppress(GenrebenchError):
            model.load(folder)
            model.predict(TABLE)

    return target


def mutate_json(data: bytes, max_size: int, seed: int, prefix: int = 0) -> bytes:
    """Change values of JSON after a prefix, or exchange them, and leave it JSON; now and then change bytes."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    try:
        schema = json.loads(data[prefix:])
    except (ValueError, RecursionError):
        return atheris.Mutate(data, max_size)
    if rng.random() < 0.1:
        return data[:prefix] + atheris.Mutate(data[prefix:], max_size - prefix)
    places: list[tuple[dict | list, str | int]] = []
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            places.append((value, key))
            waiting.append(item)
    for _ in range(rng.randint(1, 4) if places else 0):
        (parent, key), (other, other_key) = rng.choice(places), rng.choice(places)
        names = [
            "os",
            "system",
            "subprocess",
            "Popen",
            "builtins",
            "eval",
            "FunctionNode",
            "ObjectNode",
            "TypeNode",
            "ListNode",
        ]
        choices = ["0", "-1", "1e9", "null", "[]", "{}", 0, -1, 10**9, None, [], {}, True, *names]
        try:
            parent[key] = other[other_key] if rng.random() < 0.5 else rng.choice(choices)
        except (KeyError, IndexError):
            continue
    try:
        return (data[:prefix] + json.dumps(schema).encode())[:max_size]
    except (ValueError, RecursionError):
        return data


def main() -> None:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=("record", "predictions", "skops"))
    parser.add_argument("--store", type=Path, help="a folder of runs to start from")
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        corpus, folder = Path(temporary, "corpus"), Path(temporary, "model")
        corpus.mkdir()
        folder.mkdir()
        mutator = {"custom_mutator": mutate_json} if args.reader == "record" else {}
        if args.reader == "skops":
            members = []
            for number, estimator in enumerate(ESTIMATORS):
                data = skops.io.dumps(clone(estimator).fit(TABLE, LABELS))
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    members.append({name: archive.read(name) for name in archive.namelist()})
                (corpus / str(number)).write_bytes(bytes([number]) + members[-1]["schema.json"])
            target, mutator = skops_file(folder, members), {"custom_mutator": functools.partial(mutate_json, prefix=1)}
        else:
            target = {"record": record, "predictions": predictions}[args.reader]
            name = {"record": "run.json", "predictions": "predictions.csv"}[args.reader]
            for number, file in enumerate(sorted(args.store.glob(f"*/{name}")) if args.store else []):
                (corpus / str(number)).write_bytes(file.read_bytes()[:20_000] if name != "run.json" else file.read_bytes())
        options = [f"-max_total_time={args.seconds}", "-timeout=20", "-rss_limit_mb=2000", "-max_len=300000", str(corpus)]
        atheris.Setup([sys.argv[0], *options], target, **mutator)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
