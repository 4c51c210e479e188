"""Models in a run folder from a stranger: sizes are bounded before memory is taken, and each fault is one line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genrebench as gb
from genrebench.api import read_arrays

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes, links and limits of memory")


@pytest.fixture
def run(real_data: Path, tmp_path: Path) -> Path:
    """The folder of a run of svm-baseline that version 0.1.0 made."""
    source = next((real_data / "store-0.1.0" / "runs").glob("svm-baseline-*-94bb"))
    folder = tmp_path / "runs" / source.name
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture
def clip(real_data: Path) -> Path:
    return real_data / "fma" / "clips" / "000182.mp3"


def npz(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    with np.load(file) as saved:
        arrays = dict(saved)
    change(arrays)
    np.savez(file, **arrays)


def constants(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / "model" / "model.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return damage


def arrays(**changes: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        npz(folder / "model" / "model.npz", lambda saved: saved.update({k: f(saved[k]) for k, f in changes.items()}))

    return damage


def bomb(folder: Path) -> None:
    """0.3 MB that ask for 300 MB."""
    with zipfile.ZipFile(folder / "model" / "model.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (3 * 10**8,)})
        with archive.open("vectors.npy", "w") as member:
            member.write(header.getvalue())
            for _ in range(30):
                member.write(bytes(10**7))


def claim(folder: Path) -> None:
    """A few bytes whose header says that they are 800 GB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
    with zipfile.ZipFile(folder / "model" / "model.npz", "w") as archive:
        archive.writestr("vectors.npy", header.getvalue() + bytes(8))


def objects(folder: Path) -> None:
    np.savez(folder / "model" / "model.npz", vectors=np.array([{}, []], dtype=object))


def file(name: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "model" / name).unlink()
        make(folder / "model" / name)

    return damage


