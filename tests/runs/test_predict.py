"""Predictions for audio files, including damaged ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrebench import datasets
from genrebench.audio.reading import Reading
from genrebench.errors import StoreError
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.plugin.registry import installed_plugins
from genrebench.runs import runner, submission
from genrebench.runs.file_predictions import FilePrediction
from genrebench.runs.predict import predict, training_prior
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import make_task
from tests import tiny
from tests.damage import damaged_files, some, whole_files


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(home=tmp_path_factory.mktemp("home"), workers=2, registry=tiny.registry(*tiny.SPECS))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_music(tmp_path_factory.mktemp("music") / "tones")


@pytest.fixture(scope="module", params=tiny.SPECS, ids=lambda spec: spec.name)
def run(request: pytest.FixtureRequest, store: RunStore, session: Session, music: Path) -> Run:
    return run_of(request.param, store, session, music)


def run_of(spec: ModelSpec, store: RunStore, session: Session, music: Path) -> Run:
    task = make_task(datasets.resolve(str(music), installed_plugins(), session.home), session.home)
    return runner.run(tiny.job(task, spec), store, session)


@pytest.fixture
def alone(session: Session, tmp_path: Path) -> Session:
    """A session with an empty cache that decodes in this process, where `decoded` can count."""
    return replace(session, home=tmp_path / "home", workers=1)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is decoded, by name."""
    counts: Counter[str] = Counter()
    begin = Reading.__init__

    def counting(reading: Reading, path: Path) -> None:
        counts[path.name] += 1
        begin(reading, path)

    monkeypatch.setattr(Reading, "__init__", counting)
    return counts


