"""Where the tensors live, and what randomness and how many threads they get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from genrebench.api import UsageError


def pick_device(wanted: str) -> torch.device:
    """Return the device that was asked for; "auto" takes CUDA, else MPS, else the CPU.

    Raises
    ------
    UsageError
        If it isn't there.
    """
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    name = present[0] if wanted == "auto" else wanted
    if name not in present:
        raise UsageError(f"mfcc-frames: there is no device {wanted!r} here; use --device auto or one of: {', '.join(present)}")
    return torch.device(name)


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside, and leave the random state outside as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Let torch compute each operation in the thread that asks for it.

    The operations of this model are small: threads that share one wait for each other longer than they work. Crops are what is
    spread over threads instead, see `crops.ahead`.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
