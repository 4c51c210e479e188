"""Damaged files keep the promise of the check: after its list the run goes, or the check has said why it can't."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import genrebench as gb
from genrebench.api import GenrebenchError
from genrebench.datasets.exclusions import read_exclusions
from tests import tiny
from tests.damage import FORMATS, damage, some, whole_files
from tests.promise import TABLE, check_and_run

FEW = 12
NUMBERS = some(list(range(2000)), FEW)
BATCH = 100


def told(counts: str) -> None:
    """The counts of a campaign, shown by pytest -s."""
    sys.stdout.write(f"{counts}\n")


def tracks_table(n: int = 12) -> str:
    parts = ["training", "training", "validation", "test"]
    rows = (f"{i},{'rock' if i % 2 else 'pop'},artist {i},{parts[i // 2 % 4]}\n" for i in range(n))
    return "track_id,genre,artist,split\n" + "".join(rows)


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_audio(suffix: str, tmp_path: Path) -> None:
    whole = whole_files(tmp_path, seconds=3)[suffix]
    listed = 0
    for first in range(0, len(NUMBERS), BATCH):
        music = tmp_path / f"{first}" / "music"
        for genre in ("a", "b"):
            (music / genre).mkdir(parents=True)
            for i in range(4):
                rng = np.random.default_rng([first, i, genre == "a"])
                soundfile.write(music / genre / f"whole {'abcd'[i]}.wav", rng.normal(0, 0.1, 9600), 8000)
        batch = NUMBERS[first : first + BATCH]
        for number in batch:
            data = damage(whole, np.random.default_rng(number))
            (music / "ab"[number % 2] / f"damaged {number}x.{suffix}").write_bytes(data)
        outcome = check_and_run(music, tmp_path / f"{first}", split="stratified")
        assert outcome.run is not None
        listed += len(outcome.listed)
    told(f"{suffix}: {listed} on the list, {len(NUMBERS) - listed} used")
    assert listed > 0


@pytest.mark.parametrize("file", ["tracks.csv", "features.csv", "features.csv of three rows"])
def test_damaged_tables(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "tracks.csv").write_text(tracks_table())
    rng = np.random.default_rng(0)
    values = [f"{i},{','.join(f'{v:.4f}' for v in rng.normal(size=3))}" for i in range(12)]
    head = ["mfcc,mfcc,mfcc", "mean,mean,std", "01,02,01"]
    three = [*(f"{name},{row}" for name, row in zip(("feature", "statistics", "number"), head, strict=True)), "track_id,,,"]
    (folder / "features.csv").write_text("\n".join([*(three if "three" in file else ["track_id,a,b,c"]), *values]) + "\n")
    target = folder / file.split(" ")[0]
    whole = target.read_bytes()
    refused = ran = 0
    for number in NUMBERS:
        target.write_bytes(damage(whole, np.random.default_rng(number)))
        outcome = check_and_run(folder, tmp_path, model=TABLE)
        refused += outcome.report is None
        ran += outcome.run is not None
    told(f"{file}: {refused} refused by check and run alike, {ran} ran, {len(NUMBERS) - refused - ran} refused, as check says")
    assert refused > 0


def test_damaged_exclusion_lists(tmp_path: Path) -> None:
    """A list is obeyed or refused by the check and the run alike."""
    folder = tiny.write_table(tmp_path / "music", n=12)
    whole = b'id,reason\n3,silent\n5,"too short, 0.4 s"\n7,undecodable\n'
    file = tmp_path / "list.csv"
    refused = 0
    for number in NUMBERS:
        file.write_bytes(damage(whole, np.random.default_rng(number)))
        try:
            listed = {one.id for one in read_exclusions(file)}
        except GenrebenchError as error:
            refused += 1
            for verb in (gb.check_dataset, lambda path, exclude: gb.run(TABLE, path, exclude=exclude, runs=tmp_path / "runs")):
                with pytest.raises(type(error)) as caught:
                    verb(folder, exclude=file)
                assert str(caught.value) == str(error)
            continue
        with contextlib.suppress(Warning):
            report = gb.check_dataset(folder, exclude=file, workers=1, say=lambda _: None)
            (run,) = gb.run(TABLE, folder, exclude=file, runs=tmp_path / "runs", say=lambda _: None)
            assert len(report.dataset.tracks) == 12 - len(listed & {str(i) for i in range(12)})
            assert run.status == "finished"
    told(f"exclusion lists: {refused} refused, {len(NUMBERS) - refused} obeyed")
    assert 0 < refused < len(NUMBERS)
