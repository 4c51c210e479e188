"""A training that can be interrupted: checkpoints, the best epoch, early stopping."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genrebench.api import UsageError
from genrebench_torch.checkpoint import DamagedCheckpointError, Parts, read_checkpoint, write_checkpoint
from genrebench_torch.devices import random_states, set_random_states
from genrebench_torch.ranks import Ranks


@dataclass
class Progress:
    """How far a training is. Subclasses add fields of JSON types with defaults, which checkpoints then keep too.

    Parameters
    ----------
    curve : list of dict
        Values of each finished epoch.
    best_epoch, best_loss : int, float or None
        The epoch with the lowest validation loss, counted from 1, and that loss; 0 and None without validation.
    """

    curve: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.curve)

    def out_of_patience(self, patience: int) -> bool:
        """Whether the last `patience` epochs had no lower validation loss; never for a patience of 0 or without validation."""
        return self.best_loss is not None and 0 < patience <= self.epoch - self.best_epoch


def _no_log(_epoch: int, _values: Mapping[str, float]) -> None:
    return None


class TrainingState:
    """All that a training changes, kept in one checkpoint file.

    The file holds the network, the optimiser's state, torch's random state, the progress and the weights of the best epoch. It
    doesn't hold the optimiser's settings: learning rates follow from the options and the epoch. The optimiser's state has to
    consist of tensors, as that of SGD, RMSprop and Adam does.

    Parameters
    ----------
    network : torch.nn.Module
    optimiser : torch.optim.Optimizer
    device : torch.device
        Where the network is.
    folder : Path or None
        Where checkpoints are kept, as a rule `Context.checkpoints`; None keeps none.
    identity : str
        What a checkpoint has to share with this training, see `genrebench_torch.checkpoint.identity_of`.
    progress : Progress, optional
        Updated in place.
    name : str
        The file is called ``{name}.safetensors``; trainings that share a folder have different names.
    keep_best : bool
        Whether to keep the weights of the epoch with the lowest validation loss.
    log : callable
        Called with the number and the values of each finished epoch: `Context.log`.
    ranks : Ranks, optional
        The processes of the training, each of which has such a state. Only that of rank 0 has a folder. The file doesn't depend
        on their number, so that a training can go on with another one.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        device: torch.device,
        folder: Path | None,
        identity: str,
        progress: Progress | None = None,
        *,
        name: str = "checkpoint",
        keep_best: bool = True,
        log: Callable[[int, Mapping[str, float]], None] = _no_log,
        ranks: Ranks | None = None,
    ) -> None:
        self.network, self.optimiser, self.device = network, optimiser, device
        self.name = f"{name}.safetensors"
        self.file = None if folder is None else folder / self.name
        self.identity, self.keep_best, self.log = identity, keep_best, log
        self.progress = Progress() if progress is None else progress
        self.ranks = Ranks() if ranks is None else ranks
        self.best: dict[str, Tensor] = {}

    def resume(self) -> bool:
        """Restore the checkpoint and log its epochs; False where there is none, or a damaged one.

        The random state of torch is restored too: call it inside `genrebench_torch.devices.own_randomness`.

        Raises
        ------
        UsageError
            If the checkpoint belongs to other data or options.
        """
        found = self.ranks.of_first(self._read)
        if found is None:
            return False
        saved, parts = found
        try:
            for known in fields(self.progress):
                setattr(self.progress, known.name, _like(saved.get(known.name), getattr(self.progress, known.name)))
            self.network.load_state_dict(parts["network"])
            _restore_optimiser(self.optimiser, parts.get("optimiser", {}))
            set_random_states(parts.get("random", {}), self.device)
            if self.ranks.rank:  # the states are those of rank 0
                torch.manual_seed(self.ranks.seed(int(torch.randint(2**31, ()))))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"checkpoint {self.name} doesn't fit this training ({error}); start again without --resume"
            ) from None
        self.best = parts.get("best", {})
        for number, values in enumerate(self.progress.curve, start=1):
            self.log(number, values)
        return True

    def _read(self) -> tuple[dict[str, Any], Parts] | None:
        """What the file holds; None where there is none, or a damaged one."""
        if self.file is None or not self.file.exists():
            return None
        try:
            return read_checkpoint(self.file, self.identity)
        except DamagedCheckpointError as error:
            warnings.warn(f"{error}; the training starts from the beginning", stacklevel=3)
            return None

    def save(self) -> None:
        """Write a checkpoint, where there is a folder for it. If the disk refuses, a warning says so and the last one stays."""
        if self.file is None:
            return
        parts = {
            "network": self.network.state_dict(),
            "best": self.best,
            "random": random_states(self.device),
            "optimiser": _optimiser_tensors(self.optimiser),
        }
        try:
            write_checkpoint(self.file, self.identity, {"epoch": self.progress.epoch, **asdict(self.progress)}, parts)
        except OSError as error:
            warnings.warn(f"{self.file.name} isn't written ({error.strerror or error}); the training goes on", stacklevel=2)

    def end_epoch(self, values: Mapping[str, float], loss: float | None = None) -> None:
        """Add an epoch to the curve, write a checkpoint and log the epoch.

        Parameters
        ----------
        values : mapping of str to float
            A point of the run's curves.
        loss : float, optional
            Validation loss of the network as it is; the epoch is the best so far if it is lower than those before.
        """
        progress = self.progress
        progress.curve.append(dict(values))
        if loss is not None and (progress.best_loss is None or loss < progress.best_loss):
            progress.best_epoch, progress.best_loss = progress.epoch, loss
            if self.keep_best:
                self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.save()
        self.log(progress.epoch, values)

    def use_best(self) -> int:
        """Give the network the weights of the best epoch, where they were kept, and return the epoch that it now has."""
        if not self.best:
            return self.progress.epoch
        self.network.load_state_dict(self.best)
        return self.progress.best_epoch


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of each parameter, named "NUMBER.NAME"; what is None in the optimiser is left out."""
    state: dict[int, dict[str, Tensor | None]] = optimiser.state_dict()["state"]
    named = {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}
    return {name: value for name, value in named.items() if value is not None}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _like(saved: Any, current: Any) -> Any:
    """A saved field of the progress, `current` where it is missing.

    Raises
    ------
    TypeError
        If its type is another one than that of `current`.
    """
    if saved is None:
        return current
    if isinstance(current, list):
        sound = isinstance(saved, list) and all(isinstance(values, dict) for values in saved)
        sound = sound and all(_is_number(value) for values in saved for value in values.values())
    elif isinstance(current, bool):
        sound = isinstance(saved, bool)
    else:
        sound = _is_number(saved) and (not isinstance(current, int) or (isinstance(saved, int) and saved >= 0))
    if not sound:
        raise TypeError("its progress has the wrong type")
    return saved


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
