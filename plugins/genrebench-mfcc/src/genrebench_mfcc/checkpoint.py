"""The state of a training on disk: one safetensors file whose header holds the numbers as JSON. Reading it runs no code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genrebench.api import UsageError

FILE = "training.safetensors"


@dataclass
class Progress:
    """How far a training is, counted in epochs.

    Parameters
    ----------
    curve : list of dict
        Values of each finished epoch.
    best_epoch, best_loss : int, float or None
        Epoch with the lowest validation log loss, counted from 1, and that loss.
    """

    curve: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self.curve)


def save(folder: Path, identity: str, progress: Progress, parts: dict[str, dict[str, Tensor]]) -> None:
    """Write the state after an epoch; a kill at any moment leaves the state before or the state after.

    Parameters
    ----------
    folder : Path
    identity : str
        What the training has to share with the one that resumes it.
    progress : Progress
    parts : dict of str to dict of str to Tensor
        Tensors by part ("network", "best", "optimiser") and name.
    """
    tensors = {f"{part}/{name}": value.cpu().contiguous() for part, named in parts.items() for name, value in named.items()}
    unfinished = folder / f"{FILE}.part"
    save_file(tensors, unfinished, metadata={"identity": identity, "progress": json.dumps(asdict(progress))})
    unfinished.replace(folder / FILE)


def load(folder: Path, identity: str) -> tuple[Progress, dict[str, dict[str, Tensor]]] | None:
    """Read what `save` wrote; None if there is nothing.

    Raises
    ------
    UsageError
        If the file is damaged, or belongs to a training of other data or options.
    """
    if not (folder / FILE).exists():
        return None
    try:
        with safe_open(folder / FILE, framework="pt") as file:
            header = file.metadata() or {}
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise UsageError(f"mfcc-frames: checkpoint {FILE} can't be read ({error}); start again without --resume") from None
    if header.get("identity") != identity:
        raise UsageError(f"mfcc-frames: checkpoint {FILE} is of other data or options; start again without --resume")
    parts: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition("/")
        parts.setdefault(part, {})[rest] = value
    return Progress(**json.loads(header["progress"])), parts


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{number}/{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` gave."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
