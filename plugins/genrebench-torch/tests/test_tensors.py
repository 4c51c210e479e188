"""Tensors of saved models."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from genrebench_torch.checkpoint import DamagedCheckpointError, read_checkpoint
from genrebench_torch.tensors import read_tensors

WEIGHTS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def write(file: Path, tensors: dict[str, tuple[int, ...]], content: int = 0) -> Path:
    """A safetensors file of bytes, which are really there only up to the size of `content`."""
    header, end = {}, 0
    for name, shape in tensors.items():
        size = torch.Size(shape).numel()
        header[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    encoded = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(encoded)) + encoded)
    with file.open("r+b") as stream:
        stream.truncate(8 + len(encoded) + (content or end))
    return file


def test_the_tensors_that_were_saved_are_read(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    read = read_tensors(tmp_path / "w.safetensors", WEIGHTS)
    assert read.keys() == WEIGHTS.keys() and all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": (2, 3)}, "1 of its tensors are missing or unknown, such as 'bias'"),
        ({"weight": (2, 3), "bias": (2,), "huge": (4 * 2**30,)}, "such as 'huge'"),
        ({"weight": (2, 3), "bias": (4 * 2**30,)}, "'bias' has the shape"),
    ],
)
def test_other_tensors_are_refused_before_they_are_read(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_tensors(write(tmp_path / "w.safetensors", tensors), WEIGHTS)


def test_a_header_that_claims_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError):
        read_tensors(write(tmp_path / "w.safetensors", {"weight": (2, 3), "bias": (2**40,)}, content=8), WEIGHTS)


def test_a_checkpoint_of_too_many_tensors_is_damaged(tmp_path: Path) -> None:
    file = write(tmp_path / "c.safetensors", {f"network.{i}": (0,) for i in range(100_001)})
    with pytest.raises(DamagedCheckpointError, match="more than 100000 tensors"):
        read_checkpoint(file, "")
