"""Checkpoint files: safetensors whose header holds the numbers as JSON. Reading one runs no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from genrebench.api import UsageError, write_file

_MAX_TENSORS = 100_000
"""More aren't the tensors of a network and its optimiser, and take minutes to read."""

Parts = dict[str, dict[str, Tensor]]
"""Tensors by part ("network", "optimiser", ...) and name."""


def identity_of(arrays: Iterable[NDArray[Any]], facts: Any) -> str:
    """Return a hash of what a checkpoint has to share with the training that resumes from it.

    Parameters
    ----------
    arrays : iterable of ndarray of int
        What describes the data: labels, lengths of the tracks.
    facts : JSON types
        Options, seed, genres.
    """
    content = hashlib.sha256()
    for numbers in arrays:
        content.update(np.ascontiguousarray(numbers, dtype=np.int64).tobytes() + b"|")
    content.update(json.dumps(facts).encode())
    return content.hexdigest()


class DamagedCheckpointError(UsageError):
    """A checkpoint file is damaged."""


def write_checkpoint(file: Path, identity: str, progress: Mapping[str, Any], parts: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write a checkpoint; a kill at any moment leaves the file as it was before or as it is afterwards.

    Parameters
    ----------
    file : Path
        Replaced where it exists.
    identity : str
        See `identity_of`.
    progress : mapping
        Numbers of the training, in JSON types.
    parts : mapping of str to mapping of str to Tensor
        Names of parts contain no ".".
    """
    tensors = {
        f"{part}.{name}": value.detach().cpu().contiguous() for part, named in parts.items() for name, value in named.items()
    }
    write_file(file, save(tensors, metadata={"identity": identity, "progress": json.dumps(dict(progress))}))


def read_checkpoint(file: Path, identity: str) -> tuple[dict[str, Any], Parts]:
    """Read what `write_checkpoint` wrote.

    Returns
    -------
    progress : dict
    parts : dict of str to dict of str to Tensor
        On the CPU.

    Raises
    ------
    DamagedCheckpointError
        If the file can't be read.
    UsageError
        If it belongs to a training of other data or options.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            header, names = opened.metadata() or {}, opened.keys()
            if len(names) > _MAX_TENSORS:
                raise ValueError(f"it has more than {_MAX_TENSORS} tensors")
            tensors = {name: opened.get_tensor(name) for name in names}
        progress = json.loads(header.get("progress", ""))
        if not isinstance(progress, dict):
            raise ValueError("it has no progress")
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:  # torch's, if it can't map the file
        raise DamagedCheckpointError(f"checkpoint {file.name} can't be read ({error})") from None
    if header.get("identity") != identity:
        raise UsageError(f"checkpoint {file.name} belongs to other data or options; start again without --resume")
    if any(name.startswith("network/") for name in tensors):  # as genrebench-mfcc 0.1.0 wrote them
        tensors = {name.replace("/", "."): value for name, value in tensors.items()}
    parts: Parts = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = value
    return progress, parts