def tone(hertz: float = 440.0, peak: float = 0.3, seconds: float = 1.5, rate: int = 22050) -> Any:
    return peak * np.cos(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    """Good and bad files in turn, among them copies of a good, a silent and a broken one."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    paths = [folder / name for name in ("a.wav", "silent.wav", "b.mp3", "broken.mp3", "c.wav", "d.flac")]
    soundfile.write(paths[0], tone(200), 22050)
    soundfile.write(paths[1], tone(peak=0), 22050)
    soundfile.write(paths[2], tone(800), 22050)
    paths[3].write_bytes(b"no music")
    soundfile.write(paths[4], np.stack([tone(300), tone(900)], axis=1), 44100)
    soundfile.write(paths[5], tone(500), 22050)
    copies = [Path(shutil.copy(path, folder / f"copy-of-{path.name}")) for path in (paths[0], paths[1], paths[3])]
    return paths + copies


PROBLEMS = {
    "silent.wav": "silent",
    "copy-of-silent.wav": "silent",
    "broken.mp3": "can't be decoded as audio (not audio that libsndfile knows)",
    "copy-of-broken.mp3": "can't be decoded as audio (not audio that libsndfile knows)",
}


def test_each_content_is_decoded_once(
    run: Run, store: RunStore, alone: Session, mixed: list[Path], decoded: Counter[str]
) -> None:
    first = predict(run, store, mixed, alone)
    assert [prediction.path for prediction in first] == mixed
    assert {prediction.path.name: prediction.problem for prediction in first if prediction.problem} == PROBLEMS
    counts = Counter(name.removeprefix("copy-of-") for name in decoded.elements())
    assert counts == dict.fromkeys(("a.wav", "silent.wav", "b.mp3", "broken.mp3", "c.wav", "d.flac"), 1)
    for prediction in first:
        alike = predict(run, store, [prediction.path], alone)[0]  # alone, as among others
        np.testing.assert_array_equal(alike.probabilities, prediction.probabilities)
        assert alike.problem == prediction.problem


def test_a_second_prediction_decodes_only_what_could_not_be_decoded(
    run: Run, store: RunStore, alone: Session, mixed: list[Path], decoded: Counter[str]
) -> None:
    first = predict(run, store, mixed, alone)
    decoded.clear()
    second = predict(run, store, mixed, alone)
    assert set(decoded) <= {"broken.mp3", "copy-of-broken.mp3"}  # a decoder installed since may know it
    assert decoded.total() == 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.problem == other.problem


def test_what_a_run_decoded_is_not_decoded_again(
    run: Run, store: RunStore, session: Session, music: Path, decoded: Counter[str]
) -> None:
    predictions = predict(run, store, sorted(music.glob("*.wav")), replace(session, workers=1))
    assert not any(prediction.problem for prediction in predictions)
    assert not decoded


def test_a_real_clip_is_decoded_once(run: Run, store: RunStore, alone: Session, real_data: Path, decoded: Counter[str]) -> None:
    clip = real_data / "fma" / "clips" / "000182.mp3"
    [first] = predict(run, store, [clip], alone)
    [second] = predict(run, store, [clip], alone)
    assert decoded == {"000182.mp3": 1}
    assert first.problem is None
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_entries_that_say_no_peak_are_computed_again(
    run: Run, store: RunStore, alone: Session, mixed: list[Path], decoded: Counter[str]
) -> None:
    first = predict(run, store, mixed, alone)
    for entry in (alone.home / "cache").rglob("*.npy"):
        np.save(entry, np.load(entry))  # as version 0.1.0 wrote it
    decoded.clear()
    second = predict(run, store, mixed, alone)
    assert decoded.total() == 6
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.problem == other.problem


def test_silence_is_that_of_the_excerpt_as_it_was_recorded(run: Run, store: RunStore, alone: Session, tmp_path: Path) -> None:
    sounds = {
        "loud": (tone(), None),
        "79 dB below full scale": (tone(peak=10 ** (-79 / 20)), None),
        "81 dB below full scale": (tone(peak=10 ** (-81 / 20)), "silent"),
        "too high for a rate of 8000 Hz": (tone(10_000) * np.hanning(33075), None),  # its abrupt ends would be heard
        "loud only outside the middle 30 s": (np.pad(tone(seconds=0.5), (0, 31 * 22050)), "silent"),
    }
    paths = [tmp_path / f"{name}.wav" for name in sounds]
    for path, (samples, _) in zip(paths, sounds.values(), strict=True):
        soundfile.write(path, samples, 22050, subtype="FLOAT")
    problems = [prediction.problem for prediction in predict(run, store, paths, alone)]
    assert dict(zip(sounds, problems, strict=True)) == {name: problem for name, (_, problem) in sounds.items()}


def test_without_the_cache_predictions_are_the_same(run: Run, store: RunStore, alone: Session, mixed: list[Path]) -> None:
    cached = predict(run, store, mixed, alone)
    uncached = predict(run, store, mixed, replace(alone, home=alone.home / "other", cached=False))
    for one, other in zip(cached, uncached, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.problem == other.problem


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_what_is_no_readable_file_gets_the_prior(run: Run, store: RunStore, alone: Session, mixed: list[Path]) -> None:
    pipe, link = mixed[0].with_name("pipe.mp3"), mixed[0].with_name("link.mp3")
    os.mkfifo(pipe)
    link.symlink_to("nowhere.mp3")
    predictions = predict(run, store, [link, mixed[0], pipe], alone)
    assert [prediction.problem for prediction in predictions] == ["no such file", None, "not a regular file"]
    np.testing.assert_array_equal(predictions[0].probabilities, training_prior(run))
    only_bad = predict(run, store, [pipe, mixed[3]], alone)
    assert [prediction.problem for prediction in only_bad] == ["not a regular file", PROBLEMS["broken.mp3"]]


@dataclass(frozen=True)
class Levels:
    """An input of a plugin that reads audio by its own means."""


def test_inputs_of_plugins_see_no_bad_clip(
    store: RunStore, alone: Session, music: Path, mixed: list[Path], decoded: Counter[str]
) -> None:
    seen: list[str] = []

    def prepare(_: Levels, clips: Sequence[Clip], __: InputContext) -> Prepared:
        seen.extend(clip.path.name for clip in clips)
        return Prepared(np.array([[soundfile.read(clip.path)[0].std(), clip.path.stat().st_size] for clip in clips]))

    spec = tiny.spec("tiny-levels", tiny.Nearest, Levels())
    known = tiny.registry(spec)
    known.add(tiny.PLUGIN, {"input": [InputSpec(Levels, "level and size", prepare)]})
    session = replace(alone, registry=known)
    run = run_of(spec, store, session, music)
    seen.clear()
    decoded.clear()
    predictions = predict(run, store, mixed, session)
    assert seen == ["a.wav", "b.mp3", "c.wav", "d.flac", "copy-of-a.wav"]
    assert {prediction.path.name: prediction.problem for prediction in predictions if prediction.problem} == PROBLEMS
    assert decoded.total() == 6
    decoded.clear()
    predict(run, store, mixed, session)
    assert decoded.total() == 1
    seen.clear()
    assert predict(run, store, mixed[3:4], session)[0].problem
    assert seen == []


def test_damaged_files_are_classified_or_get_the_training_prior(
    run: Run, store: RunStore, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, music = tmp_path / "temporary", tmp_path / "music"
    for folder in (temporary, music):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    paths = some(damaged_files(whole_files(tmp_path), music), 100)
    files_before = sorted(music.iterdir())
    predictions = predict(run, store, paths, session)
    assert [prediction.path for prediction in predictions] == paths
    probabilities = np.stack([prediction.probabilities for prediction in predictions])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    unusable = [prediction for prediction in predictions if prediction.problem]
    assert 0.1 * len(paths) < len(unusable) < 0.9 * len(paths), "the damage is too weak or too strong for this test"
    for prediction in unusable:
        assert prediction.problem
        assert "\n" not in prediction.problem
        assert str(music) not in prediction.problem  # the caller names the file
        np.testing.assert_array_equal(prediction.probabilities, training_prior(run))
    assert sorted(music.iterdir()) == files_before
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
    assert [path for path in session.home.rglob(".*") if path.is_file() and path.suffix != ".lock"] == []


@pytest.mark.parametrize(
    ("task", "facts"),
    [
        ({"training_counts": ()}, {}),
        ({"training_counts": ((1,),)}, {}),
        ({"n_folds": 0}, {}),
        ({}, {"temperature_scaling": None}),
        ({}, {"temperature_scaling": {"temperatures": [1.0, 1.0]}}),
        ({}, {"temperature_scaling": {"temperatures": ["x"]}}),
    ],
)
def test_a_record_that_lacks_what_predictions_need_is_damaged(
    task: dict[str, Any], facts: dict[str, Any], store: RunStore, session: Session, music: Path
) -> None:
    run = run_of(tiny.SPECS[1], store, session, music)
    damaged = replace(run, task=replace(run.task, **task), model=replace(run.model, calibrated=True), facts=facts)
    with pytest.raises(StoreError, match="is damaged"):
        predict(damaged, store, [music / "g0-0.wav"], session)


def test_a_submission_keeps_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    prediction = FilePrediction(Path(os.fsdecode(b"a\xff.wav")), np.array([0.25, 0.75]), ("b", "a"))
    submission.write(tmp_path / "out.csv", [prediction], ("b", "a"))
    assert (tmp_path / "out.csv").read_bytes() == b"file_id,b,a\na\xff,0.25,0.75\n"
