import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrebench import audio
from genrebench.api import AudioError, DataError, Excerpt, UsageError
from genrebench.audio import playlists
from tests.damage import write_m4a

WHOLE = Excerpt(None)


def declared_frames(path):
    with audio.Reading(path) as reading:
        return reading.declared


def tone(seconds, rate=22050, frequency=440.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def write(path, samples, rate=22050, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.fixture
def ramp(tmp_path):
    """Ten seconds at 8 kHz in which every sample is another number."""
    samples = np.arange(-32768, -32768 + 65536, dtype=np.int16)[:64000]
    return samples, write(tmp_path / "ramp.wav", samples, 6400)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {"subtype": "PCM_16"}, 1e-4),
        ("a.wav", {"subtype": "FLOAT"}, 1e-7),
        ("a.flac", {}, 1e-4),
        ("a.ogg", {}, 0.05),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, 0.1),
        ("a.mp3", {}, 0.05),
    ],
)
def test_formats_decode_to_the_samples_that_were_written(tmp_path, name, options, tolerance):
    samples = tone(1.0, 24000)
    decoded, rate = audio.read(write(tmp_path / name, samples, 24000, **options), WHOLE)
    assert (decoded.dtype, rate) == (np.float32, 24000)
    assert len(decoded) == len(samples)
    assert np.abs(decoded - samples)[1200:-1200].max() < tolerance


def test_the_name_does_not_matter(tmp_path):
    path = write(tmp_path / "a.wav", tone(1.0))
    assert len(audio.read(path.rename(tmp_path / "a.mp3"), WHOLE)[0]) == 22050


@pytest.mark.parametrize(("seconds", "first", "last"), [(1.0, 28800, 35200), (2.0, 25600, 38400), (20.0, 0, 64000)])
def test_excerpt_is_the_exact_middle(ramp, seconds, first, last):
    samples, path = ramp
    decoded, _ = audio.read(path, Excerpt(seconds))
    assert np.array_equal(decoded, samples[first:last] / np.float32(32768))


def test_excerpt_of_an_mp3_is_the_exact_middle_of_the_whole(real_data):
    path = sorted((real_data / "fma" / "clips").glob("*.mp3"))[0]
    whole, rate = soundfile.read(path, dtype="float32")
    decoded, _ = audio.read(path, Excerpt(4.0))
    start = (len(whole) - 4 * rate) // 2
    assert np.array_equal(decoded, whole[start : start + 4 * rate].mean(axis=1))


def test_a_truncated_mp3_has_the_middle_of_what_is_there(real_data, tmp_path, capfd):
    data = sorted((real_data / "fma" / "clips").glob("*.mp3"))[0].read_bytes()
    path = tmp_path / "cut.mp3"
    path.write_bytes(data[: len(data) // 3])
    there, rate = audio.read(path, WHOLE)
    assert len(there) == audio.info(path).frames < declared_frames(path)  # the header still promises the whole
    start = (len(there) - 2 * rate) // 2
    assert np.array_equal(audio.read(path, Excerpt(2.0))[0], there[start : start + 2 * rate])
    os.write(2, b"mine")
    assert capfd.readouterr().err == "mine"  # the decoder's own warnings stay away, other output doesn't


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path, channels):
    samples = np.stack([np.full(1000, 0.1 * (i + 1)) for i in range(channels)], axis=1)
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    assert np.allclose(audio.read(path, WHOLE)[0], samples.mean(axis=1))
    assert audio.info(path) == audio.AudioInfo(1000, 22050, channels)


@pytest.mark.parametrize(
    ("rate", "sample_rate", "length"), [(44100, 16000, 16000), (8000, 22050, 22050), (22050, 22049, 22049)]
)
def test_resampling_keeps_a_tone(tmp_path, rate, sample_rate, length):
    decoded, given = audio.read(write(tmp_path / "a.wav", tone(1.0, rate), rate), WHOLE, sample_rate=sample_rate)
    assert (given, len(decoded)) == (sample_rate, length)
    assert np.abs(decoded - tone(1.0, sample_rate))[500:-500].max() < 1e-3


def test_resampled_length_is_rounded_up(tmp_path):
    path = write(tmp_path / "a.wav", tone(1.0)[:1001])
    assert len(audio.read(path, WHOLE, sample_rate=16000)[0]) == 727  # 1001 * 16000 / 22050 = 726.3


@pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")  # librosa's own imports
def test_resampling_agrees_with_librosa(real_data):
    import librosa

    path = sorted((real_data / "fma" / "clips").glob("*.mp3"))[0]
    theirs, _ = librosa.load(path, sr=16000)
    ours, _ = audio.read(path, WHOLE, sample_rate=16000)
    assert np.array_equal(ours, theirs)


def broken(tmp_path, what):
    path = tmp_path / f"{what}.wav"
    samples = tone(1.0)
    match what:
        case "nan" | "infinite":
            samples[100] = np.nan if what == "nan" else np.inf
            write(path, samples, subtype="FLOAT")
        case "loud":
            write(path, samples * 32768, subtype="FLOAT")
        case "no-samples":
            write(path, samples[:0])
        case "no-bytes":
            path.touch()
        case "text":
            path.write_text("not audio\n" * 100)
        case "slow":
            write(path, samples, 10)
        case "headless":
            path = path.with_suffix(".raw")
            path.write_bytes(bytes(1000))
        case "folder":
            path.mkdir()
    return path


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nan", "1 samples are not finite"),
        ("infinite", "1 samples are not finite"),
        ("loud", "samples reach 16384, but full scale is 1"),
        ("slow", "its sample rate is 10 Hz"),
        ("no-samples", "contains no audio samples"),
        ("no-bytes", "the file is empty"),
        ("text", "can't be decoded"),
        ("headless", "can't be decoded"),
        ("folder", "not a regular file"),
        ("absent", "no such file"),
    ],
)
def test_unusable_audio_is_one_line_that_names_the_file(tmp_path, what, reason):
    path = broken(tmp_path, what)
    with pytest.raises(AudioError) as error:
        audio.read(path, WHOLE)
    assert str(path) in str(error.value)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["page.mp3", "page.wav", "page"])
