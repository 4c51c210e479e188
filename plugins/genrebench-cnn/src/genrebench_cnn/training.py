"""The training loop: steps, epochs, checkpoints, validation."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genrebench.api import Context, Examples, LazyInputs, UsageError
from genrebench_cnn.clips import Clips
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.reading import audio_source
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.windows import TrainingWindows
from genrebench_torch.devices import half_precision
from genrebench_torch.interrupts import deferred_interrupt
from genrebench_torch.ranks import Part, Ranks
from genrebench_torch.reading import ahead, pinned
from genrebench_torch.state import Progress, TrainingState

SETTLING = 10
"""Most batches for batch norm's prediction statistics; at most a fifth of an epoch's batches."""


@dataclass(frozen=True)
class Batch:
    """Audio of one training step.

    Parameters
    ----------
    audio : Tensor of shape (n_stretches, span)
    used : Tensor of int, shape (n_used,)
        Indices of the windows that count, among the windows of all stretches, one stretch after another.
    labels : Tensor of int, shape (n_used,)
        Genres of the windows that count.
    part : Part
        What this is of the step of all ranks, in windows.
    """

    audio: Tensor
    used: Tensor
    labels: Tensor
    part: Part


def window_loss(logits: Tensor, labels: Tensor, kind: str) -> Tensor:
    """Mean loss of windows.

    Parameters
    ----------
    logits : Tensor of shape (n, n_genres)
    labels : Tensor of int, shape (n,)
    kind : {"binary", "categorical"}
        "binary", as in the report, is the binary cross entropy of each softmax output with the one-hot label, averaged over the
        outputs. "categorical" is the cross entropy.
    """
    if kind == "categorical":
        return functional.cross_entropy(logits, labels)
    probabilities = torch.softmax(logits, dim=1)
    targets = functional.one_hot(labels, logits.shape[1]).to(probabilities.dtype)
    if logits.device.type == "cpu":
        return functional.binary_cross_entropy(probabilities, targets)
    # on CUDA a NaN here would make the device unusable for the rest of the process; as part of the sum it tells of itself
    nan = 0 * probabilities.detach().sum()
    return functional.binary_cross_entropy(probabilities.nan_to_num(0.5), targets) + nan


@dataclass
class StepProgress(Progress):
    """How far a training is, to the step.

    Parameters
    ----------
    step : int
        Steps of the next epoch that are done.
    loss_sum, n_windows : float, int
        Training loss summed over the windows of the next epoch so far, and their number.
    stopped : bool
        Whether `max_steps` was reached.
    """

    step: int = 0
    loss_sum: float = 0.0
    n_windows: int = 0
    stopped: bool = False


class Training:
    """Trains one network.

    Parameters
    ----------
    network : Network
    options : CnnOptions
    context : Context
    device : torch.device
    train : Examples
    validate : callable or None
        Returns the validation log loss of the network as it is; None where there are no validation tracks.
    ranks : Ranks, optional
        The processes that train together, each with the tracks that it owns.
    """

    def __init__(
        self,
        network: Network,
        options: CnnOptions,
        context: Context,
        device: torch.device,
        train: Examples[LazyInputs],
        validate: Callable[[], float] | None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.network, self.options, self.context, self.device = network, options, context, device
        self.train, self.validate = train, validate
        self.lengths = train.inputs.lengths
        clips = Clips.of(train.inputs, options)
        owned = self.ranks.owns(np.arange(len(train)))
        self.source = audio_source(train.inputs, np.where(owned, clips.audio, 0), device)
        self.windows = TrainingWindows(
            clips.padded, train.labels, len(context.genres), options.window, options.hop, options.stretch, options.balance
        )
        self.optimiser = torch.optim.Adam(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=device.type == "cuda"
        )
        self.mixed = options.precision == "mixed"
        self.progress = StepProgress()
        self.state = TrainingState(
            network,
            self.optimiser,
            device,
            context.checkpoints,
            self.identity(),
            self.progress,
            keep_best=options.keep == "best",
            log=context.log,
            ranks=self.ranks,
        )
        self._parallel = self.ranks.parallel(network, self.logits)
        self._losses: list[Tensor] = []
        self._saved = time.monotonic()

    def run(self) -> None:
        """Train to the end, from the checkpoint if there is one, and leave the chosen weights in the network."""
        self.state.resume()
        while not self._finished():
            self._epoch()
        self.context.record("epochs", self.progress.epoch)
        self.context.record("kept_epoch", self.state.use_best())

    def _finished(self) -> bool:
        progress, options = self.progress, self.options
        return progress.epoch >= options.epochs or progress.stopped or progress.out_of_patience(options.patience)

    def identity(self) -> str:
        """A hash of what a checkpoint has to share with the training that resumes from it, computed as in version 0.1.0."""
        content = hashlib.sha256(np.asarray(self.lengths, dtype=np.int64).tobytes())
        content.update(np.asarray(self.train.labels, dtype=np.int64).tobytes())
        content.update(json.dumps([self.options.identity(), self.context.seed, list(self.context.genres)]).encode())
        return content.hexdigest()

    def _epoch(self) -> None:
        """Train the rest of an epoch, validate and write a checkpoint."""
        progress = self.progress
        steps = self.windows.epoch(self.context.seed, progress.epoch, self.options.batch_size, self.options.batches)
        remaining = steps[progress.step :]
        if self.options.max_steps:
            remaining = remaining[: self.options.max_steps - progress.epoch * len(steps) - progress.step]
        title = f"epoch {progress.epoch + 1} of {self.options.epochs}"
        with deferred_interrupt() as interrupted:
            for batch in self.context.progress(ahead(self.read, remaining), title, total=len(remaining)):
                self._losses.append(self.step(batch) * batch.part.size)
                progress.n_windows += batch.part.total
                progress.step += 1
                stop, due = self.ranks.any(interrupted(), self._checkpoint_due())
                if stop or due:
                    self._save()
                if stop:
                    raise KeyboardInterrupt
        self._save()  # validation may take long
        done = progress.epoch * len(steps) + progress.step
        if self.options.norm_statistics == "settled":
            self._settle_norms(steps[: max(1, min(SETTLING, len(steps) // 5))])
        self._close_epoch(limit_reached=bool(self.options.max_steps) and done >= self.options.max_steps)

    def _close_epoch(self, limit_reached: bool) -> None:
        """Validate and add the epoch to the curve."""
        progress = self.progress
        values = {"training_loss": progress.loss_sum / max(1, progress.n_windows)}
        if not math.isfinite(values["training_loss"]):
            raise self._diverged()
        loss = None if self.validate is None else self.validate()
        if loss is not None:
            values["validation_log_loss"] = loss
        progress.step, progress.loss_sum, progress.n_windows, progress.stopped = 0, 0.0, 0, limit_reached
        self.state.end_epoch(values, loss)
        self._saved = time.monotonic()

    def _checkpoint_due(self) -> bool:
        return self.ranks.rank == 0 and time.monotonic() - self._saved > 60 * self.options.checkpoint_minutes

    def _save(self) -> None:
        """Write a checkpoint. Losses are fetched only here: fetching them in each step would keep the device waiting."""
        if self._losses:
            losses = torch.stack(self._losses).tolist()
            self.progress.loss_sum = self.ranks.added(self.progress.loss_sum, losses)
        self._losses.clear()
        self.state.save()
        self._saved = time.monotonic()

    def read(self, indices: NDArray[np.int32]) -> Batch:
        """Read the audio of one step."""
        stretches = self.windows.stretches(indices)
        part = self.ranks.part(stretches.tracks, stretches.used.sum(axis=1))
        stretches = stretches.at(part.rows)
        audio = self.source(stretches.tracks.tolist(), stretches.starts.tolist(), self.windows.span)
        labels = np.repeat(self.train.labels[stretches.tracks], stretches.used.sum(axis=1))
        return Batch(audio, pinned(np.flatnonzero(stretches.used), self.device), pinned(labels, self.device), part)

    def step(self, batch: Batch) -> Tensor:
        """Take one training step and return the mean loss of this rank's windows, a scalar on the device."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        logits = self._forward(batch, self._parallel)
        try:
            loss = window_loss(logits, batch.labels.to(self.device, non_blocking=True), self.options.loss)
        except RuntimeError:  # torch refuses the binary cross entropy of NaN
            if logits.isfinite().all():
                raise
            raise self._diverged() from None
        (loss * batch.part.weight if self.ranks.size > 1 else loss).backward()
        self.optimiser.step()
        return loss.detach()

    def _diverged(self) -> UsageError:
        return UsageError(
            f"the training diverged in epoch {self.progress.epoch + 1}: its loss isn't finite; "
            f"set learning_rate below {self.options.learning_rate:g}"
        )

    def _forward(self, batch: Batch, logits: Callable[..., Tensor]) -> Tensor:
        """Logits of a batch's windows that count, at least in single precision."""
        self.ranks.begin_step(batch.part)
        audio, used = (x.to(self.device, non_blocking=True) for x in (batch.audio, batch.used))
        with half_precision(self.device, enabled=self.mixed):
            computed = logits(audio, used)
        return computed.to(torch.promote_types(computed.dtype, torch.float32))

    def _settle_norms(self, steps: Sequence[NDArray[np.int32]]) -> None:
        """Recompute batch norm's statistics for prediction: their mean over some batches, with the current weights.

        Those accumulated during training belong to earlier weights.
        """
        norms = self.network.norms()
        for norm in norms:
            norm.reset_running_stats()
        self.network.train()
        with torch.no_grad():
            for number, batch in enumerate(ahead(self.read, steps)):
                for norm in norms:
                    norm.momentum = 1 / (1 + number)
                self._forward(batch, self.logits)

    def logits(self, audio: Tensor, used: Tensor) -> Tensor:
        """Logits of the windows that count, shape (n_used, n_genres)."""
        if self.options.engine == "plain":
            features = self.network.features(audio)[:, None]
        else:
            features = stretch_features(self.network, audio, self.windows.stretch, self.windows.hop)
        features = features.flatten(0, 1).index_select(0, used)
        if len(features) == 1 and self.ranks.size == 1:  # batch norm needs more than one value for a variance
            features = features.expand(2, -1)
            return self.network.head(features)[:1]
        return self.network.head(features)
