import json
import multiprocessing
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genrebench.errors import StoreError
from genrebench.records import Exclusion, Predictions
from genrebench.runs.record import ExtraTrainingRecord, ModelRecord, Run, TaskRecord
from genrebench.runs.store import RunStore

TASK = TaskRecord(dataset="d", split="artist", fingerprint="f", genres=("a", "b"))
RECORD = Run(id="r", status="running", task=TASK, model=ModelRecord(name="m", plugin="p", version="1"), seed=0)

names = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["Old-Time / Historic", 'Hip,"Hop"', "$HOME", "=1+1", "p:Rock", "línea\nnueva", "\r", " x ", "<script>", "label"]
)


@st.composite
def predictions(draw: st.DrawFn) -> Predictions:
    genres = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    ids = tuple(draw(st.lists(names, min_size=1, max_size=5, unique=True)))
    n = len(ids)
    integers = hnp.arrays(np.int64, n, elements=st.integers(0, 4))
    groups = draw(st.none() | hnp.arrays(np.int64, n, elements=st.integers(-1, 3)).filter(lambda g: (g >= 0).any()))
    floats = st.floats(0, 1) | st.sampled_from([5e-324, 1e-15, 0.1, 1 / 3, np.nextafter(1, 0)])
    shape = (n, len(genres))
    return Predictions(
        ids=ids,
        genres=genres,
        labels=draw(hnp.arrays(np.int64, n, elements=st.integers(0, len(genres) - 1))),
        folds=draw(integers),
        probabilities=np.maximum(draw(hnp.arrays(np.float64, shape, elements=floats)), 5e-324),  # no row of zeros
        groups=groups,
    )


@given(predictions())
@settings(max_examples=60, deadline=None)
def test_predictions_are_read_back_exactly(written: Predictions) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        run = replace(RECORD, task=replace(TASK, genres=written.genres, n_folds=5))
        store.begin(run)
        store.finish(run, written)
        read = store.predictions(store.load("r"))
    assert (read.ids, read.genres) == (written.ids, written.genres)
    np.testing.assert_array_equal(read.labels, written.labels)
    np.testing.assert_array_equal(read.folds, written.folds)
    assert read.probabilities.tobytes() == written.probabilities.tobytes()
    if written.groups is None:
        assert read.groups is None
    else:
        np.testing.assert_array_equal(read.groups, written.groups)


counts = st.integers(0, 10**6)
tasks = st.builds(
    TaskRecord,
    **dict.fromkeys(("dataset", "source", "version", "split", "fingerprint", "excerpt"), names),
    **dict.fromkeys(("split_seed", "n_training", "n_validation", "n_test", "n_excluded"), counts),
    n_folds=st.integers(1, 10_000),
    excluded=st.lists(st.builds(Exclusion, names, names), max_size=3).map(tuple),
    genres=st.lists(names, max_size=4, unique=True).map(tuple),
    training_counts=st.lists(st.lists(counts, max_size=3).map(tuple), max_size=3).map(tuple),
    shared_artists=st.none() | counts,
    extra_training=st.none()
    | st.builds(
        ExtraTrainingRecord,
        dataset=names,
        source=names,
        added=st.dictionaries(names, counts, max_size=3),
        ids=st.none() | st.dictionaries(names, st.lists(names, max_size=2).map(tuple), max_size=3),
    ),
    synthetic=st.booleans(),
    warnings=st.lists(names, max_size=3).map(tuple),
)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
models = st.builds(
    ModelRecord,
    **dict.fromkeys(("name", "plugin", "version"), names),
    **dict.fromkeys(("options", "changed"), st.dictionaries(names, values, max_size=3)),
    calibrated=st.booleans(),
    feature_source=st.none() | names,
    origin=st.sampled_from(["plugin", "imported", "object"]),
)


@given(tasks, models, st.dictionaries(names, values, max_size=4), names)
@settings(max_examples=60, deadline=None)
def test_records_are_read_back_exactly(task: TaskRecord, model: ModelRecord, facts: dict, error: str) -> None:
    run = replace(RECORD, task=task, model=model, facts=facts, error=error)
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        store.begin(run)
        text = (Path(folder) / "r" / "run.json").read_text("ascii")
        read = store.load("r")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read == run


