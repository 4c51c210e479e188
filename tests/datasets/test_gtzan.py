"""GTZAN from a copy, and datasets of mirdata, read from files that the tests write."""

from __future__ import annotations

import importlib
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import genrebench as gb
from genrebench.datasets import gtzan
from genrebench.errors import DataError, UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path))
    return tmp_path


def write_copy(root: Path, numbers: range = range(100), suffix: str = ".wav") -> Path:
    """A copy of GTZAN whose files are empty but for their names."""
    for genre in gtzan.GENRES:
        (root / genre).mkdir(parents=True)
        for i in numbers:
            (root / genre / f"{genre}.{i:05d}{suffix}").touch()
    return root


def test_the_fault_filtered_split_is_that_of_others() -> None:
    ids = gtzan.fault_filtered_ids()
    assert {part: len(of_part) for part, of_part in ids.items()} == {"training": 443, "validation": 197, "test": 290}
    every = [id_ for of_part in ids.values() for id_ in of_part]
    assert len(set(every)) == 930
    # first and last of each part, as torchaudio's and dnn-mgr's lists have them
    assert [(of_part[0], of_part[-1]) for of_part in ids.values()] == [
        ("blues.00029", "rock.00099"),
        ("blues.00000", "rock.00085"),
        ("blues.00012", "rock.00090"),
    ]
    counts = Counter(id_.split(".")[0] for id_ in every)
    assert (counts["blues"], counts["pop"], counts["reggae"], counts["classical"]) == (100, 84, 86, 99)


def test_the_repetitions_are_sturms_fifty_and_the_split_keeps_none_twice() -> None:
    groups = gtzan.repetitions()
    members = [id_ for group in groups for id_ in group]
    assert len(members) - len(groups) == 50 and len(set(members)) == len(members)
    assert [group for group in groups if len({id_.split(".")[0] for id_ in group}) > 1] == [("metal.00058", "rock.00016")]
    kept = {id_ for ids in gtzan.fault_filtered_ids().values() for id_ in ids}
    assert max(len(kept.intersection(group)) for group in groups) == 1
    assert "reggae.00086" not in kept


@pytest.mark.parametrize("below", ["", "genres", "genres_original", "Data/genres_original"])
@pytest.mark.parametrize("suffix", [".wav", ".au"])
def test_a_copy_is_found_wherever_archives_have_it(home: Path, below: str, suffix: str) -> None:
    write_copy(home / "gtzan" / below, range(3), suffix)
    dataset = gb.dataset("gtzan")
    assert [track.id for track in dataset.tracks][:2] == ["blues.00000", "blues.00001"]
    assert len(dataset.tracks) == 30
    assert not dataset.knows_artists


def test_the_splits_and_the_faults(home: Path) -> None:
    write_copy(home / "gtzan" / "genres")
    said: list[str] = []
    task = gb.task("gtzan", split="fault-filtered", say=said.append)
    fold = task.split.folds[0]
    assert (len(fold.training), len(fold.validation), len(fold.test)) == (443, 197, 290)
    assert any("70 of 1000 tracks aren't in the fault-filtered split" in text and "Sturm" in text for text in said)
    assert any("50 tracks repeat another one exactly" in text and "metal.00058 and rock.00016" in text for text in said)
    assert any("reggae.00086 is distorted" in text for text in said)
    with pytest.raises(UsageError, match="no split 'fault-filtred'; did you mean fault-filtered"):
        gb.task("gtzan", split="fault-filtred", say=lambda text: None)
    (home / "gtzan" / gtzan.INDEX).write_text(
        "".join(
            f"{genre}.{i:05d}.wav ::: {f'{genre} artist {i // 5}' if i % 10 else ''} ::: a title\n"
            for genre in gtzan.GENRES
            for i in range(100)
        )
    )
    dataset = gb.dataset("gtzan")
    assert sum(track.artist is None for track in dataset.tracks) == 100
    by_artist = gb.task("gtzan", split="artist", say=lambda text: None)
    assert by_artist.shared_artists == 0
    assert gb.task("gtzan", split="fault-filtered", say=lambda text: None).shared_artists is not None


