"""Where the tensors live, and what randomness and how many threads they get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from genrebench.api import UsageError


def pick_device(wanted: str) -> torch.device:
    """Return the device that the user asked for; "auto" takes CUDA, else MPS, else the CPU.

    Raises
    ------
    UsageError
        If there is no such device here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, available in there.items() if available)
    if not there.get(wanted, False):
        known = ", ".join(name for name, available in there.items() if available)
        raise UsageError(f"device {wanted!r} is not available here; use --device auto or one of: {known}")
    return torch.device(wanted)


@contextlib.contextmanager
def own_threads(n: int) -> Iterator[None]:
    """Let torch use `n` threads in the body, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, n))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch for the body and leave the caller's random state as it was."""
    before = random_states(device)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_states(before, device)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's random generators that a training on `device` draws from, by name."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Put back what `random_states` returned."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