def test_nan_and_infinity_become_null(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.begin(replace(RECORD, facts={"loss": float("nan"), "range": [0.0, float("inf")]}))
    assert store.load("r").facts == {"loss": None, "range": [0.0, None]}


def test_the_files_of_a_run(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> None:
    store = RunStore(tmp_path / "runs")
    assert store.runs() == []
    predictions = make_predictions(per_artist=2)
    folder = store.begin(make_run(predictions=predictions))
    assert [path.name for path in folder.iterdir()] == ["run.json"]
    assert store.load("a-run").status == "running"
    finished = store.finish(make_run(predictions=predictions), predictions)
    assert store.runs() == [finished]
    assert finished.status == "finished"
    assert finished.predictions.test_counts == ((10, 10, 10),)
    head, first = (folder / "predictions.csv").read_text("utf-8").splitlines()[:2]
    assert head == 'track_id,genre,fold,group,p:Blues,p:Old-Time / Historic,"p:Soul, RnB"'
    assert first == "t0,Blues,0,0," + ",".join(map(repr, predictions.probabilities[0].tolist()))
    assert sorted(path.name for path in folder.iterdir()) == ["predictions.csv", "run.json"]


def test_what_a_command_leaves_that_is_killed_once_its_run_has_finished_is_removed(
    tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    store = RunStore(tmp_path / "runs")
    predictions = make_predictions()
    run = make_run("a", predictions=predictions)
    store.begin(run)
    store.finish(run, predictions)
    folder = store.folder("a")
    (folder / "checkpoint").mkdir()
    (folder / ".lock").touch()
    store.runs()
    assert not (folder / "checkpoint").exists() and not (folder / ".lock").exists()


def test_runs_are_sorted_newest_first_and_damaged_ones_reported(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    for day in (1, 3, 2):
        store.begin(make_run(f"r{day}", started=f"2026-01-0{day}T00:00:00+00:00"))
    (tmp_path / "r2" / "run.json").write_text('{"id": "r2", "sta')
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not a run")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "run.json").write_bytes((tmp_path / "r1" / "run.json").read_bytes())
    runs, problems = store.scan()
    assert [run.id for run in runs] == ["r3", "r1"]
    assert len(problems) == 3
    assert all(name in problem for name, problem in zip(("copy", "empty", "r2"), problems, strict=True))
    assert all("genrebench runs rm" in problem and "\n" not in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [("task", []), ("seed", "0"), ("seed", True), ("metrics", 3), ("predictions", "x"), ("started", None)],
)
def test_a_field_of_the_wrong_type_is_a_damaged_record(tmp_path: Path, make_run: Callable, name: str, value: object) -> None:
    store = RunStore(tmp_path)
    file = store.begin(make_run()) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    with pytest.raises(StoreError, match=rf"damaged \({name} is "):
        store.load("a-run")


@pytest.mark.parametrize(
    "change",
    [
        {"timings": {"fit_s": 10**400}},
        {"task": {"training_counts": [[10**400, 1, 1]]}},
        {"task": {"training_counts": [[-1, 1, 1]]}},
        {"task": {"n_folds": 10**18}},
        {"predictions": {"sha256": "", "rows": -1}},
    ],
)
def test_a_number_out_of_range_is_a_damaged_record(tmp_path: Path, make_run: Callable, change: dict) -> None:
    store = RunStore(tmp_path)
    file = store.begin(make_run()) / "run.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | change | {"task": record["task"] | change.get("task", {})}))
    with pytest.raises(StoreError, match="is damaged"):
        store.load("a-run")


def test_a_record_of_a_newer_version_is_an_error(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    file = store.begin(make_run()) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(StoreError, match="newer version of genrebench"):
        store.load("a-run")


POINTS = [{"fold": 0, "epoch": 1, "loss": 0.5}, {"fold": 0, "epoch": 2, "loss": 0.25}]


def test_the_curves_of_a_0_1_0_record_are_read(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    file = store.begin(make_run()) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"curves": POINTS}))
    assert store.curves(store.load("a-run")) == tuple(POINTS)


def test_incomplete_lines_of_curves_are_skipped_and_later_points_replace_earlier_ones(
    tmp_path: Path, make_run: Callable
) -> None:
    store = RunStore(tmp_path)
    file = store.begin(make_run()) / "curves.jsonl"
    replacement = {"fold": 0, "epoch": 1, "loss": 0.75}
    lines = [json.dumps(point) for point in (*POINTS, replacement)]
    file.write_text("\n".join([*lines, "[]", '{"fold": 0}', '{"fold": 0, "epoch": 3, "lo']))
    assert store.curves(store.load("a-run")) == (POINTS[1], replacement)


def test_edited_predictions_are_an_error(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> None:
    store = RunStore(tmp_path)
    predictions = make_predictions()
    file = store.begin(make_run(predictions=predictions)) / "predictions.csv"
    run = store.finish(make_run(predictions=predictions), predictions)
    original = file.read_bytes()
    file.write_bytes(original.replace(b"t1,", b"t1 ,"))
    with pytest.raises(StoreError, match=r"predictions\.csv was changed .*genrebench runs rm a-run"):
        store.predictions(run)
    file.unlink()
    with pytest.raises(StoreError, match=r"predictions\.csv can't be read: No such file"):
        store.predictions(run)
    file.write_bytes(original)
    assert store.predictions(run).ids == predictions.ids


def test_an_unfinished_run_has_no_predictions(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    store.begin(make_run())
    with pytest.raises(StoreError, match="status running"):
        store.predictions(store.load("a-run"))


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc", "A", "a.b", "é", "a\n", "."])
def test_invalid_ids_are_errors_and_never_lead_outside(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "x"
    outside.mkdir()
    store = RunStore(tmp_path / "runs")
    for use in (store.load, store.remove, store.folder):
        with pytest.raises(StoreError, match="isn't a run id"):
            use(name)
    with pytest.raises(StoreError, match="isn't a run id"):
        store.begin(replace(RECORD, id=name))
    assert outside.is_dir()


def test_remove(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    folder = store.begin(make_run())
    (folder / "figures").mkdir()
    (folder / "run.json").write_text("damaged")
    store.remove("a-run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="no run 'a-run'"):
        store.remove("a-run")


def test_an_existing_id_is_an_error(tmp_path: Path, make_run: Callable) -> None:
    store = RunStore(tmp_path)
    store.begin(make_run(seed=1))
    with pytest.raises(StoreError, match="already"):
        store.begin(make_run(seed=2))
    assert store.load("a-run").seed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a-run"]


def _begin(root: str, seed: int) -> bool:
    try:
        RunStore(Path(root)).begin(replace(RECORD, seed=seed))
    except StoreError:
        return False
    return True


def test_only_one_of_several_processes_gets_an_id(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        created = pool.starmap(_begin, [(str(tmp_path), seed) for seed in range(8)])
    assert created.count(True) == 1
    assert RunStore(tmp_path).load("r").seed == created.index(True)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_full_disk_is_a_one_line_error_and_keeps_the_old_record(
    tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    resource = pytest.importorskip("resource")
    import signal

    store = RunStore(tmp_path)
    predictions = make_predictions(n=300)
    store.begin(make_run(predictions=predictions))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))  # makes a real write fail
    try:
        with pytest.raises(StoreError, match="can't be used") as caught:
            store.finish(make_run(predictions=predictions), predictions)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert "\n" not in str(caught.value)
    assert store.load("a-run").status == "running"
    assert [path.name for path in (tmp_path / "a-run").iterdir()] == ["run.json"]


def test_a_root_that_is_a_file_is_an_error(tmp_path: Path, make_run: Callable) -> None:
    file = tmp_path / "runs"
    file.write_text("")
    with pytest.raises(StoreError, match=r"can't be used: .*runs"):
        RunStore(file).begin(make_run())
    assert RunStore(file).runs() == []


def test_runs_of_a_task_share_what_is_about_its_tracks(tmp_path: Path, make_predictions: Callable[..., Predictions]) -> None:
    store = RunStore(tmp_path)
    made = {"first": (0, 3), "second": (1, 3), "unknown-artists": (2, 0)}
    runs = [
        store.add(
            replace(RECORD, id=i, task=replace(TASK, genres=("Blues", "Old-Time / Historic", "Soul, RnB"))),
            make_predictions(seed=seed, per_artist=n),
        )
        for i, (seed, n) in made.items()
    ]
    first, second, unknown = map(store.scored, runs)
    shared = second.sharing(first)
    assert (shared.labels is first.labels, shared.folds is first.folds, shared.groups is first.groups) == (True, True, True)
    assert (shared.losses is second.losses, shared.predicted is second.predicted) == (True, True)
    assert unknown.sharing(first).groups is unknown.groups
    assert unknown.sharing(first).labels is first.labels
