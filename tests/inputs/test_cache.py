import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from genrebench import inputs
from genrebench.api import AudioError, DataError, Frames, InputContext, Waveforms
from genrebench.inputs import cache


@pytest.fixture
def clips(tmp_path):
    """Six clips of noise."""
    rng = np.random.default_rng(0)
    paths = {str(i): tmp_path / f"{i}.wav" for i in range(6)}
    for path in paths.values():
        soundfile.write(path, rng.uniform(-0.5, 0.5, 8000), 8000)
    return inputs.make_clips(paths, {})


def counting(counts):
    """A progress display that notes how much there is to do."""

    def progress(iterable, description, total=None):
        counts.append((description, total))
        return iterable

    return progress


def prepare(clips, folder, *, workers=1, counts=None):
    context = InputContext(folder, workers=workers, progress=counting([] if counts is None else counts))
    return inputs.prepare_clips(Waveforms(8000), clips, context).inputs


def entries(folder):
    return sorted(folder.rglob("*.npy"))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_there_is_not_computed_again(clips, tmp_path, workers):
    counts = []
    first = prepare(clips[:5], tmp_path / "cache", workers=workers, counts=counts)
    second = prepare(clips, tmp_path / "cache", workers=workers, counts=counts)
    third = prepare(clips, tmp_path / "cache", workers=workers, counts=counts)
    assert [total for _, total in counts] == [5, 1]
    for i in range(5):
        assert np.array_equal(first[i], second[i])
        assert np.array_equal(first[i], third[i])


def test_entries_are_found_by_content(clips, tmp_path):
    counts = []
    prepare(clips, tmp_path / "cache", counts=counts)
    moved = clips[0].path.rename(tmp_path / "moved.wav")
    prepare(inputs.make_clips({"other": moved}, {}), tmp_path / "cache", counts=counts)
    assert len(counts) == 1


def test_clips_of_one_content_are_computed_once(clips, tmp_path):
    counts = []
    lazy = prepare([clips[0], clips[1], clips[0], clips[0]], tmp_path / "cache", counts=counts)
    assert counts[0][1] == 2
    assert np.array_equal(lazy[0], lazy[3])
    assert not np.array_equal(lazy[0], lazy[1])


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"garbage" * 100, None])
def test_a_damaged_entry_is_computed_again(clips, tmp_path, damage):
    whole = prepare(clips[:1], tmp_path / "cache")[0]
    [entry] = entries(tmp_path / "cache")
    entry.write_bytes(entry.read_bytes()[:-1000] if damage is None else damage)
    counts = []
    assert np.array_equal(prepare(clips[:1], tmp_path / "cache", counts=counts)[0], whole)
    assert len(counts) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_clip_is_named_after_the_others_are_done(clips, tmp_path, workers):
    for i in (2, 4):
        clips[i].path.write_bytes(b"no audio")
    with pytest.raises(AudioError) as error:
        prepare(clips, tmp_path / "cache", workers=workers)
    message = str(error.value)
    assert "track 2 (and 1 more of 6)" in message
    assert str(clips[2].path) in message
    assert "--exclude" in message
    assert len(entries(tmp_path / "cache")) == 4