def elsewhere(folder: Path) -> None:
    (folder / "model").rename(folder.parents[1] / "elsewhere")
    (folder / "model").symlink_to(folder.parents[1] / "elsewhere")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bomb": (bomb, "would take more than"),
    "a claim": (claim, "has the shape"),
    "Python objects": (objects, "holds Python objects"),
    "no archive": (file("model.npz", lambda f: f.write_bytes(b"PK\x03\x04 no")), "isn't a sound archive"),
    "a pipe": (file("model.npz", os.mkfifo), "isn't an ordinary file"),
    "a device": (file("model.json", lambda f: f.symlink_to("/dev/zero")), "is a link that leads out of it"),
    "a folder elsewhere": (elsewhere, "leads out of its folder"),
    "no array": (arrays(mean=lambda a: a[:5]), "parts don't fit"),
    "not a number": (arrays(vectors=lambda a: a * np.nan), "parts don't fit"),
    "no columns": (arrays(vectors=lambda a: np.zeros((10**9, 0))), "has the shape"),
    "other classes": (arrays(classes=lambda a: a + 100), "parts don't fit"),
    "text": (arrays(classes=lambda a: a.astype(str)), "parts don't fit"),
    "10^9 classes": (constants(n_classes=10**9), "parts don't fit"),
    "an unknown kernel": (constants(kernel="os.system"), "parts don't fit"),
    "a list": (constants(kernel=[]), "parts don't fit"),
    "an unknown method": (constants(probabilities="x"), "parts don't fit"),
    "no tracks": (constants(n_train=0), "parts don't fit"),
    "no object": (file("model.json", lambda f: f.write_text("[]")), "missing or of the wrong type"),
    "deep": (file("model.json", lambda f: f.write_text("[" * 10**5)), "nested too deeply"),
    "no columns of the table": (file("columns.json", lambda f: f.write_text("[[1]]")), "which columns the model saw"),
    "a pipe of columns": (file("columns.json", os.mkfifo), "isn't an ordinary file"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_model_is_one_line(what: str, run: Path, clip: Path) -> None:
    damage, message = DAMAGES[what]
    damage(run)
    with pytest.raises(gb.GenrebenchError, match=message) as raised:
        gb.predict(clip, run.name, runs=run.parent, workers=1)
    assert "\n" not in str(raised.value)


def test_a_bomb_takes_no_memory(run: Path) -> None:
    bomb(run)
    code = (
        "import resource, sys, pathlib\n"
        "from genrebench.api import read_arrays\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_arrays(pathlib.Path(sys.argv[1]))\nexcept ValueError:\n    pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    call = [sys.executable, "-c", code, run / "model" / "model.npz"]
    kilobytes = int(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    assert kilobytes < 20_000


def npy(shape: str, dtype: str = "<f8", data: bytes = b"") -> bytes:
    """An array whose header is free to say anything."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def encrypted(archive: bytes) -> bytes:
    """An archive whose first member says that it needs a password."""
    data = bytearray(archive)
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def archive_of(content: bytes, name: str = "a.npy", method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def garbled(archive: bytes) -> bytes:
    return archive[:60] + bytes(byte ^ 0x55 for byte in archive[60:75]) + archive[75:]


@pytest.mark.parametrize(
    "content",
    [
        archive_of(npy("(1000000000000,)", "|S0")),
        archive_of(npy("(1000000000000,)", "|V0")),
        archive_of(npy("(0, 1000000000000)")),
        archive_of(npy("(4294967296, 4294967296, 4294967296)")),
        archive_of(npy("(-1, -1)", data=bytes(8))),
        archive_of(npy("(True,)", data=bytes(8))),
        archive_of(npy("(" * 3000)),
        archive_of(npy("(1,)", "|O", b"cos\nsystem\n")),
        archive_of(b"cos\nsystem\n(S'true'\ntR.", "a.pkl"),
        encrypted(archive_of(bytes(8), "a.pkl")),
        encrypted(archive_of(npy("(1,)", data=bytes(8)))),
        garbled(archive_of(npy("(1,)", data=bytes(8)), method=zipfile.ZIP_LZMA)),
        garbled(archive_of(npy("(1,)", data=bytes(8)), method=zipfile.ZIP_DEFLATED)),
    ],
)
def test_what_an_archive_of_arrays_says_of_itself_is_checked(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("model", ["cnn-raw", "mfcc-frames"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "network.safetensors").write_bytes(b"\xff" * 8 + b"{}"),
        lambda folder: (folder / "network.safetensors").write_bytes((1 << 40).to_bytes(8, "little")),
        lambda folder: (folder / "network.safetensors").write_bytes(b""),
        lambda folder: next(folder.glob("*.json")).write_text("[]"),
        lambda folder: next(folder.glob("*.json")).write_text('{"scale": {"prior": "x"}}'),
    ],
)
def test_a_damaged_network_is_one_line(model: str, damage: Callable[[Path], Any], real_data: Path, tmp_path: Path) -> None:
    from genrebench.plugin.contract import Context
    from genrebench.plugin.hosted import HostedModel
    from genrebench.plugin.registry import installed_plugins

    source = next((real_data / "store-0.1.0" / "runs").glob(f"{model}-*"))
    record = json.loads((source / "run.json").read_text())
    shutil.copytree(source / "model", tmp_path / "model", copy_function=shutil.copyfile)
    for path in [tmp_path / "model", *(tmp_path / "model").iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    hosted = HostedModel(installed_plugins().model(model), record["model"]["options"])
    built = hosted.build(Context(tuple(record["task"]["genres"])))
    built.load(tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(gb.GenrebenchError, match=r"can't be read|the options say"):
        built.load(tmp_path / "model")


def test_a_run_with_a_link_is_not_continued(tmp_path: Path, make_run: Callable) -> None:
    from genrebench.errors import StoreError
    from genrebench.runs.store import RunStore

    store = RunStore(tmp_path / "runs")
    folder = store.begin(make_run())
    store.require_ordinary("a-run")
    (folder / "error.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(StoreError, match=r"error\.txt is a link that leads out of it"):
        store.require_ordinary("a-run")
