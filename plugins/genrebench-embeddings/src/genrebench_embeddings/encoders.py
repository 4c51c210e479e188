"""Encoders: pretrained networks that turn windows of samples into frames of embeddings, layer by layer."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genrebench.api import UsageError

Layers = list[NDArray[np.float32]]
"""One array per layer, shape (n_windows, n_frames, n_values); layers may differ in frames and values."""


class Encoder(Protocol):
    """A pretrained network.

    Attributes
    ----------
    sample_rate : int
        Hz of the samples that it hears.
    window : int
        Samples that it hears at once.
    batch_size : int
        Windows per call.
    key : list
        All that its values depend on, in JSON types.
    """

    sample_rate: int
    window: int
    batch_size: int
    key: list[Any]

    def __call__(self, windows: NDArray[np.float32]) -> Layers:
        """Encode windows, shape (n_windows, window)."""
        ...


@dataclass(frozen=True)
class Package:
    """An ONNX file that a package ships.

    Parameters
    ----------
    module, file : str
        The package's module, and the file inside its folder.
    rate : int
        Hz.
    trained_on : tuple of str
        Data sets that it was trained on, as its authors say.
    install : str
    """

    module: str
    file: str
    rate: int
    trained_on: tuple[str, ...]
    install: str


PACKAGES = {
    # Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription", ICASSP 2022
    "basic-pitch": Package(
        "basic_pitch",
        "saved_models/icassp_2022/nmp.onnx",
        22050,
        ("guitarset", "ikala", "maestro", "medleydb", "slakh"),
        "pip install --no-deps basic-pitch",
    )
}
"""Encoders by the name of their package; the package itself is never imported."""

_FORMS = "onnx:FILE, hf:FOLDER, hf:ID@REVISION or package:NAME"
_REVISION = re.compile(r"[0-9a-f]{40}")


def require_encoder(encoder: str) -> None:
    """Check that an encoder is there, without loading it.

    Raises
    ------
    UsageError
        If it isn't, its library isn't installed, or a revision of the hub isn't pinned; the message says what to do.
    """
    kind, _, name = encoder.partition(":")
    if kind not in ("onnx", "hf", "package") or not name:
        raise UsageError(f"the encoder {encoder!r} isn't of the form {_FORMS}")
    if kind == "hf":
        for module in ("torch", "transformers"):
            _require(module, f"the encoder {encoder!r} needs {module}", "pip install 'genrebench-embeddings[hf]'")
        split_hub_name(name)
        return
    path_of(encoder)
    _require("onnxruntime", f"the encoder {encoder!r} needs onnxruntime", "pip install 'genrebench-embeddings[onnx]'")


def path_of(encoder: str) -> Path:
    """The ONNX file of an encoder.

    Raises
    ------
    UsageError
        If the file or the package isn't there.
    """
    kind, _, name = encoder.partition(":")
    if kind == "onnx":
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no ONNX file {name!r}; name another with --set encoder=onnx:FILE")
        return path
    if name not in PACKAGES:
        raise UsageError(f"no encoder is known in the package {name!r}; known: {', '.join(sorted(PACKAGES))}")
    package = PACKAGES[name]
    _require(package.module, f"the encoder {encoder!r} comes with a package that isn't installed", package.install)
    spec = importlib.util.find_spec(package.module)
    folders = (spec.submodule_search_locations if spec else None) or []
    found = next((Path(folder) / package.file for folder in folders if (Path(folder) / package.file).is_file()), None)
    if found is None:
        raise UsageError(f"the installed package {name} has no {package.file}; install the version that has: {package.install}")
    return found


def split_hub_name(name: str) -> tuple[str, str | None]:
    """Split a folder, or an id and its revision.

    Returns
    -------
    name : str
    revision : str or None
        None for a folder.

    Raises
    ------
    UsageError
        If it is neither a folder nor an id with a full revision.
    """
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser()), None
    id_, _, revision = name.rpartition("@")
    if not id_ or not _REVISION.fullmatch(revision):
        raise UsageError(
            f"{name!r} is neither a folder nor of the form ID@REVISION with a revision of 40 hexadecimal digits; a branch "
            "can change, so copy the commit from the model's page"
        )
    return id_, revision


def open_encoder(encoder: str, rate: int | None, window: float, device: str, workers: int) -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    encoder : str
    rate : int or None
        Hz that an ONNX file wants.
    window : float
        Seconds that the encoder hears at once, where it leaves that open.
    device : {"auto", "cpu", "cuda", "mps"}
        "auto" uses a GPU where there is one.
    workers : int
        Number of threads on the CPU.

    Raises
    ------
    UsageError
        As `require_encoder`; or the network isn't one that hears samples.
    """
    require_encoder(encoder)
    kind, _, name = encoder.partition(":")
    if kind == "hf":
        from genrebench_embeddings.huggingface import HubEncoder

        return HubEncoder(*split_hub_name(name), window=window, device=device, workers=workers)
    from genrebench_embeddings.onnx import OnnxEncoder

    known = PACKAGES[name].rate if kind == "package" else rate
    return OnnxEncoder(path_of(encoder), rate=known, window=window, device=device, workers=workers)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require(module: str, reason: str, install: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"{reason}: {install}")