def test_failures_come_by_content_without_the_path(clips, tmp_path):
    clips[2].path.write_bytes(b"")
    clips[4].path.write_bytes(b"no audio")
    with pytest.raises(cache.UnusableClipsError) as error:
        prepare(clips, tmp_path / "cache")
    assert error.value.reasons == {
        clips[2].content_hash: "the file is empty",
        clips[4].content_hash: "can't be decoded as audio (not audio that libsndfile knows)",
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_silent_clips_are_used_unless_the_context_refuses_them(tmp_path, workers):
    peaks = [0.5, 0.9e-4, 1.1e-4, 0.0, 0.3]
    for i, peak in enumerate(peaks):
        soundfile.write(tmp_path / f"{i}.wav", peak * np.cos(np.arange(8000) / 10), 8000, subtype="FLOAT")
    clips = inputs.make_clips({str(i): tmp_path / f"{i}.wav" for i in range(len(peaks))}, {})
    context = InputContext(tmp_path / "cache", workers=workers)
    for order in ((False, True), (True, False)):
        for refuse in order:
            asked = replace(context, refuse_silence=refuse)
            if not refuse:
                assert len(inputs.prepare_clips(Waveforms(8000), clips, asked).inputs) == len(clips)
                continue
            with pytest.raises(cache.UnusableClipsError, match=r"track 1 \(and 1 more of 5\): .*1\.wav: silent") as error:
                inputs.prepare_clips(Waveforms(8000), clips, asked)
            assert error.value.reasons == {clips[1].content_hash: "silent", clips[3].content_hash: "silent"}
        cache.clear(context.cache)


def test_an_entry_that_vanishes_is_an_error_that_says_so(clips, tmp_path):
    lazy = prepare(clips, tmp_path / "cache")
    cache.clear(tmp_path / "cache")
    with pytest.raises(DataError, match="run the command again"):
        lazy[0]


def test_info_and_clear(clips, tmp_path):
    folder = tmp_path / "cache"
    assert cache.info(folder) == []
    assert cache.clear(folder) == 0
    prepare(clips, folder)
    inputs.prepare_clips(Frames(), clips[:1], InputContext(folder))
    (folder / "unfinished-abc").mkdir()
    found = {shelf.name: shelf for shelf in cache.info(folder)}
    assert [shelf.entries for shelf in found.values()] == [1, 0, 6]
    assert set(found) == {"mfcc-20-22050hz-512-2048-30s-v2.1", "unfinished", "waveforms-8000hz-30s-v2.1"}
    assert cache.clear(folder) == sum(shelf.bytes for shelf in found.values()) > 6 * 16000
    assert list(folder.iterdir()) == []


def test_a_disk_that_refuses_is_one_line(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="can't write to the cache"):
        prepare(clips, tmp_path / "file")


def test_a_disk_that_fills_up_is_one_line(clips, tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # a write beyond it fails as one to a full disk does
    try:
        with pytest.raises(DataError, match="free up space, run `genrebench cache clear`"):
            prepare(clips, tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


INTERRUPTED = """
import sys, time
from pathlib import Path
from genrebench import inputs
from genrebench.api import Waveforms, InputContext

def progress(iterable, description, total=None):
    for i, item in enumerate(iterable):
        yield item
        if i == 1:
            print("begun", flush=True)
            time.sleep(0.3)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    clips = inputs.make_clips({path.stem: path for path in sorted(folder.glob("*.wav"))}, {})
    inputs.prepare_clips(Waveforms(8000), clips, InputContext(folder / "cache", workers=int(sys.argv[2]), progress=progress))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_is_done_and_nothing_half_done(tmp_path, workers):
    rng = np.random.default_rng(0)
    for i in range(40):
        soundfile.write(tmp_path / f"{i}.wav", rng.uniform(-0.5, 0.5, 80_000), 8000)
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path, str(workers)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    process.stdout.close()
    done = entries(tmp_path / "cache")
    assert 2 <= len(done) <= 40
    assert all(np.load(entry).shape == (80_000,) for entry in done)
    time.sleep(0.2)  # workers that were stopped in the middle may still be on their way out
    assert not list((tmp_path / "cache").glob("unfinished-*"))


MEMORY = """
import sys
from pathlib import Path
import resource
import numpy as np
from genrebench import inputs
from genrebench.api import Clip, Waveforms, Frames, InputContext

folder, kind, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
requested = Waveforms(8000) if kind == "waveforms" else Frames(sample_rate=8000)
distinct = inputs.make_clips({path.stem: path for path in sorted(folder.glob("*.wav"))}, {})
clips = [Clip(str(i), c.path, c.content_hash) for i, c in ((i, distinct[i % len(distinct)]) for i in range(rows))]
lazy = inputs.prepare_clips(requested, clips, InputContext(folder / "cache")).inputs
order = np.random.default_rng(0).permutation(rows)[:2000]
total = sum(float(lazy.read(i, 10, 100).sum()) for i in order) + sum(float(lazy[i].sum()) for i in order[:50])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read in kilobytes")
@pytest.mark.parametrize("kind", ["waveforms", "frames"])
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path, kind):
    rng = np.random.default_rng(0)
    for i in range(50):
        soundfile.write(tmp_path / f"{i}.wav", rng.uniform(-0.5, 0.5, 40_000), 8000)
    peaks = []
    for rows in (250, 25_000):
        command = [sys.executable, "-c", MEMORY, tmp_path, kind, str(rows)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] - peaks[0] <= 150
