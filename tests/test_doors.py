"""The plugins of the how-to pages are installed and run: a metric, a split, a dataset."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import threadpoolctl
from sklearn.linear_model import LogisticRegression

import genrebench as gb
from genrebench.api import FeatureTable, sklearn_model
from genrebench.errors import DataError, PluginError, UsageError
from genrebench.plugin.registry import installed_plugins
from tests import tiny

HOWTO = Path(__file__).parents[1] / "docs" / "howto"


def plugin_of(page: str) -> str:
    """The plugin on a page: its block of Python with a hook."""
    blocks = re.findall(r"```python\n(.*?)```", (HOWTO / page).read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "@hookimpl" in block]
    return str(code)


_NUMBERS = itertools.count()  # no two modules of this process have one name


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install plugins in this process."""
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))

    def call(name: str, code: str) -> None:
        site = tiny.install_plugin(tmp_path / f"site-{name}", name, code, f"{name.replace('-', '_')}_{next(_NUMBERS)}")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        installed_plugins.cache_clear()

    yield call
    monkeypatch.undo()
    installed_plugins.cache_clear()


def model(strength: float = 1.0) -> Any:
    def build(context: Any, options: Any) -> Any:
        return LogisticRegression(C=strength)

    return sklearn_model(f"logistic-{strength:g}".replace(".", "-"), "s", build, inputs=lambda _: FeatureTable(source="given"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tiny.write_table(tmp_path / "music", n=60)


def test_the_metric_of_the_page(install: Any, table: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    gb.run([model(), model(0.001)], table, split="artist-cv5", runs=runs)  # before the metric is installed
    install("genrebench-metric", plugin_of("metric.md"))
    (board,) = gb.leaderboard(runs=runs, metrics=["top_2", "brier"])
    rows = {row.model: row for row in board.rows}
    best = rows["logistic-1"]
    predictions = gb.load_run(best.runs[0], runs=runs).predictions
    top = np.sort(predictions.probabilities, axis=1)[:, -2:]
    own = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    assert best.scores["top_2"] == pytest.approx(float((own >= top[:, 0]).mean()))
    low, high = best.interval("top_2") or (np.nan, np.nan)
    assert 0 <= low <= best.scores["top_2"] <= high <= 1
    assert best.by_metric["top_2"].rank == 1
    assert "sharpness" in best.scores and best.interval("sharpness") is None
    shown = board.tables()[0]
    assert [name for name in shown.columns if "2" in name or "Brier" in name] == ["top 2", "top 2 95 %", "Brier", "Brier 95 %"]
    as_json = board.to_json()["rows"][0]
    assert as_json["top_2_interval"] == pytest.approx([*best.by_metric["top_2"].interval])
    assert set(as_json["by_metric"]["top_2"]) == {"interval", "tied_with", "rank", "rank_interval", "may_be_best"}
    comparison = gb.compare("logistic-1", "logistic-0-001", runs=runs, metrics=["top_2"])
    assert comparison.metrics["top_2"]["p_value"] is not None
    assert any(note.startswith("top 2: A") for note in comparison.notes())
    gb.write_report(tmp_path / "report", runs=runs, metrics=["top_2"])
    (page,) = (tmp_path / "report" / "boards").glob("*.html")
    assert '<th scope="col">top 2</th>' in page.read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="no metric 'top_3'; did you mean top_2"):
        gb.leaderboard(runs=runs, metrics="top_3")


def test_a_metric_that_fails_is_left_out_and_named(install: Any, table: Path, tmp_path: Path) -> None:
    code = plugin_of("metric.md").replace("return (likeliest == labels[:, None]).any(axis=1)", "return labels + 7")
    install("genrebench-outside", code)
    gb.run(model(), table, runs=tmp_path / "runs", say=lambda text: None)
    boards = gb.leaderboard(runs=tmp_path / "runs")
    assert "top_2" not in boards[0].rows[0].scores
    assert any("top_2" in problem and "range, 0 to 1" in problem for problem in boards.problems)
    assert boards[0].rows[0].by_metric == {}


def test_the_split_of_the_page(install: Any, table: Path, tmp_path: Path) -> None:
    install("genrebench-split", plugin_of("split.md"))
    task = gb.task(table, split="third-artists")
    assert task.shared_artists == 0
    assert task.split.source == "genrebench-split 1.0"
    assert task.fingerprint != gb.task(table, split="third-artists", split_seed=1).fingerprint
    (run,) = gb.run(model(), table, split="third-artists", runs=tmp_path / "runs")
    assert (run.record.task.split, run.record.task.split_source) == ("third-artists", "genrebench-split 1.0")
    with pytest.raises(UsageError, match="no split 'third-artist'; did you mean third-artists"):
        gb.task(table, split="third-artist")
    no_artists = tiny.write_table(tmp_path / "plain", artists=False)
    with pytest.raises(DataError, match=r"split third-artists \(genrebench-split 1.0\): .* without an artist"):
        gb.task(no_artists, split="third-artists")


def test_a_split_that_breaks_the_contract_names_its_plugin(install: Any, table: Path) -> None:
    install("genrebench-overlap", plugin_of("split.md").replace("Fold(training, (), test)", "Fold(training, test, test)"))
    with pytest.raises(PluginError, match=r"genrebench-overlap 1.0\): make returned fold 0 that has track .* twice"):
        gb.task(table, split="third-artists")


# ------------------------------------------------------------------ datasets


def tunes(n: int = 12) -> bytes:
    """An archive as the page describes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("id", "genre", "artist", "part"))
        for i in range(n):
            wave = io.BytesIO()
            soundfile.write(wave, 0.1 * np.sin(np.arange(4000) * (i + 1) / 9), 8000, format="WAV")
            archive.writestr(f"tunes/t{i}.wav", wave.getvalue())
            genre = "jig" if i % 4 in (0, 3) else "reel"
            rows.writerow((f"t{i}", genre, f"player {i}", "test" if i % 3 == 0 else "training"))
        archive.writestr("tunes/labels.csv", text.getvalue())
    return buffer.getvalue()


def with_archive(content: bytes, folder: Path) -> str:
    folder.mkdir()
    (folder / "tunes.zip").write_bytes(content)
    return plugin_of("dataset.md").replace("0" * 64, hashlib.sha256(content).hexdigest())


def test_the_dataset_of_the_page(install: Any, tmp_path: Path) -> None:
    install("genrebench-tunes", with_archive(tunes(), tmp_path / "mirror"))
    with pytest.raises(DataError, match=r"^tunes \(genrebench-tunes 1.0\): tunes isn't on this machine; get it with"):
        gb.dataset("tunes")
    got = gb.get_dataset("tunes", source=str(tmp_path / "mirror"))
    assert got.folder == tmp_path / "home" / "tunes"
    assert gb.get_dataset("tunes", source=str(tmp_path / "mirror")).present == ("tunes",)
    dataset = gb.dataset("tunes")
    assert dataset.note == "CC BY 4.0"
    assert gb.task("tunes").split.name == "official"
    own = gb.task("tunes", split="by-year")
    assert own.split.source == "genrebench-tunes 1.0"
    assert {int(id_[1:]) % 2 for id_ in own.split.folds[0].test} == {1}
    with pytest.raises(UsageError, match="no split 'by-year'"):  # of that dataset alone
        gb.task(tiny.write_table(tmp_path / "other"), split="by-year")


def test_a_download_that_is_not_what_it_should_be_names_the_plugin(install: Any, tmp_path: Path) -> None:
    install("genrebench-changed", with_archive(tunes(), tmp_path / "mirror"))
    (tmp_path / "mirror" / "tunes.zip").write_bytes(tunes(13))
    with pytest.raises(DataError, match=r"^tunes \(genrebench-changed 1.0\): .*SHA-256 is .*, expected"):
        gb.get_dataset("tunes", source=str(tmp_path / "mirror"))
    with pytest.raises(UsageError, match="has no metadata without its audio"):
        gb.get_dataset("tunes", metadata=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('Track(row["id"],', 'Track(int(row["id"][1:]),', "id of a track is 0"),
        ('folder / f"{row', 'f"{row', r"path 't0.wav' \(str\); paths have to be pathlib.Path"),
        ("    return Dataset(", "    Dataset(", "load returned NoneType"),
        ('sorted({row["genre"] for row in rows})', '["jig"]', "has the genre 'reel', which isn't among the genres"),
        ('row["part"] for', '"train" for', "puts track 't0' into 'train'"),
    ],
)
def test_a_dataset_that_breaks_the_contract_names_its_plugin(
    install: Any, tmp_path: Path, old: str, new: str, message: str
) -> None:
    code = with_archive(tunes(4), tmp_path / "mirror")
    assert old in code
    install("genrebench-broken", code.replace(old, new))
    gb.get_dataset("tunes", source=str(tmp_path / "mirror"))
    with pytest.raises(PluginError, match=r"^tunes \(genrebench-broken 1.0\): .*" + message):
        gb.dataset("tunes")


# ------------------------------------------------------------------ models outside Python


def test_a_model_outside_python_trains_on_the_task_and_is_marked(table: Path, tmp_path: Path) -> None:
    task = gb.write_split(table, tmp_path / "split.csv", split="artist-cv5")
    with (tmp_path / "split.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    assert len(rows) == 60

    def predicted(name: str, **changes: Any) -> Path:
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("track_id", "genre", "fold", *task.genres))
            for row in rows:
                given = row | {key: change(row) for key, change in changes.items()}
                writer.writerow((row["track_id"], given["genre"], given["fold"], 0.5, 0.25, 0.25))
        return tmp_path / name

    def score(file: Path, **options: Any) -> Any:
        return gb.score(file, table, split="artist-cv5", runs=tmp_path / "runs", **({"name": "in-r"} | options))

    scored = score(predicted("right.csv"))
    (board,) = gb.leaderboard(runs=tmp_path / "runs")
    (row,) = [row for row in board.rows if row.runs]
    assert "predicted elsewhere" in board.tables()[0].rows[row.rank - 1][-1]
    assert "predicted elsewhere" in row.label and "predicted elsewhere" in board.to_latex()
    assert scored.record.task.fingerprint == task.fingerprint
    with pytest.raises(DataError, match=r"60 of 60 rows have another genre than the task, .*check --dataset and --split"):
        score(predicted("genres.csv", genre=lambda row: "abc"[("abc".index(row["genre"]) + 1) % 3]))
    with pytest.raises(DataError, match=r"rows have another fold than the task"):
        score(predicted("folds.csv", fold=lambda row: (int(row["fold"]) + 1) % 5))
    for name, owner in (
        ("uniform", "the baseline uniform"),
        ("training-prior", "baseline"),
        ("svm-baseline", "the installed model"),
    ):
        with pytest.raises(UsageError, match=f"--name '{name}' is that of .*{owner}|is that of {owner}"):
            score(tmp_path / "right.csv", name=name)


# ------------------------------------------------------------------ scikit-learn on official rows


def test_the_board_of_the_scikit_learn_page(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mfcc").mkdir()
    lines = (real_data / "fma/features_mfcc_2000.csv").read_text(encoding="utf-8").splitlines()
    filled = [line for line in lines[4:] if not line.endswith(",,")]
    Path("mfcc/features.csv").write_text("\n".join([*lines[:4], *filled]), encoding="utf-8")
    ids = {line.split(",")[0] for line in filled}
    with (real_data / "fma/fma_small_labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["track_id"] in ids]
    text = "".join(f"{row['track_id']},{row['genre']},{row['split']}\n" for row in rows)
    Path("mfcc/tracks.csv").write_text(f"track_id,genre,split\n{text}", encoding="utf-8")
    pytest.importorskip("skorch")
    networks = re.findall(r"```python\n(.*?)```", (HOWTO / "torch.md").read_text(encoding="utf-8"), re.DOTALL)
    Path("networks.py").write_text("\n".join(networks), encoding="utf-8")
    page = (HOWTO / "scikit-learn.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    with threadpoolctl.threadpool_limits(1):  # threads of gradient boosting wait for each other where others use the processors
        exec(code.replace('["svm-baseline", models, ', "[models, "), names)
    table = dict(re.findall(r"^\| \d \| [^|]+\| ([\w-]+) \| ([\d.]+) \|", page, re.MULTILINE))
    assert len(table) == 7
    for row in names["board"].rows:  # svm-baseline has a test of its own
        rounding = 0.05 if row.model.endswith("mlp") else 0.002
        assert row.scores["log_loss"] == pytest.approx(float(table[row.model]), abs=rounding)
