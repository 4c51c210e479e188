"""The Python API, used as in a notebook."""

from __future__ import annotations

import html.parser
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import genrebench as gb
from genrebench.boards.columns import COLUMNS
from genrebench.boards.row import Row
from genrebench.errors import DataError, StoreError, UsageError
from tests import tiny

TABLE, WAVEFORM, FRAMES = tiny.SPECS


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset with features of three genres, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tiny.write_table(tmp_path / "data", n=240)


class Checked(html.parser.HTMLParser):
    """Parsed HTML; fails if elements aren't nested correctly. `text` is the visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_public_name_exists_and_no_module_shadows_it() -> None:
    package = Path(gb.__file__).parent
    modules = {path.name.removesuffix(".py") for path in package.iterdir()}
    for name in gb.__all__:
        assert getattr(gb, name) is not None
        assert name not in modules
    assert set(gb.__all__) <= set(dir(gb))
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = gb.rnu  # type: ignore[attr-defined]


def test_estimators_are_run_ranked_and_compared(data: Path) -> None:
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5))
    runs = gb.run([forest, KNeighborsClassifier(3), TABLE_ANY], "data", seeds=[0, 1])
    assert [run.status for run in runs] == ["finished"] * 6
    assert len(runs[:2]) == 2 and runs[:2].to_frame().shape[0] == 2
    frame = runs.to_frame()
    assert list(frame["model"]) == [n for n in ("pipeline", "kneighborsclassifier", "tiny-any") for _ in range(2)]
    assert frame["log_loss"].tolist() == [run.metrics["log_loss"] for run in runs]

    (board,) = gb.leaderboard("./data")
    rows = board.to_frame()
    assert rows.index.tolist() == [1, 2, 3, 4, 5]
    models = rows[~rows["baseline"]]
    assert set(models["model"]) == set(frame["model"])
    assert (models["log_loss_low"] < models["log_loss"]).all() and (models["log_loss"] < models["log_loss_high"]).all()
    (options,) = models.loc[models["model"] == "pipeline", "options"]
    assert "RandomForestClassifier(n_estimators=5)" in options["estimator"]

    comparison = gb.compare(runs[0], runs[2])
    difference = runs[0].metrics["log_loss"] - runs[2].metrics["log_loss"]  # type: ignore[operator]
    assert comparison.difference == pytest.approx(difference)
    assert runs[0].id in comparison.sentence
    assert comparison.to_frame()["tracks"].sum() == comparison.n_tracks
    for result in (runs, board, comparison, runs[0]):
        assert "table" in Checked(result._repr_html_()).tags
        assert isinstance(result.figure(), Figure) if hasattr(result, "figure") else True


TABLE_ANY = tiny.spec("tiny-any", tiny.Nearest, tiny.FeatureTable())


def test_parameters_distinguish_rows_and_the_seed_is_passed_to_the_estimator(data: Path) -> None:
    gb.run([RandomForestClassifier(3)], "data", seeds=[0, 1])
    gb.run([RandomForestClassifier(4)], "data")
    (board,) = gb.leaderboard()
    rows = {row.changed["estimator"]: row for row in board.rows if not row.baseline}
    assert sorted(rows) == ["RandomForestClassifier(n_estimators=3)", "RandomForestClassifier(n_estimators=4)"]
    assert rows["RandomForestClassifier(n_estimators=3)"].spread["log_loss"] > 0  # type: ignore[operator]
    first, second = (gb.run(RandomForestClassifier(3), "data", seed=5)[0] for _ in range(2))
    assert first.metrics == second.metrics


def test_the_estimator_itself_is_not_fitted(data: Path) -> None:
    estimator = KNeighborsClassifier(3)
    gb.run(estimator, "data")
    assert not hasattr(estimator, "classes_")


def test_notebook_output_is_escaped(data: Path) -> None:
    html_genre = "<img src=x onerror=alert(1)>"
    tracks = data / "tracks.csv"
    tracks.write_text(tracks.read_text().replace(",c,", f",{html_genre},"))
    runs = gb.run([TABLE_ANY, KNeighborsClassifier(3)], data)
    (board,) = gb.leaderboard()
    comparison = gb.compare("tiny-any", "kneighborsclassifier")
    for result in (gb.describe(data), runs[0], runs, board, comparison):
        parsed = Checked(result._repr_html_())
        assert "img" not in parsed.tags
    assert html_genre in Checked(comparison._repr_html_()).text


def test_a_task_can_be_created_once_and_reused(data: Path) -> None:
    task = gb.task("data", split="stratified", split_seed=3, exclude=["1", "2"])
    frame = task.to_frame()
    assert len(frame) == 238 and set(frame["part"]) == {"training", "validation", "test"}
    run = gb.run(TABLE_ANY, task)[0]
    assert (run.record.task.split, run.record.task.split_seed, run.record.task.n_excluded) == ("stratified", 3, 2)
    assert run.record.task.fingerprint == task.fingerprint
    assert set(run.to_frame().index) == set(frame.loc[frame["part"] == "test", "track_id"])
    with pytest.raises(UsageError, match="task"):
        gb.run(TABLE_ANY, task, split="artist")


def test_a_dataset_can_be_read_once_and_reused(data: Path) -> None:
    music = gb.dataset("data")
    assert music.to_frame().loc["4"].tolist()[:2] == ["b", "artist 2"]
    assert gb.run(TABLE_ANY, music)[0].record.task.dataset == "data"
    summary = gb.describe(music)
    assert summary.to_frame()["tracks"].tolist() == [80, 80, 80]


def test_a_run_can_be_loaded_with_its_predictions(data: Path) -> None:
    (run,) = gb.run(TABLE_ANY, "data", options={"sharpness": "2"})
    loaded = gb.load_run(run.id)
    assert loaded.record == run.record
    assert loaded.record.model.options == {"sharpness": 2.0}
    p = loaded.predictions
    frame = loaded.to_frame()
    np.testing.assert_array_equal(frame[[f"p:{genre}" for genre in p.genres]].to_numpy(), p.probabilities)
    assert loaded.genres()["support"].sum() == len(frame)
    assert [point["epoch"] for point in loaded.curves] == [1]
    assert [listed.id for listed in gb.list_runs()] == [run.id]
    with pytest.raises(StoreError, match="no run 'nothing'"):
        gb.load_run("nothing")
    gb.remove_runs([run.id])
    assert len(gb.list_runs()) == 0


def test_options_apply_to_all_models_or_to_one(data: Path) -> None:
    other = tiny.spec("tiny-other", tiny.Nearest, tiny.FeatureTable())
    runs = gb.run([TABLE_ANY, other], "data", options={"sharpness": 3, "tiny-other": {"sharpness": 4}})
    assert [run.record.model.options["sharpness"] for run in runs] == [3, 4]
    with pytest.raises(UsageError, match="'nobody', which isn't among the models"):
        gb.run(TABLE_ANY, "data", options={"nobody": {"sharpness": 1}})


def test_each_finished_run_is_passed_on_and_progress_is_shown(data: Path) -> None:
    finished: list[str] = []
    descriptions: list[str] = []

    def progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        descriptions.append(description)
        yield from iterable

    class Failing(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            if self.context.seed == 1:
                raise KeyboardInterrupt
            list(self.context.progress(range(2), "training"))
            super().fit(train, validation)

    with pytest.raises(KeyboardInterrupt):
        gb.run(
            tiny.spec("failing", Failing, tiny.FeatureTable()),
            "data",
            seeds=range(3),
            progress=progress,
            each=lambda run: finished.append(run.id),
        )
    assert len(finished) == 1
    assert descriptions == ["training"]
    assert [run.status for run in gb.list_runs()] == ["interrupted", "finished"]


def test_warnings_are_python_warnings(data: Path) -> None:
    with pytest.warns(gb.GenrebenchWarning, match="the excluded id 'nobody' isn't in data"):
        gb.task("data", exclude=["nobody"])
    messages: list[str] = []
    gb.task("data", exclude=["nobody"], say=messages.append)
    assert len(messages) == 1 and messages[0] == "warning: the excluded id 'nobody' isn't in data"


def test_invalid_models_and_seeds_are_errors(data: Path) -> None:
    with pytest.raises(UsageError, match="isn't a model"):
        gb.run(StandardScaler(), "data")
    with pytest.raises(UsageError, match="two models are called 'tiny-any'"):
        gb.run([TABLE_ANY, TABLE_ANY], "data")
    with pytest.raises(UsageError, match="name a model"):
        gb.run([], "data")
    with pytest.raises(UsageError, match="seeds"):
        gb.run(TABLE_ANY, "data", seeds=[])
    for wrong in (3, [1.5], "0,1"):
        with pytest.raises(UsageError, match="seeds are whole numbers"):
            gb.run(TABLE_ANY, "data", seeds=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="split seed -1"):
        gb.run(TABLE_ANY, "data", split="stratified", split_seed=-1)
    with pytest.raises(UsageError, match="aren't a mapping"):
        gb.run(TABLE_ANY, "data", options="C=1")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="progress='yes' isn't a function"):
        gb.run(TABLE_ANY, "data", progress="yes")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'svm-baseline' has a name already"):
        gb.run({"svm": "svm-baseline"}, "data")
    assert not Path("runs").exists()


def test_a_run_of_an_object_cannot_be_reproduced_or_predict(data: Path) -> None:
    (run,) = gb.run(TABLE_ANY, "data")
    assert run.record.model.origin == "object"
    with pytest.raises(UsageError, match="was an object in a Python session"):
        gb.reproduce(run.id)
    with pytest.raises(UsageError, match="was an object in a Python session"):
        gb.predict(__file__, run)


def test_imported_predictions_are_scored(data: Path, tmp_path: Path) -> None:
    (run,) = gb.run(TABLE_ANY, "data")
    frame = run.to_frame().drop(columns=["genre", "fold"])
    frame.to_csv(tmp_path / "elsewhere.csv")
    scored = gb.score("elsewhere.csv", "data", name="elsewhere")
    assert scored.record.model.origin == "imported"
    assert scored.metrics["log_loss"] == pytest.approx(run.metrics["log_loss"], abs=1e-12)
    with pytest.raises(UsageError, match="made outside genrebench"):
        gb.reproduce(scored.id)


def test_ablation_and_leakage_have_frames_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write_music(tmp_path / "tones", n=12)
    ablation = gb.ablate(FRAMES, "tones", seconds=[0.5])
    assert ablation.to_frame().index.tolist() == ["in order", "shuffled", "reversed", "first 0.5 s"]
    leakage = gb.leakage(FRAMES, "tones", seeds=[0, 1], draws=1)
    assert leakage.to_frame()["training"].tolist() == ["without", "without", "with", "with"]
    for result in (ablation, leakage):
        assert isinstance(result.figure(), Figure)
        assert "table" in Checked(result._repr_html_()).tags
        assert isinstance(result.to_json(), dict)
    with pytest.raises(UsageError, match="no temporal order"):
        gb.ablate(KNeighborsClassifier(), "tones")
    assert gb.check_dataset("tones").to_frame() is not None
    assert gb.write_features("tones", "features.csv") == 24
    assert pd.read_csv("features.csv", header=[0, 1, 2], index_col=0).shape == (24, 518)


def test_segments_apart_in_ablation_and_leakage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write_music(tmp_path / "tones", n=12)
    rows = pd.read_csv("tones/tracks.csv").drop(columns="artist")
    rows["track_id"] = [f"tune {chr(97 + i // 2)}_seg{i % 2 + 1}" for i in range(24)]
    rows.to_csv("tones/tracks.csv", index=False)
    for segments, split in (("together", "artist"), ("apart", "stratified")):
        task = gb.ablate(WAVEFORM, "tones", seconds=[0.5], segments=segments, say=lambda _: None).to_json()["task"]
        assert task["split"] == split
    assert gb.leakage(WAVEFORM, "tones", draws=1, say=lambda _: None).to_json()["n_test"] > 0
    with pytest.raises(UsageError, match="artist"):  # the segments were all that was known of artists
        gb.leakage(WAVEFORM, "tones", draws=1, segments="apart", say=lambda _: None)


def test_a_missing_dataset_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no dataset or folder 'nosuch'"):
        gb.run(TABLE_ANY, "nosuch")
    with pytest.raises(DataError, match="genrebench data get fma-small"):
        gb.run(TABLE_ANY, "fma-small")


def test_functions_import_only_the_packages_that_they_need(tmp_path: Path) -> None:
    code = (
        "import sys, genrebench as gb\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'torch', 'librosa', 'scipy', 'matplotlib', 'rich', 'typer'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "gb.leaderboard()\n"
        "assert not (heavy - {'numpy'}) & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(gb.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_objects_are_named_by_a_mapping(data: Path) -> None:
    near, far = KNeighborsClassifier(3), KNeighborsClassifier(30)
    runs = gb.run({"near": near, "far": far, "other-any": TABLE_ANY}, "data", options={"other-any": {"sharpness": 2}})
    assert [run.record.model.name for run in runs] == ["near", "far", "other-any"]
    assert runs[2].record.model.options == {"sharpness": 2.0}
    assert gb.compare("near", "far").a["name"] == "near"
    (named, other) = gb.run([{"near-3": near}, TABLE_ANY], "data")
    assert (named.record.model.name, other.record.model.name) == ("near-3", "tiny-any")
    with pytest.raises(UsageError, match="the model name 'My Model' has to match"):
        gb.run({"My Model": near}, "data")


def test_classes_instead_of_instances_are_errors(data: Path) -> None:
    with pytest.raises(UsageError, match=r"KNeighborsClassifier is a class; pass an instance, KNeighborsClassifier\(\)"):
        gb.run(KNeighborsClassifier, "data")


def test_a_failed_run_is_a_warning(data: Path) -> None:
    class Failing(tiny.Nearest):
        def fit(self, train: Any, validation: Any) -> None:
            raise RuntimeError("out of ideas")

    spec = tiny.spec("failing", Failing, tiny.FeatureTable())
    with pytest.warns(gb.GenrebenchWarning, match=r"run failing-.* failed: .*out of ideas") as caught:
        (run,) = gb.run(spec, "data")
    assert run.status == "failed"
    assert caught[0].filename == __file__


def test_an_estimator_predicts_files_when_it_is_passed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    music = tiny.write_music(tmp_path / "tones", n=8, seconds=0.5)
    estimator = make_pipeline(StandardScaler(), KNeighborsClassifier(3))
    (run,) = gb.run({"neighbours": estimator}, "tones")
    files = [music / "g0-0.wav", music / "g1-0.wav"]
    predictions = gb.predict(files, run, model=estimator)
    assert [one.genre for one in predictions] == ["deep", "bright / high"]
    assert predictions.to_frame()["genre"].tolist() == ["deep", "bright / high"]
    assert not hasattr(estimator[-1], "classes_")
    with pytest.raises(UsageError, match="pass the model that it was run with"):
        gb.predict(files, run, model=make_pipeline(StandardScaler(), KNeighborsClassifier(4)))


def test_a_long_estimator_has_a_short_label(data: Path) -> None:
    long = make_pipeline(StandardScaler(), RandomForestClassifier(5, max_depth=3, min_samples_leaf=2, criterion="entropy"))
    gb.run({"forest": long}, "data")
    (board,) = gb.leaderboard()
    (row,) = [row for row in board.rows if not row.baseline]
    assert len(row.label) < 80 and row.label.endswith("…)")
    assert "criterion='entropy'" in board.tables()[0].rows[row.rank - 1][3]


def test_tasks_and_datasets_are_taken_wherever_a_dataset_is(data: Path) -> None:
    task = gb.task("data")
    assert len(repr(task)) < 100 and len(repr(task.dataset)) < 100
    assert gb.describe(task).to_json() == gb.describe("data").to_json()
    assert gb.check_dataset(task).write_exclusions("list.csv") == 0


def test_runs_are_taken_where_their_ids_are(data: Path, tmp_path: Path) -> None:
    runs = gb.run(TABLE_ANY, "data", seeds=[0, 1, 2], runs=tmp_path / "elsewhere")
    gb.remove_runs(runs[0])
    gb.remove_runs(runs[1:2])
    assert [run.id for run in gb.list_runs(runs="elsewhere")] == [runs[2].id]
    with pytest.raises(StoreError, match="there is no runs folder 'nosuch'"):
        gb.list_runs(runs="nosuch")
    assert len(gb.list_runs()) == 0
    for use in (gb.reproduce, lambda several: gb.predict(__file__, several), lambda several: gb.compare(several, "tiny-any")):
        with pytest.raises(UsageError, match=r"isn't a run; pass .* runs\[0\]"):
            use(runs)  # type: ignore[operator]


def test_numbers_of_numpy_and_pandas_are_seeds_and_ids(data: Path) -> None:
    runs = gb.run(TABLE_ANY, "data", seeds=np.arange(2))
    assert [json.loads(json.dumps(run.to_json()))["seed"] for run in runs] == [0, 1]
    task = gb.task("data", exclude=pd.Series([1, 2]))
    assert [one.id for one in task.excluded] == ["1", "2"]
    assert gb.task(task, exclude=None) is task and gb.task(task, exclude=[]) is task


def test_results_are_text_when_printed_and_have_a_short_repr(data: Path) -> None:
    runs = gb.run([TABLE_ANY, KNeighborsClassifier(3)], data)
    (board,) = boards = gb.leaderboard()
    comparison = gb.compare("tiny-any", "kneighborsclassifier")
    music, task = gb.dataset("data"), gb.task("data")
    for result in (runs, runs[0], boards, board, comparison, music, task, gb.describe(data), gb.list_datasets()):
        assert "table" in Checked(result._repr_html_()).tags
        assert len(repr(result)) < 200 and repr(result) != str(result)
        json.dumps(result.to_json(), allow_nan=False)
    assert f"{runs[0].metrics['log_loss']:.3f}" in str(board) and comparison.sentence in str(comparison)
    assert str(music).splitlines() == ["data: 240 tracks", *str(music.tables()[0].to_text()).splitlines()[1:]]
    rows = [line.split() for line in str(task).splitlines()[3:]]
    counts = task.to_frame().value_counts(["genre", "part"])
    assert rows == [[g, *(str(counts[g, part]) for part in ("training", "validation", "test"))] for g in task.genres]
    assert {track["track_id"] for track in task.to_json()["tracks"]} == set(task.to_frame()["track_id"])


def test_ties_are_listed_in_order_of_rank() -> None:
    row = Row(
        "a", 2, "model", "", "", {}, (), (), {"log_loss": 1.0, "f1_micro": 0.5, "f1_macro": 0.5}, {}, tied_with=("d", "b", "c")
    )
    assert COLUMNS["note"].text(row, {"a": 2, "b": 1, "c": 3, "d": 10}) == "tied with rank 1, 3, 10"


def test_without_runs_a_notebook_shows_that_there_are_none(data: Path) -> None:
    assert Checked(gb.leaderboard()._repr_html_()).text == "There are no finished runs."


def test_missing_scores_are_nan(data: Path) -> None:
    runs = gb.run(TABLE_ANY, "data", split="challenge")
    assert runs.to_frame()["log_loss"].dtype == float and runs.to_frame()["log_loss"].isna().all()
    for use in (runs[0].genres, runs[0].figure):
        with pytest.raises(UsageError, match="has no test tracks"):
            use()
    gb.run(TABLE_ANY, "data")
    assert gb.leaderboard()[0].to_frame()["log_loss_spread"].dtype == float


class OwnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier from outside scikit-learn, as a notebook defines it."""

    def fit(self, x: Any, y: Any) -> OwnClassifier:
        self.inner_ = make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(x, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, x: Any) -> Any:
        return self.inner_.predict_proba(x)


def test_a_classifier_of_ones_own_predicts_files_and_writes_submissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    music = tiny.write_music(tmp_path / "tones", n=8, seconds=0.5)
    (run,) = gb.run(OwnClassifier(), "tones")
    files = [music / "g0-0.wav", music / "g1-0.wav"]
    assert [one.genre for one in gb.predict(files, run, model=OwnClassifier())] == ["deep", "bright / high"]
    with pytest.warns(gb.GenrebenchWarning, match="aren't the challenge's"):
        written = gb.write_submission(run, music, "submission.csv", model=OwnClassifier())
    assert len(pd.read_csv("submission.csv")) == len(written.predictions) == 16