@pytest.mark.parametrize("text", ["<html>404 not found</html>\n", "x", "a line of text\n" * 1000])
def test_text_is_not_audio(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(AudioError, match=r"can't be decoded as audio \(not audio that libsndfile knows\)$") as error:
        audio.read(tmp_path / name, WHOLE)
    assert error.value.reason(tmp_path / name).startswith("can't be decoded")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp3")
    with pytest.raises(AudioError, match="not a regular file"):
        audio.read(tmp_path / "a.mp3", WHOLE)


MP3, WAV, FLAC = 0, 1, 2


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """Bytes of half a second of audio in three formats."""
    folder = tmp_path_factory.mktemp("whole")
    return [write(folder / f"a.{suffix}", tone(0.5)).read_bytes() for suffix in ("mp3", "wav", "flac")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([MP3, WAV, FLAC]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=8)), max_size=4),
    cut=st.floats(0.01, 1),
)
def test_damaged_files_decode_or_are_audio_errors(whole_files, tmp_path, kind, changes, cut):
    data = bytearray(whole_files[kind])
    for position, replacement in changes:
        data[position : position + len(replacement)] = replacement
    path = tmp_path / "damaged"
    path.write_bytes(data[: int(len(data) * cut)])
    for excerpt in (WHOLE, Excerpt(0.1)):
        try:
            samples, rate = audio.read(path, excerpt, sample_rate=8000)
        except AudioError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert rate == 8000
            assert np.isfinite(samples).all()


# ------------------------------------------------------------------ MP4


@pytest.fixture
def m4a(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "tone.m4a"
    write_m4a(path, tone(3.0)[:, None], 22050)
    return path


def test_m4a_decodes(m4a):
    found = audio.info(m4a)
    decoded, rate = audio.read(m4a, Excerpt(1.0))
    assert (found.sample_rate, found.channels, rate, len(decoded)) == (22050, 1, 22050, 22050)
    assert abs(found.seconds - 3.0) < 0.2
    spectrum = np.abs(np.fft.rfft(decoded))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_a_damaged_m4a_is_an_audio_error(m4a):
    data = m4a.read_bytes()
    m4a.write_bytes(data[:200] + bytes(len(data) - 200))
    with pytest.raises(AudioError, match=r"tone\.m4a"):
        audio.read(m4a, WHOLE)


def test_an_m4a_cut_anywhere_in_its_header_decodes_or_is_an_audio_error(m4a):
    data = m4a.read_bytes()
    reasons = set()
    for lost in range(1, len(data) - data.index(b"moov"), 3):
        m4a.write_bytes(data[:-lost])
        try:
            assert np.isfinite(audio.read(m4a, Excerpt(1.0))[0]).all()
        except AudioError as error:
            reasons.add(error.reason(m4a))
    assert len(reasons) > 2
    assert all("\n" not in reason and "Errno" not in reason for reason in reasons)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"soun", b"vide", "without an audio stream"),
        (b"mp4a", b"drms", "no decoder for the audio"),
    ],
)
def test_an_mp4_without_audio_to_decode_says_so(m4a, old, new, reason):
    data = m4a.read_bytes().replace(old, new)
    codec = data.index(b"\x04\x80\x80\x80", data.index(b"esds")) + 5  # what the sample entry is overruled by
    m4a.write_bytes(data[:codec] + bytes(1) + data[codec + 1 :])
    with pytest.raises(AudioError, match=reason):
        audio.read(m4a, WHOLE)