def test_what_is_no_copy_says_what_to_do(home: Path) -> None:
    with pytest.raises(DataError, match=r"gtzan isn't on this machine.*link it: the folder with one subfolder per genre"):
        gb.dataset("gtzan")
    write_copy(home / "gtzan", range(2))
    (home / "gtzan" / "rock" / "rock.00001.au").touch()
    with pytest.raises(DataError, match=r"two files for 'rock\.00001'"):
        gb.dataset("gtzan")
    with pytest.raises(UsageError, match="'gtzan' can't be downloaded"):
        gb.get_dataset("gtzan")


# ------------------------------------------------------------------ mirdata


def test_without_mirdata_the_extra_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(UsageError, match=r'mirdata:gtzan_genre needs mirdata .*pip install "genrebench\[mirdata\]"'):
        gb.dataset("mirdata:gtzan_genre")


@pytest.fixture
def mirdata() -> Any:
    mirdata = pytest.importorskip("mirdata", reason="the extra mirdata isn't installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the clouds' libraries, about each other
        importlib.import_module("mirdata.datasets.gtzan_genre")
    return mirdata


def write_index(mirdata: Any, monkeypatch: pytest.MonkeyPatch, home: Path, name: str, audio: list[str]) -> None:
    """Write a small index where mirdata looks for it, and the audio files that it names."""
    module = importlib.import_module(f"mirdata.datasets.{name}")
    index = module.INDEXES[module.INDEXES["default"]]
    monkeypatch.setattr(index, "indexes_dir", str(home / "indexes"))
    (home / "indexes").mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    tracks = {}
    for i, path in enumerate(audio):
        file = home / "mirdata" / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, 0.3 * np.sin(np.arange(8000) * 0.1 * (1 + i % 2)) + rng.normal(0, 0.01, 8000), 8000)
        tracks[Path(path).stem] = {"audio": [path, ""], "beats": [None, None], "tempo": [None, None]}
    (home / "indexes" / index.filename).write_text(json.dumps({"version": "1.0", "tracks": tracks}))


def test_gtzan_of_mirdata(mirdata: Any, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    names = [f"gtzan_genre/genres/{genre}/{genre}.{i:05d}.wav" for genre in ("blues", "hiphop") for i in range(8)]
    write_index(mirdata, monkeypatch, home, "gtzan_genre", names)
    dataset = gb.dataset("mirdata:gtzan_genre")
    assert dataset.genres == ("blues", "hip-hop")
    assert dataset.tracks[0].path is not None and dataset.tracks[0].path.is_file()
    task = gb.task("mirdata:gtzan_genre")
    assert sum(len(getattr(task.split.folds[0], part)) for part in ("training", "validation", "test")) == 16
    assert "Tzanetakis" in str(gb.cite("mirdata:gtzan_genre"))


def test_ballroom_of_mirdata(mirdata: Any, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    names = [f"B_1.0/audio/{genre}/{genre}-{i}.wav" for genre in ("ChaChaCha", "Jive") for i in range(6)]
    write_index(mirdata, monkeypatch, home, "ballroom", names)
    assert gb.dataset("mirdata:ballroom").genres == ("chachacha", "jive")


def test_what_mirdata_does_not_have(mirdata: Any, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with pytest.raises(UsageError, match="mirdata has no dataset 'gtzan'; did you mean gtzan_genre"):
        gb.dataset("mirdata:gtzan")
    with pytest.raises(UsageError, match="Invalid version"):
        gb.dataset("mirdata:gtzan_genre@7")
    with pytest.raises(DataError, match="index of mirdata:ballroom isn't on this machine; get it with: genrebench data get"):
        gb.dataset("mirdata:ballroom")
    write_index(mirdata, monkeypatch, home, "beatles", ["audio/a.wav"])
    with pytest.raises(DataError, match=r"has no genre for its tracks|can't load"):
        gb.dataset("mirdata:beatles")
