"""Files whose header is wrong about their length, or that consist of several: read whole, in every way alike, or refused."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from genrebench import audio, temporary
from genrebench.api import AudioError, Excerpt
from genrebench.audio import parts
from genrebench.audio.reading import Reading

WHOLE = Excerpt(None)
RATE = 22050


def declared_frames(path):
    with audio.Reading(path) as reading:
        return reading.declared


def noise(seed, seconds, rate=RATE, channels=1):
    shape = (round(seconds * rate), channels)
    return 0.2 * np.random.default_rng(seed).uniform(-1, 1, shape)


def encoded(folder, suffix, seconds, seed=0, rate=RATE, channels=1, **options):
    path = folder / f"{suffix}-{seed}-{seconds}-{rate}-{channels}.{suffix}"
    soundfile.write(path, noise(seed, seconds, rate, channels), rate, **options)
    return path.read_bytes()


def id3(size):
    return b"ID3\3\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(size)


def ape(size):
    return bytes(size) + b"APETAGEX" + struct.pack("<IIII", 2000, size + 32, 1, 0) + bytes(8)


def assert_one_length(path, seconds, tolerance=1e-9):
    """Whole, in blocks and as excerpts of any length: the same samples, of that many seconds; excerpts are the true middle."""
    found = audio.info(path)
    whole, rate = audio.read(path, WHOLE)
    assert found.seconds == pytest.approx(seconds, abs=tolerance)
    assert len(whole) == found.frames
    assert sum(len(block) for _, block in audio.blocks(path)) == found.frames
    for length in (0.2, 1.0, 1.7, 2.9, 3.4):
        part, _ = audio.read(path, Excerpt(length))
        start, n, _ = audio.bounds(path, Excerpt(length))
        assert len(part) == n
        if found.seconds - length >= 0.5:
            assert (start, n) == ((found.frames - round(length * rate)) // 2, round(length * rate))
        # the mp3 decoder rounds the last bit of mono in another way behind a seek
        np.testing.assert_allclose(part, whole[start : start + n], rtol=0, atol=1e-7)
    return whole


# ------------------------------------------------------------------ joined


@pytest.mark.parametrize("between", [b"", id3(200)], ids=["nothing", "a tag"])
@pytest.mark.parametrize(
    ("suffix", "options"), [("mp3", {}), ("ogg", {}), ("flac", {}), ("wav", {}), ("opus", {"format": "OGG", "subtype": "OPUS"})]
)
def test_joined_files_are_read_one_after_the_other(tmp_path, suffix, options, between):
    rate = 24000
    files = [encoded(tmp_path, suffix, seconds, seed, rate, **options) for seed, seconds in enumerate((2.5, 4.0, 1.5))]
    alone = []
    for i, data in enumerate(files):
        (tmp_path / f"{i}.{suffix}").write_bytes(data)
        alone.append(audio.read(tmp_path / f"{i}.{suffix}", WHOLE)[0])
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(between.join(files))
    np.testing.assert_array_equal(assert_one_length(path, 8.0), np.concatenate(alone))


def test_a_file_joined_with_itself(tmp_path):
    for suffix in ("mp3", "ogg", "flac", "wav"):
        data = encoded(tmp_path, suffix, 3.0)
        path = tmp_path / f"twice.{suffix}"
        path.write_bytes(data + data)
        assert_one_length(path, 6.0)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac"])
def test_joined_files_of_two_rates_are_refused_with_what_is_not_read(tmp_path, suffix):
    path = tmp_path / f"joined.{suffix}"
    path.write_bytes(encoded(tmp_path, suffix, 2.0) + encoded(tmp_path, suffix, 3.0, rate=32000))
    message = "its sample rate changes from 22050 to 32000 Hz after 2.0 s, so 3.0 s can't be read"
    for read in (audio.info, lambda path: audio.read(path, WHOLE), lambda path: list(audio.blocks(path))):
        with pytest.raises(AudioError, match=message):
            read(path)


def test_joined_files_may_differ_in_channels(tmp_path):
    path = tmp_path / "joined.mp3"
    path.write_bytes(encoded(tmp_path, "mp3", 2.0, channels=2) + encoded(tmp_path, "mp3", 3.0))
    assert_one_length(path, 5.0)
    assert audio.info(path).channels == 2


# ------------------------------------------------------------------ mp3


def with_count(data, count):
    at = max(data.find(b"Xing"), data.find(b"Info"))
    return data[: at + 8] + struct.pack(">I", count) + data[at + 12 :]


def without_info(data):
    (path_part,) = parts.mpeg.parts(data, parts.skip_tags(data, 0), len(data))
    assert path_part.delay, "the encoder wrote no header"
    first = path_part.start
    return data[first + parts.mpeg._size(data, first, parts.mpeg._kind(data[first : first + 4])) :]


@pytest.mark.parametrize("factor", [0, 0.01, 0.5, 0.9])
def test_an_mp3_that_declares_fewer_frames_than_it_has(tmp_path, factor):
    data = encoded(tmp_path, "mp3", 6.0)
    (tmp_path / "right.mp3").write_bytes(data)
    path = tmp_path / "wrong.mp3"
    path.write_bytes(with_count(data, int(factor * 6 * RATE / 576)))
    right, _ = audio.read(tmp_path / "right.mp3", WHOLE)
    np.testing.assert_array_equal(assert_one_length(path, 6.0), right)


@pytest.mark.parametrize("count", [460, 100_000, 0xFFFF_FFFF])
def test_an_mp3_that_declares_more_frames_than_it_has(tmp_path, count):
    path = tmp_path / "wrong.mp3"
    path.write_bytes(with_count(encoded(tmp_path, "mp3", 6.0), count))
    assert_one_length(path, 6.0, tolerance=0.1)  # where the padding begins is unknown
    assert declared_frames(path) > 6.1 * RATE


def variable_mp3(folder, quiet=2.0, loud=6.0):
    """An mp3 of variable bit rate: its quiet beginning takes few bytes, so that a guess from it is far off."""
    samples = np.concatenate([1e-4 * noise(0, quiet), noise(1, loud)])
    path = folder / "variable.mp3"
    soundfile.write(path, samples, RATE, bitrate_mode="VARIABLE", compression_level=0.2)
    return path.read_bytes()


def test_a_variable_mp3_without_a_header_is_read_whole(tmp_path):
    data = variable_mp3(tmp_path)
    bare = tmp_path / "bare.mp3"
    bare.write_bytes(without_info(data))
    assert abs(soundfile.info(bare).frames - 8 * RATE) > RATE, "libsndfile guesses right, so this tests nothing"
    whole = assert_one_length(bare, 8.0, tolerance=0.1)
    with_header, _ = audio.read(tmp_path / "variable.mp3", WHOLE)
    delay = len(whole) - len(with_header)
    errors = [np.abs(whole[shift : shift + RATE] - with_header[:RATE]).max() for shift in range(delay + 1)]
    assert min(errors) < 1e-6  # the same sound, behind the encoder's delay, which only the header tells


def test_an_mp3_without_a_header_is_read_as_libsndfile_reads_what_it_expects(tmp_path):
    path = tmp_path / "bare.mp3"
    path.write_bytes(without_info(encoded(tmp_path, "mp3", 6.0, bitrate_mode="CONSTANT")))
    whole = assert_one_length(path, 6.0, tolerance=0.1)
    assert declared_frames(path) == len(whole)
    theirs = soundfile.read(path, dtype="float32")[0][: len(whole)]
    assert len(theirs) > RATE
    np.testing.assert_allclose(whole[: len(theirs)], theirs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("before", [id3(3_000_000), id3(10) + id3(1000), b"\x13\x37junk" * 5000, bytes(100_000)], ids=len)
@pytest.mark.parametrize(
    "behind", [b"", b"TAG" + bytes(125), ape(70_000), ape(500) + b"TAG" + bytes(125), bytes(5000)], ids=len
)
def test_what_is_around_an_mp3_does_not_matter(tmp_path, before, behind):
    data = encoded(tmp_path, "mp3", 3.0)
    (tmp_path / "bare.mp3").write_bytes(data)
    path = tmp_path / "wrapped.mp3"
    path.write_bytes(before + data + behind)
    np.testing.assert_array_equal(assert_one_length(path, 3.0), audio.read(tmp_path / "bare.mp3", WHOLE)[0])


@pytest.mark.parametrize("suffix", ["flac", "ogg", "wav"])
def test_a_tag_before_other_formats(tmp_path, suffix):
    path = tmp_path / f"tagged.{suffix}"
    path.write_bytes(id3(3000) + encoded(tmp_path, suffix, 3.0))
    assert_one_length(path, 3.0)


def test_an_id3v1_tag_behind_flac(tmp_path):
    path = tmp_path / "tagged.flac"
    path.write_bytes(encoded(tmp_path, "flac", 3.0) + b"TAG" + bytes(125))
    assert_one_length(path, 3.0)


@pytest.mark.parametrize(
    ("name", "options", "channels", "rate"),
    [
        ("a.mp3", {"bitrate_mode": "VARIABLE", "compression_level": 0.9}, 2, 44100),
        ("a.mp3", {"bitrate_mode": "CONSTANT", "compression_level": 0.99}, 1, 44100),
        ("a.mp3", {"bitrate_mode": "CONSTANT", "compression_level": 0.99}, 1, 24000),
        ("a.mp3", {"bitrate_mode": "VARIABLE", "compression_level": 0.9}, 1, 16000),
        ("a.ogg", {}, 2, 44100),
        ("a.ogg", {"compression_level": 0.9}, 1, 16000),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, 2, 48000),
        ("a.flac", {}, 2, 44100),
    ],
)
def test_seeking_gives_the_samples_that_are_there(tmp_path, name, options, channels, rate):
    """libsndfile alone gives noise behind a seek: up to 40 ms in an mp3 of low bit rate, and in some places of an Ogg file."""
    beat = np.repeat(np.random.default_rng(5).uniform(0, 1, 200), rate // 20)[:, None]
    path = tmp_path / name
    soundfile.write(path, beat[: 9 * rate] * noise(3, 9.0, rate, channels), rate, **options)
    whole, _ = audio.read(path, WHOLE)
    rng = np.random.default_rng(0)
    places = np.concatenate(
        [rng.integers(1, len(whole) - 1, 40), np.geomspace(1, rate, 10), len(whole) - np.geomspace(1, rate, 10)]
    )
    with Reading(path) as reading:
        (stream,) = reading._streams
        for start in places.astype(int):
            length = min(2000, len(whole) - start)
            np.testing.assert_allclose(
                stream.read(int(start), int(length), audio.samples.Mix()), whole[start:][:length], rtol=0, atol=1e-7
            )


# ------------------------------------------------------------------ flac, wav, aiff, au


@pytest.mark.parametrize("total", [0, 1, 3 * RATE, 100 * RATE])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_of_unknown_or_wrong_length(tmp_path, total, channels):
    data = bytearray(encoded(tmp_path, "flac", 5.0, channels=channels))
    data[21:26] = ((data[21] & 0xF0) << 32 | total).to_bytes(5, "big")
    path = tmp_path / "wrong.flac"
    path.write_bytes(data)
    np.testing.assert_allclose(assert_one_length(path, 5.0), noise(0, 5.0, channels=channels).mean(axis=1), atol=1e-4)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_F000, 10**8])
@pytest.mark.parametrize("riff", [0, 8, 36, 0xFFFF_FFFF])
def test_wav_of_unknown_length(tmp_path, size, riff):
    data = bytearray(encoded(tmp_path, "wav", 4.0))
    data[4:8] = struct.pack("<I", riff)
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path = tmp_path / "wrong.wav"
    path.write_bytes(data)
    np.testing.assert_allclose(assert_one_length(path, 4.0), noise(0, 4.0)[:, 0], atol=1e-4)


def test_sound_behind_the_declared_end_of_a_wav_is_a_fault(tmp_path):
    data = bytearray(encoded(tmp_path, "wav", 4.0))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", RATE * 2)
    path = tmp_path / "wrong.wav"
    path.write_bytes(data)
    for read in (audio.info, lambda path: audio.read(path, Excerpt(0.5))):
        with pytest.raises(AudioError, match=r"declares 1\.0 s of audio, and 132300 bytes behind that \(3\.0 s\) aren't read"):
            read(path)


def test_chunks_behind_the_sound_of_a_wav_are_no_sound(tmp_path):
    path = tmp_path / "tagged.wav"
    path.write_bytes(encoded(tmp_path, "wav", 4.0) + b"LIST" + struct.pack("<I", 200_000) + bytes(200_000))
    assert_one_length(path, 4.0)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_au_and_aiff_of_unknown_length(tmp_path, size):
    data = bytearray(encoded(tmp_path, "au", 4.0))
    data[8:12] = struct.pack(">I", size)
    (tmp_path / "wrong.au").write_bytes(data)
    assert_one_length(tmp_path / "wrong.au", 4.0)
    data = bytearray(encoded(tmp_path, "aiff", 4.0))
    for name, offset in ((b"FORM", 4), (b"SSND", 4), (b"COMM", 10)):
        at = data.index(name) + offset
        data[at : at + 4] = struct.pack(">I", size)
    (tmp_path / "wrong.aiff").write_bytes(data)
    assert_one_length(tmp_path / "wrong.aiff", 4.0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", {"subtype": "GSM610"}),
        ("a.au", {"subtype": "G721_32"}),
        ("a.wav", {"subtype": "G721_32"}),
        ("a.wav", {"subtype": "MS_ADPCM"}),
        ("a.w64", {}),
        ("a.wav", {"format": "RF64"}),
        ("a.caf", {"subtype": "ALAC_16"}),
    ],
)
def test_formats_that_can_not_seek_or_are_rare(tmp_path, name, options):
    path = tmp_path / name
    try:
        soundfile.write(path, noise(0, 4.0, 8000), 8000, **options)
    except soundfile.LibsndfileError as error:
        pytest.skip(f"this libsndfile can't write it: {error}")
    assert_one_length(path, 4.0, tolerance=0.1)


# ------------------------------------------------------------------ what libsndfile doesn't know


def written(path, codec, form, rate=48000, seconds=3.0, sample_format="s16"):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    samples = (noise(0, seconds, rate)[:, 0] * 32767).astype(np.int16)
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, len(samples), 4608):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 4608], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [("a.oga", "flac", "ogg"), ("a.webm", "libopus", "webm"), ("a.wv", "wavpack", "wv"), ("a.aac", "aac", "adts")],
)
def test_formats_of_ffmpeg_are_read_alike_in_every_way(tmp_path, name, codec, form):
    assert_one_length(written(tmp_path / name, codec, form), 3.0, tolerance=0.15)


# ------------------------------------------------------------------ channels and slack


@pytest.mark.parametrize("factor", [-1.0, -0.97, -1.04])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_where_channels_cancel_one_is_used(tmp_path, factor, suffix):
    left = noise(0, 3.0)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.hstack([left, factor * left]), RATE)
    for excerpt in (WHOLE, Excerpt(1.0)):
        start, length, _ = audio.bounds(path, excerpt)
        np.testing.assert_allclose(audio.read(path, excerpt)[0], left[start : start + length, 0], atol=1e-4)


@pytest.mark.parametrize("others", [np.zeros((RATE, 1)), noise(1, 1.0), -0.5 * noise(0, 1.0), noise(2, 1.0, channels=7)])
def test_channels_that_do_not_cancel_are_averaged(tmp_path, others):
    samples = np.hstack([noise(0, 1.0), others])
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav", WHOLE)[0], samples.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("frames", "start", "length"), [(1323119, 0, 1323119), (1345049, 0, 1345049), (1345050, 11025, 1323000)]
)
def test_a_file_that_is_hardly_longer_than_the_excerpt_is_used_whole(tmp_path, frames, start, length):
    soundfile.write(tmp_path / "a.wav", np.zeros(frames, np.int16), 44100)
    assert audio.bounds(tmp_path / "a.wav", Excerpt(30)) == (start, length, 44100)


# ------------------------------------------------------------------ containers


def test_an_mp3_with_junk_inside_is_read_whole(tmp_path):
    whole = encoded(tmp_path, "mp3", 4.0)
    (tmp_path / "a.mp3").write_bytes(whole)
    expected, _ = audio.read(tmp_path / "a.mp3", WHOLE)
    half, junk = len(whole) // 2, np.random.default_rng(0).bytes(5000)
    (tmp_path / "b.mp3").write_bytes(whole[:half] + junk + whole[half : half + 3000] + bytes(90_000) + whole[half + 3000 :])
    found = audio.info(tmp_path / "b.mp3").frames
    samples, rate = audio.read(tmp_path / "b.mp3", WHOLE)
    assert len(samples) == found
    assert len(expected) - found <= 3 * 1152  # the frames that were cut through
    np.testing.assert_array_equal(samples[: rate // 2], expected[: rate // 2])
    np.testing.assert_allclose(samples[-rate // 2 :], expected[-rate // 2 :], rtol=0, atol=1e-6)


def rf64(data, declared, n_frames):
    at = data.index(b"data")
    sizes = struct.pack("<IQQQI", 28, len(data) + 28, declared, n_frames, 0)
    return b"RF64" + b"\xff" * 4 + b"WAVEds64" + sizes + data[12 : at + 4] + b"\xff" * 4 + data[at + 8 :]


@pytest.mark.parametrize("declared", ["right", "nothing", "half"])
def test_the_length_of_rf64_is_counted(tmp_path, declared):
    data, path = encoded(tmp_path, "wav", 4.0), tmp_path / "a.rf64.wav"
    size = 4 * RATE * 2
    path.write_bytes(rf64(data, {"right": size, "nothing": 0, "half": size // 2}[declared], 4 * RATE))
    if declared == "half":
        with pytest.raises(AudioError, match=r"declares 2\.0 s of audio, and 88200 bytes behind that \(2\.0 s\) aren't read"):
            audio.info(path)
    else:
        assert_one_length(path, 4.0)


def test_what_is_behind_the_declared_end_of_caf_is_told(tmp_path):
    data, path = encoded(tmp_path, "caf", 4.0), tmp_path / "a.caf"
    at = data.index(b"data")
    path.write_bytes(data[: at + 4] + struct.pack(">Q", 4 + 4 * RATE) + data[at + 12 :])
    with pytest.raises(AudioError, match=r"declares 88204 bytes of audio, and \d+ bytes behind them aren't read"):
        audio.info(path)


@pytest.mark.parametrize("suffix", ["caf", "w64"])
def test_joined_containers_of_libsndfile(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encoded(tmp_path, suffix, 2.0, 0) + encoded(tmp_path, suffix, 3.0, 1))
    assert_one_length(path, 5.0)


def written_by_ffmpeg(path, form, codec, seconds=1.0, rate=RATE):
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        samples = np.int16(32767 * noise(0, seconds, rate)).T
        for start in range(0, samples.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "s16", "mono")
            frame.sample_rate = rate
            for fitting in av.AudioResampler(format=stream.codec_context.format.name).resample(frame):
                container.mux(stream.encode(fitting))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("form", "codec"), [("mp4", "alac"), ("mp4", "aac"), ("tta", "tta")])
def test_joined_containers_of_ffmpeg(tmp_path, form, codec):
    path = tmp_path / f"a.{form}"
    written_by_ffmpeg(path, form, codec)
    seconds = audio.info(path).seconds
    assert seconds == pytest.approx(1.0, abs=0.1)
    path.write_bytes(2 * path.read_bytes())
    assert_one_length(path, 2 * seconds)


def test_joined_wma(tmp_path, real_data):
    pytest.importorskip("av")
    data = (real_data / "wild" / "ignored-suffix" / "music" / "polka" / "p1.wma").read_bytes()
    (tmp_path / "a.wma").write_bytes(data)
    seconds = audio.info(tmp_path / "a.wma").seconds
    (tmp_path / "a.wma").write_bytes(2 * data)
    assert_one_length(tmp_path / "a.wma", 2 * seconds)


@pytest.mark.parametrize("suffix", ["wav", "rf64", "aiff", "au", "w64"])
def test_a_file_that_was_cut_promises_what_is_missing(tmp_path, suffix):
    path = tmp_path / "a.bin"
    soundfile.write(path, noise(0, 4.0), RATE, format=suffix.upper(), subtype="PCM_16")
    whole = path.read_bytes()
    assert declared_frames(path) == audio.info(path).frames == 4 * RATE
    path.write_bytes(whole[: len(whole) // 2])
    seconds = audio.info(path).seconds
    assert seconds == pytest.approx(2, abs=0.01)
    assert_one_length(path, seconds)
    assert declared_frames(path) == pytest.approx(4 * RATE, abs=0.01 * RATE)


def test_a_webm_that_was_cut_promises_what_is_missing(tmp_path):
    path = tmp_path / "a.webm"
    written_by_ffmpeg(path, "webm", "libopus", seconds=4.0, rate=48000)
    whole = audio.info(path).frames
    assert declared_frames(path) == whole
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert audio.info(path).frames < 0.7 * whole
    assert declared_frames(path) == pytest.approx(whole, rel=0.02)


# ------------------------------------------------------------------ the cache of lengths


def test_lengths_that_are_saved_at_once_are_all_kept(tmp_path):
    """Another process saves its lengths while this one waits: neither's are lost."""
    soundfile.write(tmp_path / "a.wav", noise(0, 1.0), RATE)
    cache = tmp_path / "home" / "lengths.json"
    with ThreadPoolExecutor(1) as other:
        with temporary.locked(cache):
            waiting = other.submit(audio.lengths, {"mine": tmp_path / "a.wav"}, cache)
            with pytest.raises(TimeoutError):  # it has to wait for the lock
                waiting.result(timeout=1)
            cache.write_text(json.dumps({"version": 1, "lengths": {"theirs": [8000, 8000, True]}}))
        assert waiting.result() == {"mine": (RATE, RATE, True)}
    kept = json.loads(cache.read_text())["lengths"]
    assert kept == {"theirs": [8000, 8000, True], "mine": [RATE, RATE, True]}
    assert audio.lengths({"theirs": tmp_path / "gone.wav"}, cache) == {"theirs": (8000, 8000, True)}