def test_a_video_without_sound_says_so(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "silent.mp4"), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25, width=32, height=32)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"silent\.mp4: an MP4 file without an audio stream"):
        audio.read(tmp_path / "silent.mp4", WHOLE)


def test_the_title_of_an_m4a_may_be_anything(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "titled.m4a"
    write_m4a(path, tone(1.0)[:, None], 22050)
    untitled, _ = audio.read(path, WHOLE)
    with av.open(str(path)) as plain, av.open(str(tmp_path / "new.m4a"), "w", format="mp4") as titled:
        titled.metadata["title"] = "Blue Danube"
        stream = titled.add_stream_from_template(plain.streams.audio[0])
        for packet in plain.demux():
            if packet.dts is not None:
                packet.stream = stream
                titled.mux(packet)
    data = (tmp_path / "new.m4a").read_bytes()
    assert b"Blue Danube" in data
    path.write_bytes(data.replace(b"Blue Danube", b"Bl\xfce Donau\xff"))  # Latin-1
    assert np.array_equal(audio.read(path, WHOLE)[0], untitled)


def test_raw_aac_is_read(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "raw.m4a"), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=22050, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1.0).astype(np.float32)[None, :], format="fltp", layout="mono")
        frame.sample_rate = 22050
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples, rate = audio.read(tmp_path / "raw.m4a", WHOLE)
    assert (rate, audio.info(tmp_path / "raw.m4a").frames) == (22050, len(samples))
    assert abs(len(samples) / rate - 1.0) < 0.2
    assert abs(int(np.abs(np.fft.rfft(samples, rate)).argmax()) - 440) <= 2


def referring(data: bytes, path: Path) -> bytes:
    """The MP4 with its samples said to lie in another file, beside it: an alias in its data reference box."""
    name = bytes(path) + bytes(len(bytes(path)) % 2)
    alias = bytes(38) + bytes(12) + bytes(1 + 63) + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name + struct.pack(">hH", -1, 0)

    def rewritten(boxes: bytes) -> bytes:
        out = b""
        while boxes:
            size, kind = struct.unpack(">I4s", boxes[:8])
            inner, boxes = boxes[8:size], boxes[size:]
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
                inner = rewritten(inner)
            elif kind == b"dref":
                inner = inner[:8] + struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
            out += struct.pack(">I4s", 8 + len(inner), kind) + inner
        return out

    return rewritten(data)


def test_an_m4a_cannot_make_us_read_another_file(m4a, tmp_path, monkeypatch):
    av = pytest.importorskip("av")
    (tmp_path / "private.m4a").write_bytes(m4a.read_bytes())
    (tmp_path / "hostile.m4a").write_bytes(referring(m4a.read_bytes(), tmp_path / "private.m4a"))
    monkeypatch.chdir(tmp_path)
    with av.open("hostile.m4a", options={"enable_drefs": "1"}) as container:  # the reference works where it is followed
        assert sum(frame.samples for frame in container.decode(audio=0)) > 3 * 22050
    for path in (Path("hostile.m4a"), tmp_path / "hostile.m4a"):
        with pytest.raises(AudioError, match="contains no audio samples"):
            audio.read(path, WHOLE)


def test_a_playlist_is_not_followed(m4a, tmp_path):
    (tmp_path / "list.m4a").write_text(f"#EXTM3U\n#EXTINF:3,\n{m4a}\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.m4a").write_text(f"ffconcat version 1.0\nfile {m4a.name}\n")
    for name in ("list.m4a", "concat.m4a"):
        with pytest.raises(AudioError, match=name):
            audio.read(tmp_path / name, WHOLE)


