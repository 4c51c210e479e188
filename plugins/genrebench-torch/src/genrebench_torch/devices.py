"""The device that a model runs on, and the random numbers and threads that torch uses there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genrebench.api import UsageError

CPU = torch.device("cpu")


def pick_device(requested: str) -> torch.device:
    """Return the device that the user asked for.

    Parameters
    ----------
    requested : str
        `Context.device`: "cpu", "cuda", "cuda:1" (the second GPU), "mps", or "auto" for CUDA where it is available, else MPS,
        else the CPU.

    Raises
    ------
    UsageError
        If the device isn't available.
    """
    available = []
    if torch.cuda.is_available():
        available += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        available.append("mps")
    available.append("cpu")
    name = available[0] if requested == "auto" else requested
    if name not in available:
        raise UsageError(f"device {requested!r} is not available here; use --device auto or one of: {', '.join(available)}")
    return torch.device(name)


def half_precision(device: torch.device, *, enabled: bool) -> contextlib.AbstractContextManager[Any]:
    """Let torch compute in bfloat16 in the body where that is safe, or in single precision again if not `enabled`."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@contextlib.contextmanager
def own_threads(n: int) -> Iterator[None]:
    """Let torch use `n` threads in the body, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, n))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def own_randomness(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Seed torch for the body and restore the caller's random state afterwards.

    Parameters
    ----------
    seed : int
    device : torch.device
        The device whose random numbers the body draws, beside those of the CPU.
    """
    before = random_states(device)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_random_states(before, device)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the random generators that a training on `device` draws from, by the type of their device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what `random_states` returned; generators whose state is missing keep theirs."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
