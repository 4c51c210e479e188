"""Processes that a launcher such as torchrun starts for one command: which of them this is.

The first one makes the run, as if it were alone. The others take part in its trainings (`ModelSpec.join`), and do nothing else.
"""

from __future__ import annotations

import os

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables that torchrun sets, and other launchers after its example."""


def size() -> int:
    """Number of processes that were started for this command; 1 without a launcher."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """Number of this process among them, from 0."""
    return _number("RANK", 0)


def _number(name: str, alone: int) -> int:
    if not all(os.environ.get(variable) for variable in _VARIABLES):
        return alone
    return int(value) if (value := os.environ[name]).isdigit() else alone
