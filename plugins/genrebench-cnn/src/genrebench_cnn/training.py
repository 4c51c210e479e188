"""The training loop: steps, epochs, checkpoints, validation."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genrebench.api import Context, Examples, UsageError
from genrebench_cnn.checkpoint import FILE, Progress, load_checkpoint, save_checkpoint
from genrebench_cnn.interrupts import deferred_interrupt
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.reading import ahead, audio_source, pinned
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.windows import TrainingWindows

SETTLING = 10
"""Batches that batch norm's statistics for prediction are taken from, at most; a fifth of an epoch's where these are few."""


@dataclass(frozen=True)
class Batch:
    """Audio of one training step.

    Parameters
    ----------
    audio : Tensor of shape (n_stretches, span)
    used : Tensor of int, shape (n_used,)
        Which windows count, by their place among the windows of all stretches, one stretch after another.
    labels : Tensor of int, shape (n_used,)
        Genres of the windows that count.
    """

    audio: Tensor
    used: Tensor
    labels: Tensor


def window_loss(logits: Tensor, labels: Tensor, kind: str) -> Tensor:
    """Mean loss of windows.

    Parameters
    ----------
    logits : Tensor of shape (n, n_genres)
    labels : Tensor of int, shape (n,)
    kind : {"binary", "categorical"}
        "binary" is the report's: the binary cross entropy of each softmax output against the one-hot label, averaged over
        the outputs. "categorical" is the cross entropy of the softmax.
    """
    if kind == "categorical":
        return functional.cross_entropy(logits, labels)
    probabilities = torch.softmax(logits, dim=1)
    return functional.binary_cross_entropy(probabilities, functional.one_hot(labels, logits.shape[1]).to(probabilities.dtype))


class Training:
    """One network on its way.

    Parameters
    ----------
    network : Network
    options : CnnOptions
    context : Context
    device : torch.device
    train : Examples
    validate : callable or None
        Gives the validation log loss of the network as it is; None where there is nothing to validate on.
    """

    def __init__(
        self,
        network: Network,
        options: CnnOptions,
        context: Context,
        device: torch.device,
        train: Examples,
        validate: Callable[[], float] | None,
    ) -> None:
        self.network, self.options, self.context, self.device = network, options, context, device
        self.train, self.validate = train, validate
        self.lengths = train.inputs.lengths
        self.source = audio_source(train.inputs, self.lengths, device)
        self.windows = TrainingWindows(
            self.lengths, train.labels, len(context.genres), options.window, options.hop, options.stretch, options.balance
        )
        self.optimiser = torch.optim.Adam(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=device.type == "cuda"
        )
        self.mixed = options.precision == "mixed"
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []
        self._saved = time.monotonic()

    def run(self) -> None:
        """Train to the end, from the checkpoint if there is one, and leave the chosen weights in the network."""
        if self.context.checkpoints is not None and (self.context.checkpoints / FILE).exists():
            self.progress, self.best = load_checkpoint(
                self.context.checkpoints, self.identity(), self.network, self.optimiser, self.device
            )
        for number, values in enumerate(self.progress.curve, start=1):
            self.context.log(number, values)
        while self.progress.epoch < self.options.epochs and not self.progress.stopped:
            self._epoch()
        kept = self.progress.epoch
        if self.options.keep == "best" and self.best:
            self.network.load_state_dict(self.best)
            kept = self.progress.best_epoch
        self.context.record("epochs", self.progress.epoch)
        self.context.record("kept_epoch", kept)

    def identity(self) -> str:
        """A hash of what a checkpoint has to share with the training that goes on from it."""
        content = hashlib.sha256(np.asarray(self.lengths, dtype=np.int64).tobytes())
        content.update(np.asarray(self.train.labels, dtype=np.int64).tobytes())
        content.update(json.dumps([asdict(self.options), self.context.seed, list(self.context.genres)]).encode())
        return content.hexdigest()

    def _epoch(self) -> None:
        """Train the rest of an epoch, validate and write a checkpoint."""
        state = self.progress
        steps = self.windows.epoch(self.context.seed, state.epoch, self.options.batch_size)
        left = steps[state.step :]
        if self.options.max_steps:
            left = left[: self.options.max_steps - state.epoch * len(steps) - state.step]
        title = f"epoch {state.epoch + 1} of {self.options.epochs}"
        with deferred_interrupt() as interrupted:
            for batch in self.context.progress(ahead(self.read, left), title, total=len(left)):
                self._losses.append(self.step(batch) * len(batch.labels))
                state.n_windows += len(batch.labels)
                state.step += 1
                if interrupted() or time.monotonic() - self._saved > 60 * self.options.checkpoint_minutes:
                    self._save()
                if interrupted():
                    raise KeyboardInterrupt
        self._save()  # validation may take long
        done = state.epoch * len(steps) + state.step
        self._settle_norms(steps[: max(1, min(SETTLING, len(steps) // 5))])
        self._close_epoch(limit_reached=bool(self.options.max_steps) and done >= self.options.max_steps)

    def _close_epoch(self, limit_reached: bool) -> None:
        """Validate, note the best epoch, decide whether to stop."""
        state = self.progress
        values = {"training_loss": state.loss_sum / max(1, state.n_windows)}
        if not math.isfinite(values["training_loss"]):
            raise self._diverged()
        state.epoch, state.step, state.loss_sum, state.n_windows = state.epoch + 1, 0, 0.0, 0
        state.stopped = limit_reached
        if self.validate is not None:
            loss = values["validation_log_loss"] = self.validate()
            if state.best_loss is None or loss < state.best_loss:
                state.best_epoch, state.best_loss = state.epoch, loss
                if self.options.keep == "best":
                    self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            elif self.options.patience and state.epoch - state.best_epoch >= self.options.patience:
                state.stopped = True
        state.curve.append(values)
        self._save()
        self.context.log(state.epoch, values)

    def _save(self) -> None:
        """Write a checkpoint. Only here the losses are fetched: a device that is asked at each step can't work ahead."""
        for loss in self._losses:
            self.progress.loss_sum += loss.item()
        self._losses.clear()
        if self.context.checkpoints is not None:
            save_checkpoint(
                self.context.checkpoints, self.identity(), self.progress, self.network, self.optimiser, self.best, self.device
            )
        self._saved = time.monotonic()

    def read(self, indices: NDArray[np.int32]) -> Batch:
        """Read the audio of one step."""
        found = self.windows.stretches(indices)
        audio = self.source(found.tracks.tolist(), found.starts.tolist(), self.windows.span)
        labels = np.repeat(self.train.labels[found.tracks], found.used.sum(axis=1))
        return Batch(audio, pinned(np.flatnonzero(found.used), self.device), pinned(labels, self.device))

    def step(self, batch: Batch) -> Tensor:
        """Take one step and return the mean loss of its windows, a number on the device."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        logits = self._forward(batch)
        try:
            loss = window_loss(logits, batch.labels.to(self.device, non_blocking=True), self.options.loss)
        except RuntimeError:  # torch refuses the binary cross entropy of what isn't a number
            if logits.isfinite().all():
                raise
            raise self._diverged() from None
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _diverged(self) -> UsageError:
        return UsageError(
            f"the training diverged in epoch {self.progress.epoch + 1}: its loss is no finite number; "
            f"set learning_rate below {self.options.learning_rate:g}"
        )

    def _forward(self, batch: Batch) -> Tensor:
        """Logits of a batch's windows that count, in single precision."""
        audio, used = (x.to(self.device, non_blocking=True) for x in (batch.audio, batch.used))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            return self.logits(audio, used).float()

    def _settle_norms(self, steps: Sequence[NDArray[np.int32]]) -> None:
        """Take the statistics that batch norm predicts with anew: their mean over some batches, for the weights as they are.

        Those gathered during the steps are of weights that have moved on since.
        """
        norms = [module for module in self.network.modules() if isinstance(module, torch.nn.BatchNorm1d)]
        for norm in norms:
            norm.reset_running_stats()
        self.network.train()
        with torch.no_grad():
            for number, batch in enumerate(ahead(self.read, steps)):
                for norm in norms:
                    norm.momentum = 1 / (1 + number)
                self._forward(batch)

    def logits(self, audio: Tensor, used: Tensor) -> Tensor:
        """Logits of the windows that count, shape (n_used, n_genres)."""
        if self.options.engine == "plain":
            features = self.network.features(audio)[:, None]
        else:
            features = stretch_features(self.network, audio, self.windows.stretch, self.windows.hop)
        features = features.flatten(0, 1).index_select(0, used)
        if len(features) == 1:  # batch norm can't take the variance of one value
            features = features.expand(2, -1)
            return self.network.head(features)[:1]
        return self.network.head(features)
