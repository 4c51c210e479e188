"""Datasets at a URL: on a server that speaks S3's language, and on Python's own web server."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genrebench import audio, mirror
from genrebench.datasets import resolve
from genrebench.errors import AudioError, DataError, UsageError
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Dataset, Excerpt

pytest.importorskip("s3fs", reason="the extra 'remote' isn't installed")

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def write_music(folder: Path, n: int = 6) -> Path:
    """A folder with tracks.csv, features.csv and clips of half a second."""
    (folder / "clips").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, features = ["track_id,genre,artist,path"], ["track_id,a,b"]
    for i in range(n):
        name = f"clips/{i} ü.wav"
        soundfile.write(folder / name, 0.1 * rng.standard_normal(4000), 8000)
        rows.append(f"{i},{'rock' if i % 2 else 'jazz'},artist {i},{name}")
        features.append(f"{i},{i}.5,{i % 2}")
    (folder / "tracks.csv").write_text("\n".join([*rows, ""]), "utf-8")
    (folder / "features.csv").write_text("\n".join([*features, ""]))
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Counts what is asked for, and can break off."""

    asked: list[str]
    broken: list[int]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.broken:
            self.broken.pop()
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"RIFF")
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path, type[Handler]]]:
    """URL, folder and handler of a web server with music."""
    folder = write_music(tmp_path / "served" / "music")
    handler = type("Counting", (Handler,), {"asked": [], "broken": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/music", folder, handler
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    pytest.importorskip("moto", reason="moto isn't installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a bucket's folder with music."""
    import s3fs

    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    if not system.exists("bucket"):
        system.mkdir("bucket")
    system.put(str(write_music(tmp_path / "local")), f"bucket/{tmp_path.name}/music", recursive=True)
    return f"s3://bucket/{tmp_path.name}/music"


def opened(url: str, home: Path) -> Dataset:
    mirror._open.cache_clear()  # as a new process
    return resolve(url, installed_plugins(), home)


def copies(home: Path) -> list[str]:
    """Names of the clips that are there."""
    return sorted(file.name for file in home.rglob("*.wav") if file.stat().st_size)


def test_s3_tables_at_once_audio_on_use(s3: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    music = opened(s3, home)
    assert music.name == "music"
    assert [track.genre for track in music.tracks] == ["jazz", "rock"] * 3
    assert music.load_features is not None
    assert music.load_features().values[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert copies(home) == []
    path = music.tracks[3].path
    assert path is not None
    samples, rate = audio.read(path, Excerpt(None))
    assert (len(samples), rate) == (4000, 8000)
    assert copies(home) == ["3 ü.wav"]
    assert audio.content_hash(path) == audio.content_hash(tmp_path / "local" / "clips" / "3 ü.wav")


def test_http_is_asked_once_for_each_file(web: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, folder, handler = web
    home = tmp_path / "home"
    for _ in range(2):
        music = opened(f"{url}/tracks.csv", home)
        paths = [track.path for track in music.tracks if track.path is not None]
        hashes = audio.content_hashes(paths, home / "hashes.json")
        for path in paths:
            audio.read(path, Excerpt(None))
    assert sorted(handler.asked) == sorted({*handler.asked})
    assert len(handler.asked) == 8
    assert hashes == audio.content_hashes(sorted(folder.glob("clips/*.wav")), tmp_path / "other.json")
    assert url in music.note


def test_copies_make_room_and_come_back(
    web: tuple[str, Path, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _, handler = web
    home = tmp_path / "home"
    monkeypatch.setenv(mirror.LIMIT, "20e-6")  # two of six clips
    monkeypatch.setattr(mirror, "_IN_USE", 0.0)
    paths = [track.path for track in opened(url, home).tracks if track.path is not None]
    for path in paths:
        audio.read(path, Excerpt(None))
        time.sleep(0.01)
    assert 1 <= len(copies(home)) <= 2
    assert all(path.is_file() for path in paths)
    asked = len(handler.asked)
    hashes = audio.content_hashes(paths, home / "hashes.json")
    assert len(set(hashes)) == 6
    assert len(handler.asked) == asked, "known hashes need no file"
    audio.read(paths[0], Excerpt(None))
    assert len(handler.asked) == asked + 1


def test_changed_content_is_named(web: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, folder, _ = web
    home = tmp_path / "home"
    music = opened(url, home)
    path = music.tracks[0].path
    assert path is not None
    audio.read(path, Excerpt(None))
    path.write_bytes(b"")  # made room for others
    clip = folder / "clips" / "0 ü.wav"
    shutil.copy(folder / "clips" / "1 ü.wav", clip)
    with pytest.raises(DataError, match=r"0 ü.wav has changed since it was fetched.*genrebench cache clear"):
        audio.read(path, Excerpt(None))
    table = folder / "tracks.csv"
    table.write_text(table.read_text("utf-8") + "7,rock,artist,\n", "utf-8")
    with pytest.raises(DataError, match=r"tracks.csv has changed since it was fetched"):
        opened(url, home)
    shutil.rmtree(home / "cache")
    assert len(opened(url, home).tracks) == 7


def test_a_connection_that_breaks_is_tried_again(web: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, _, handler = web
    music = opened(url, tmp_path / "home")
    path = music.tracks[0].path
    assert path is not None
    handler.broken[:] = [0]
    assert len(audio.read(path, Excerpt(None))[0]) == 4000
    other = music.tracks[1].path
    assert other is not None
    handler.broken[:] = [0] * 50
    with pytest.raises(DataError, match=r"the connection to .* failed .*; try again"):
        audio.read(other, Excerpt(None))
    assert not other.stat().st_size


def test_missing_things_are_named(s3: str, web: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(DataError, match=r"there is no s3://nobody/music/tracks.csv"):
        opened("s3://nobody/music", home)
    with pytest.raises(DataError, match=r"there is no http.*/other/tracks.csv"):
        opened(web[0].replace("music", "other"), home)
    with pytest.raises(DataError, match=r"the connection to .* failed"):
        opened("http://127.0.0.1:9/music", home)
    with pytest.raises(UsageError, match="no such kind of URL"):
        opened("xyz://host/music", home)
    with pytest.raises(UsageError, match="leave user and password out"):
        opened("https://me:secret@host/music", home)
    (web[1] / "clips" / "0 ü.wav").unlink()
    path = opened(web[0], home).tracks[0].path
    assert path is not None
    with pytest.raises(AudioError, match=r"there is no file http.*0 ü.wav"):
        audio.read(path, Excerpt(None))


def test_no_credentials_is_one_line(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(DataError, match=r"no access to s3://.*AWS_ACCESS_KEY_ID"):
        opened(s3, tmp_path / "home")


def test_without_the_extra_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gcsfs.*genrebench\[remote\] has packages for S3 and HTTP alone"):
        opened("gs://bucket/music", tmp_path / "home")
    for missing in ("s3fs", "fsspec"):
        code = f"import sys; sys.modules[{missing!r}] = None; import genrebench as gb; gb.dataset('s3://bucket/music')"
        environment = {**os.environ, "GENREBENCH_HOME": str(tmp_path / "home")}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
        assert "UsageError" in done.stderr
        assert "pip install 'genrebench[remote]'" in done.stderr


def test_a_run_on_audio_of_a_url(web: tuple[str, Path, type[Handler]], tmp_path: Path) -> None:
    url, folder, _ = web
    (folder / "features.csv").unlink()
    model = tmp_path / "model.py"
    model.write_text(
        "from genrebench.api import sklearn_model, hookimpl\n"
        "from sklearn.dummy import DummyClassifier\n"
        "def make(context, options):\n    return DummyClassifier(strategy='prior')\n"
        "@hookimpl\ndef genrebench_models():\n    return [sklearn_model('prior', 'the shares', make)]\n"
    )
    words = ["run", str(model), "--dataset", url, "--split", "first-80", "--runs", str(tmp_path / "runs"), "--format", "json"]
    environment = {**os.environ, "GENREBENCH_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert run["task"]["source"] == url
    assert run["model"]["feature_source"] == "extracted from audio"