def test_m4a_without_its_decoder_names_the_package_to_install(m4a):
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from pathlib import Path; from genrebench import audio\n"
        "from genrebench.records import Excerpt\n"
        f"try: audio.read(Path({str(m4a)!r}), Excerpt())\n"
        "except audio.AudioError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("decoding MP4 audio needs PyAV: pip install av")


# ------------------------------------------------------------------ content hashes


def test_content_hash_is_of_the_bytes_alone(tmp_path):
    for name, data in {"a": b"same", "b": b"same", "c": b"other"}.items():
        (tmp_path / name).write_bytes(data)
    a, b, c = (audio.content_hash(tmp_path / name) for name in "abc")
    assert a == b != c
    assert len(a) == 32


def test_hashes_are_remembered_until_a_file_changes(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "a")]
    for path in paths:
        path.write_bytes(path.name.encode() * 10)
    cache_file = tmp_path / "home" / "hashes.json"
    first = audio.content_hashes(paths, cache_file)
    assert first == [audio.content_hash(path) for path in paths]

    stamp = (tmp_path / "a").stat().st_mtime_ns
    (tmp_path / "a").write_bytes(b"x" * 10)
    os.utime(tmp_path / "a", ns=(stamp, stamp))
    second = audio.content_hashes(paths, cache_file)  # of the same size and time, but of another ctime
    assert second[0] == second[2] == audio.content_hash(paths[0]) != first[0]


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"a": 1}', "null"])
def test_a_damaged_memory_of_hashes_is_forgotten(tmp_path, damage):
    path = tmp_path / "a"
    path.write_bytes(b"a")
    (tmp_path / "hashes.json").write_text(damage)
    assert audio.content_hashes([path], tmp_path / "hashes.json") == [audio.content_hash(path)]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.mp3"):
        audio.content_hashes([tmp_path / "absent.mp3"], tmp_path / "hashes.json")
    with pytest.raises(DataError, match=r"absent\.mp3"):
        audio.content_hash(tmp_path / "absent.mp3")


def test_audio_is_found_below_a_folder(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("b.mp3", "x/a.WAV", "c.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "x" / "lost.mp3").symlink_to(tmp_path / "absent.mp3")
    assert [path.name for path in audio.find(tmp_path)] == ["b.mp3", "a.WAV", "lost.mp3"]


@pytest.mark.parametrize(("name", "channels"), [("a.wav", 8), ("a.mp3", 2)])
def test_blocks_join_to_the_whole_file_and_stay_small(tmp_path, name, channels):
    samples = np.stack([tone(30.0, frequency=110.0 * i) for i in range(1, channels + 1)], axis=1)
    path = write(tmp_path / name, samples)
    pieces = [(rate, block.copy()) for rate, block in audio.blocks(path)]
    assert len(pieces) > 1
    assert max(block.nbytes for _, block in pieces) <= 16 << 20
    assert {rate for rate, _ in pieces} == {22050}
    joined = np.concatenate([block for _, block in pieces])
    assert joined.shape == samples.shape
    np.testing.assert_allclose(joined.mean(axis=1), audio.read(path, WHOLE)[0], atol=1e-7)


def test_blocks_of_no_audio(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"nothing")
    with pytest.raises(AudioError, match="can't be decoded"):
        next(audio.blocks(tmp_path / "a.mp3"))


def test_the_bounds_of_an_excerpt_are_where_it_is_read(real_data, tmp_path):
    whole = sorted((real_data / "fma" / "clips").glob("*.mp3"))[0]
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(whole.read_bytes()[:300_000])
    for path in (whole, cut):
        there, rate = audio.read(path, WHOLE)
        assert audio.bounds(path, WHOLE) == (0, len(there), rate)
        start, length, _ = audio.bounds(path, Excerpt(2.0))
        assert np.array_equal(audio.read(path, Excerpt(2.0))[0], there[start : start + length])


def test_a_huge_playlist_is_one_line(tmp_path):
    (tmp_path / "x.m3u").touch()
    os.truncate(tmp_path / "x.m3u", 10**11)
    with pytest.raises(UsageError, match="larger than 16 MB"):
        playlists.expand([tmp_path / "x.m3u"], audio.find)
