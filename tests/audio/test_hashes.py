"""Hashes that can't go stale: exchanged files with kept times and sizes are noticed, and `rehash` finds what isn't."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench import audio


def plain(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    return items


def backdated(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    """Two files of one size and time."""
    rng = np.random.default_rng(0)
    return [backdated(tmp_path / name, rng.bytes(50_000)) for name in ("a.wav", "b.wav")]


def test_files_that_change_places_with_their_times_kept_are_noticed(pair: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    before = audio.content_hashes(pair, cache)
    pair[0].rename(tmp_path / "other")
    pair[1].rename(pair[0])
    (tmp_path / "other").rename(pair[1])
    assert audio.content_hashes(pair, cache) == before[::-1]


def test_content_that_is_copied_over_with_size_and_times_kept_is_noticed(pair: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    before = audio.content_hashes(pair, cache)
    backdated(pair[0], pair[1].read_bytes())
    assert audio.content_hashes(pair, cache) == [before[1], before[1]]


def doctored(cache: Path, path: Path, **changes: Any) -> None:
    """Let the cache say what it would say on a file system that keeps ctime and inode, too."""
    entries = json.loads(cache.read_text())
    stat = path.stat()
    size, _, _, _, sample, digest = entries[str(path)]
    values = {"sample": sample, "digest": digest} | changes
    entries[str(path)] = [size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, values["sample"], values["digest"]]
    cache.write_text(json.dumps(entries))


def test_samples_of_the_content_are_compared_where_times_and_inodes_tell_nothing(pair: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    before = audio.content_hashes(pair, cache)
    backdated(pair[0], pair[1].read_bytes())
    doctored(cache, pair[0])
    assert audio.content_hashes(pair, cache) == [before[1], before[1]]


def test_rehash_finds_a_change_that_nothing_points_to_and_corrects_the_cache(pair: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    before = audio.content_hashes(pair, cache)
    doctored(cache, pair[1])
    doctored(cache, pair[0], digest="0" * 32)
    assert audio.content_hashes(pair, cache) == ["0" * 32, before[1]]
    assert audio.rehash(pair, cache, plain) == [pair[0]]
    assert audio.content_hashes(pair, cache) == before
    assert audio.rehash(pair, cache, plain) == []


def test_entries_of_0_1_0_are_not_believed(pair: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    entries = {str(path): [path.stat().st_size, path.stat().st_mtime_ns, "0" * 32] for path in pair}
    cache.write_text(json.dumps(entries))
    assert audio.content_hashes(pair, cache) == [audio.content_hash(path) for path in pair]


def test_files_at_rest_are_read_once(pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "hashes.json"
    monkeypatch.setattr(audio.hashes, "_CLOCK_STEP_NS", 0)  # type: ignore[attr-defined]
    first = audio.content_hashes(pair, cache)
    monkeypatch.setattr(audio.hashes, "content_hash", None)  # type: ignore[attr-defined]
    assert audio.content_hashes(pair, cache) == first
