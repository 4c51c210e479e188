import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import soundfile

from genrebench.report import write
from genrebench.runs.store import RunStore

GENRES = ("Blues", "<script>alert(1)</script>", "Old-Time / Historic", "$x^2$ & co", "Ελληνικά")
HTML = "<img src=x onerror=alert(2)>"


@pytest.fixture(scope="session")
def report_store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture
def report(report_store: RunStore, make_run: Callable, make_predictions: Callable) -> Path:
    """A report on runs whose names contain HTML; created once."""
    out = report_store.root.parent / "report"
    if out.exists():
        return out
    curves = [{"fold": 0, "epoch": i, "train_loss": 1 / i, "validation_f1_micro": 1 - 1 / i} for i in range(1, 9)]

    def add(run_id: str, model: str, skill: float, predictions_seed: int, fit_s: float, **record: object) -> None:
        predictions = make_predictions(n=100, skill=skill, seed=predictions_seed, per_artist=2, genres=GENRES)
        predictions = replace(predictions, ids=(HTML, *predictions.ids[1:]))
        run = make_run(run_id, model=model, predictions=predictions, training_counts=[[9, 8, 7, 6, 5]], **record)
        run = replace(run, timings={"fit_s": fit_s}, facts={"device": "cpu", "note": HTML})
        report_store.begin(run)
        report_store.finish(run, predictions)
        (report_store.folder(run_id) / "curves.jsonl").write_text("\n".join(map(json.dumps, curves)))

    add("svm-0", "svm", 2.0, 0, 1.0)
    add("svm-1", "svm", 2.0, 1, 1.1, seed=1)
    add("cnn-0", "cnn", 1.0, 2, 60.0, options={"note": HTML})
    add("mfcc-0", "mfcc", 2.5, 3, 30.0)
    add("svm-with-a-long-name-20260101-000000-0abc", "svm", 2.0, 4, 1.0, fingerprint="f1", split_seed=1, synthetic=True)
    figures = report_store.folder("cnn-0") / "figures"
    figures.mkdir()
    figure = matplotlib.figure.Figure(figsize=(2, 2))
    figure.savefig(figures / "kernels.png", metadata={"Title": "What <b>it</b> learned"})
    (figures / "broken.png").write_text("no image")
    broken = report_store.folder("broken")
    broken.mkdir()
    (broken / "run.json").write_text("{")
    clip = report_store.root.parent / "clip.wav"
    soundfile.write(clip, np.zeros(800), 8000)
    audio = {"music": dict.fromkeys([HTML, *(f"t{i}" for i in range(100))], clip)}
    write(report_store, out, audio=audio)
    return out


@pytest.fixture
def all_pages(report: Path) -> Iterator[list[Path]]:
    yield sorted(report.rglob("*.html"))
