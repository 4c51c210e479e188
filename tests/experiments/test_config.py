"""An experiment in a file is what the command line says, and is kept in the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genrebench as gb
from genrebench.cli import main
from genrebench.errors import GenrebenchError
from genrebench.experiments import config
from genrebench.experiments.config import Experiment
from tests import tiny

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | st.booleans() | TEXT | st.lists(st.integers(0, 9), max_size=3)
EXPERIMENTS = st.builds(
    Experiment,
    models=st.dictionaries(TEXT.filter(bool), st.dictionaries(TEXT.filter(bool), VALUES, max_size=3), min_size=1, max_size=3),
    datasets=st.lists(TEXT.filter(lambda name: name and not name.startswith(".")), min_size=1, max_size=3).map(tuple),
    split=st.none() | TEXT,
    split_seed=st.integers(0, 99),
    excerpt=st.integers(1, 99) | st.floats(0.5, 99) | st.just("whole"),
    extra_training=st.none() | st.just("fma-large"),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3).map(tuple),
    calibrate=st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(experiment=EXPERIMENTS)
def test_what_is_written_is_read(experiment: Experiment, tmp_path: Path) -> None:
    experiment.write(tmp_path / "e.toml")
    again = config.read(tmp_path / "e.toml")
    assert again == experiment
    assert again.to_json() == experiment.to_json()


def test_every_key_of_the_file_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "experiment.md").read_text()
    assert [key for key in config.KEYS if key not in page] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no model; add a table such as [models.svm-baseline]"),
        ("seed = [0]\n[models.svm-baseline]", "no key 'seed'; did you mean seeds?"),
        ("seeds = 3\n[models.svm-baseline]", "seeds = 3 isn't a list"),
        ("seeds = [0, -1]\n[models.svm-baseline]", "isn't a list of whole numbers"),
        ("seeds = []\n[models.svm-baseline]", "isn't a list of whole numbers"),
        ("split_seed = true\n[models.svm-baseline]", "split_seed = True isn't a whole number"),
        ("calibrate = 1\n[models.svm-baseline]", "isn't true or false"),
        ("datasets = [1]\n[models.svm-baseline]", "isn't a list of names"),
        ("models = ['svm-baseline']", "isn't a table"),
        ("[models]\nsvm-baseline = 1", "write [models.svm-baseline]"),
        ("seeds = [0", "isn't TOML"),
        ("[models.svm-basline]", "did you mean svm-baseline?"),
        ("[models.svm-baseline]\nc = 1", "did you mean C?"),
        ("[models.svm-baseline]\nC = 'ten'", "C='ten' isn't a number > 0"),
        ("datasets = ['nosuch']\n[models.svm-baseline]", "no dataset or folder 'nosuch'"),
    ],
)
def test_mistakes_in_the_file_are_named_before_anything_runs(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(GenrebenchError) as raised:
        gb.run_experiment("e.toml")
    assert message in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_an_experiment_runs_on_all_its_datasets_and_is_kept_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, n in (("one", 60), ("two", 90)):
        tiny.write_table(tmp_path / "study" / name, n=n)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "study" / "e.toml"
    file.write_text('datasets = ["./one", "./two"]\nseeds = [0, 1]\nsplit = "stratified"\n[models.svm-baseline]\nC = 10\n')
    assert main(["run", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    runs = gb.list_runs()
    assert sorted((run.record.task.dataset, run.record.seed) for run in runs) == [
        (d, s) for d in ("one", "two") for s in (0, 1)
    ]
    for run in runs:
        assert run.record.model.options["C"] == 10.0
        assert run.record.task.split == "stratified"
        kept: Any = run.record.facts["experiment"]
        assert kept["datasets"] == ["./one", "./two"] and kept["models"] == {"svm-baseline": {"C": 10}}
        assert run.id in printed
    assert printed.count("Guessing would give") == 2
    assert printed.rstrip().endswith("Next: genrebench leaderboard")
    assert main(["run", "--config", str(file), "--resume"]) == 0
    assert len(gb.list_runs()) == 4
    assert main(["run", "svm-baseline", "--config", str(file)]) == 2
    assert "--config says what is run" in capsys.readouterr().err


def test_a_command_is_saved_as_an_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write_table(tmp_path / "music", n=60)
    (tmp_path / "kept").mkdir()
    (tmp_path / "bad.csv").write_text("id,reason\n7,bad take\n")
    monkeypatch.chdir(tmp_path)
    words = ["run", "svm-baseline", "--dataset", "./music", "--set", "C=2", "--seeds", "1,2", "--exclude", "bad.csv"]
    assert main([*words, "--save-config", "kept/e.toml"]) == 0
    saved = config.read(tmp_path / "kept" / "e.toml")
    assert saved.datasets == ("../music",) and saved.exclude == "../bad.csv"
    assert saved.models == {"svm-baseline": {"C": 2.0}} and saved.seeds == (1, 2)
    assert main(["run", "--config", "kept/e.toml"]) == 0
    first, second = (gb.list_runs()[i].record for i in (0, 2))
    assert first.task.fingerprint == second.task.fingerprint and first.model.same_model(second.model)
    assert first.task.n_excluded == 1
    assert "genrebench run --config kept/e.toml" in capsys.readouterr().err
