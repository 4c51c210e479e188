"""Reading the tensors of a saved model; it may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor


def read_tensors(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read a safetensors file that has the tensors of a model and no others; the header is checked before memory is taken.

    Parameters
    ----------
    file : Path
    expected : mapping of str to Tensor
        Tensors of the names and shapes that the file has to have, for instance a network's ``state_dict()``.

    Returns
    -------
    dict of str to Tensor
        On the CPU.

    Raises
    ------
    ValueError
        If the file has other tensors.
    SafetensorError, OSError, RuntimeError
        If it can't be read.
    """
    with safe_open(file, framework="pt") as opened:
        names = set(opened.keys())
        if names != expected.keys():
            other = sorted(names ^ expected.keys())
            raise ValueError(f"{len(other)} of its tensors are missing or unknown, such as {other[0]!r:.100}")
        for name, tensor in expected.items():
            shape = tuple(opened.get_slice(name).get_shape())
            if shape != tuple(tensor.shape):
                raise ValueError(f"its tensor {name!r} has the shape {shape}, not {tuple(tensor.shape)}")
        return {name: opened.get_tensor(name) for name in expected}
