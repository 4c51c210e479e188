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
EVIL = "<img src=x onerror=alert(2)>"


@pytest.fixture(scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture
def report(own_store: RunStore, make_run: Callable, make_predictions: Callable) -> Path:
    """A report on runs whose names try to break it; made once."""
    out = own_store.root.parent / "report"
    if out.exists():
        return out
    curves = [{"fold": 0, "epoch": i, "train_loss": 1 / i, "validation_f1_micro": 1 - 1 / i} for i in range(1, 9)]

    def add(run_id: str, model: str, skill: float, answers_seed: int, cost: float, **record: object) -> None:
        answers = make_predictions(n=100, skill=skill, seed=answers_seed, per_artist=2, genres=GENRES)
        answers = replace(answers, ids=(EVIL, *answers.ids[1:]))
        run = make_run(run_id, model=model, predictions=answers, training_counts=[[9, 8, 7, 6, 5]], **record)
        run = replace(run, timings={"fit_s": cost}, facts={"device": "cpu", "note": EVIL})
        own_store.begin(run)
        own_store.finish(run, answers)
        (own_store.folder(run_id) / "curves.jsonl").write_text("\n".join(map(json.dumps, curves)))

    add("svm-0", "svm", 2.0, 0, 1.0)
    add("svm-1", "svm", 2.0, 1, 1.1, seed=1)
    add("cnn-0", "cnn", 1.0, 2, 60.0, options={"note": EVIL})
    add("mfcc-0", "mfcc", 2.5, 3, 30.0)
    add("other-0", "svm", 2.0, 4, 1.0, fingerprint="f1", split_seed=1, synthetic=True)
    figures = own_store.folder("cnn-0") / "figures"
    figures.mkdir()
    figure = matplotlib.figure.Figure(figsize=(2, 2))
    figure.savefig(figures / "kernels.png", metadata={"Title": "What <b>it</b> learned"})
    (figures / "broken.png").write_text("no image")
    broken = own_store.folder("broken")
    broken.mkdir()
    (broken / "run.json").write_text("{")
    clip = own_store.root.parent / "clip.wav"
    soundfile.write(clip, np.zeros(800), 8000)
    audio = {"music": dict.fromkeys([EVIL, *(f"t{i}" for i in range(100))], clip)}
    write(own_store, out, audio=audio)
    return out


@pytest.fixture
def all_pages(report: Path) -> Iterator[list[Path]]:
    yield sorted(report.rglob("*.html"))
