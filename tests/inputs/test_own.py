"""A kind of input of a plugin: the docs' example installed and run, and everything that can be wrong with another."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from genrebench import inputs
from genrebench.api import AudioError, Clip, InputContext, InputSpec, LazyInputs, PluginError, Prepared, cached_arrays
from genrebench.cli.main import main
from genrebench.plugin.registry import Plugin, discover, installed_plugins
from genrebench.testing import assert_conforms
from tests import tiny

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "input.md"
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return tiny.write_music(tmp_path / "music", n=4)


@pytest.fixture
def clips(music: Path) -> list[Clip]:
    return inputs.make_clips({path.stem: path for path in sorted(music.glob("*.wav"))}, {})


@pytest.fixture
def _example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The docs' plugin, installed as pip would."""
    monkeypatch.syspath_prepend(str(tiny.install_plugin(tmp_path / "site", "loudness-plugin", EXAMPLE)))
    importlib.invalidate_caches()
    installed_plugins.cache_clear()
    get_reusable_executor().shutdown(wait=True)  # worker processes of other tests can't import it
    yield
    installed_plugins.cache_clear()


@pytest.mark.usefixtures("_example")
def test_the_example_of_the_docs_passes_the_kit_runs_and_is_ablated(
    music: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_conforms(installed_plugins().model("loudness").spec)
    for command in ("run", "ablate"):
        extra = ["--seconds", "0.5"] if command == "ablate" else []
        assert main([command, "loudness", "--dataset", str(music), "--format", "json", *extra]) == 0
        result = json.loads(capfd.readouterr().out)
        if command == "run":
            assert result[0]["status"] == "finished"
        else:
            assert [row["condition"] for row in result["rows"]] == ["in order", "shuffled", "reversed", "first 0.5 s"]


@dataclass(frozen=True)
class Peaks:
    scale: float = 1.0


def peaks(samples: Any, rate: int) -> Any:
    return np.array([np.abs(samples).max(), rate])


def several_peaks(samples: Sequence[Any], rates: Sequence[int]) -> Any:
    return [peaks(*one) for one in zip(samples, rates, strict=True)]


def nothing(samples: Any, rate: int) -> Any:
    return None


def infinite(samples: Any, rate: int) -> Any:
    return np.array([np.nan, 1.0])


def one_too_few(samples: Sequence[Any], rates: Sequence[int]) -> Any:
    return several_peaks(samples, rates)[1:]


def counting(counts: list[int]) -> Any:
    def progress(iterable: Any, description: str, total: int = 0) -> Any:
        counts.append(total)
        return iterable

    return progress


@pytest.mark.parametrize(("batch_size", "workers"), [(None, 1), (3, 2), (100, 1)])
def test_arrays_are_computed_once_from_decoded_clips(
    batch_size: int | None, workers: int, clips: list[Clip], tmp_path: Path
) -> None:
    counts: list[int] = []
    context = InputContext(tmp_path / "cache", workers=workers, progress=counting(counts))
    compute = peaks if batch_size is None else several_peaks

    def arrays(chosen: Sequence[Clip], requested: Any = Peaks(), **more: Any) -> LazyInputs:
        return cached_arrays(requested, chosen, compute, context, version=1, sample_rate=8000, batch_size=batch_size, **more)

    arrays(clips[:5])
    result = arrays([*clips, clips[0]])
    assert counts == [5, 3]
    assert all(row[1] == 8000 and 0.1 < row[0] < 1 for row in result)
    assert np.array_equal(result[0], result[-1])
    arrays(clips, Peaks(2.0))
    arrays(clips, key=["weights"])
    arrays(clips)
    assert counts == [5, 3, 8, 8]


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_file_that_is_no_audio_is_named_after_the_others_are_done(
    batch_size: int | None, clips: list[Clip], tmp_path: Path
) -> None:
    (tmp_path / "no.wav").write_bytes(b"no audio")
    clips[1:1] = inputs.make_clips({"bad": tmp_path / "no.wav"}, {})
    context = InputContext(tmp_path / "cache")
    compute = peaks if batch_size is None else several_peaks
    with pytest.raises(AudioError, match="track bad"):
        cached_arrays(Peaks(), clips, compute, context, version=1, batch_size=batch_size)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 8


@pytest.mark.parametrize(
    ("compute", "batch_size", "said"),
    [
        (nothing, None, "compute returned NoneType"),
        (infinite, None, "1 of 2 values that compute returned aren't finite"),
        (one_too_few, 3, "compute returned 2 arrays for 3 clips"),
    ],
)
def test_what_isnt_an_array_is_refused(compute: Any, batch_size: Any, said: str, clips: list[Clip], tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=said):
        cached_arrays(Peaks(), clips, compute, InputContext(tmp_path), version=1, batch_size=batch_size)


TABLE = np.zeros((8, 2))
FAULTY: dict[str, tuple[Any, str]] = {
    "a row too few": (Prepared(TABLE[1:]), "7 inputs for 8 clips"),
    "nan": (Prepared(np.where(np.eye(8)[:, :2], np.nan, 0)), "aren't finite for 2 clips, the first is 'g0-0'"),
    "no Prepared": (TABLE, "ndarray, not genrebench.api.Prepared"),
    "None": (None, "NoneType, not"),
    "a list": (Prepared([[0.0, 1.0]] * 8), "inputs of type list"),  # type: ignore[arg-type]
    "text": (Prepared(np.full((8, 2), "a")), "not a table of numbers"),
    "one dimension": (Prepared(np.zeros(8)), r"shape \(8,\)"),
    "columns": (Prepared(TABLE, (("a",),)), "2 columns and the names of 1"),
    "raises": (ZeroDivisionError("division"), "raised ZeroDivisionError in prepare"),
    "exits": (SystemExit(3), "raised SystemExit in prepare"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_input_is_blamed_on_its_plugin(fault: str, clips: list[Clip], tmp_path: Path) -> None:
    result, said = FAULTY[fault]

    def prepare(*_: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    registry = discover([])
    registry.add(Plugin("odd", "odd-inputs", "0.3"), {"input": [InputSpec(Peaks, "peaks", prepare)]})
    with pytest.raises(PluginError, match=r"input Peaks \(odd-inputs 0.3\).*" + said):
        inputs.prepare_clips(Peaks(), clips, InputContext(tmp_path), registry)


def test_a_file_that_cant_be_decoded_isnt_blamed_on_the_plugin(clips: list[Clip], tmp_path: Path) -> None:
    clips[0].path.write_bytes(b"")
    bad = [replace(clips[0], content_hash="0" * 64)]
    registry = discover([])
    spec = InputSpec(Peaks, "peaks", lambda r, c, x: Prepared(cached_arrays(r, c, peaks, x, version=1)))
    registry.add(Plugin("odd", "odd-inputs", "0.3"), {"input": [spec]})
    with pytest.raises(AudioError, match=r"^track g0-0"):
        inputs.prepare_clips(Peaks(), bad, InputContext(tmp_path), registry)
