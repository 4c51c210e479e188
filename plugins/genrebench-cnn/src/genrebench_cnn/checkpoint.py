"""The state of a training on disk: one safetensors file whose header holds the numbers as JSON. Loading runs no code."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genrebench.api import UsageError
from genrebench_cnn.devices import random_states, set_random_states

FILE = "checkpoint.safetensors"


@dataclass
class Progress:
    """How far a training is.

    Parameters
    ----------
    epoch : int
        Epochs that are done.
    step : int
        Steps of the next epoch that are done.
    loss_sum, n_windows : float, int
        Training loss summed over the windows of the epoch so far, and their number.
    curve : list of dict
        Values of each finished epoch.
    best_epoch, best_loss : int, float or None
        The epoch with the lowest validation log loss, counted from 1, and that loss.
    stopped : bool
        No further step is wanted: early stopping, or `max_steps`.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    n_windows: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None
    stopped: bool = False


def save_checkpoint(
    folder: Path,
    identity: str,
    progress: Progress,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    best: dict[str, Tensor],
    device: torch.device,
) -> None:
    """Write the state of a training; a kill at any moment leaves the file before or the file after."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    tensors |= {f"random.{name}": value for name, value in random_states(device).items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {"identity": identity, "progress": json.dumps(dataclasses.asdict(progress))}
    part = folder / f"{FILE}.part"
    save_file(tensors, part, metadata=header)
    with part.open("rb+") as written:
        os.fsync(written.fileno())  # so that after a power cut, too, the new name stands for the new content
    part.replace(folder / FILE)


def load_checkpoint(
    folder: Path, identity: str, network: torch.nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> tuple[Progress, dict[str, Tensor]]:
    """Put network, optimiser and random states back and return the progress and the best weights.

    Raises
    ------
    UsageError
        If the file is damaged, or belongs to other data or options.
    """
    file = folder / FILE
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError) as error:
        raise UsageError(f"checkpoint {file.name} can't be read ({error}); start again without --resume") from None
    if header.get("identity") != identity:
        raise UsageError(f"checkpoint {file.name} belongs to other data or options; start again without --resume")
    network.load_state_dict(_below(tensors, "network"))
    states: dict[int, dict[str, Any]] = {}
    for name, value in _below(tensors, "optimiser").items():
        number, key = name.split(".", 1)
        states.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    set_random_states(_below(tensors, "random"), device)
    return Progress(**json.loads(header["progress"])), _below(tensors, "best")


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
