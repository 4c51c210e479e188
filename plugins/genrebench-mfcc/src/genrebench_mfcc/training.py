"""Training one network: normalisation, epochs of random crops, early stopping, a checkpoint after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genrebench.api import Context, Examples, LazyInputs, log_loss
from genrebench_mfcc.crops import Crops, random_crops, read
from genrebench_mfcc.network import Moments, Network, join
from genrebench_mfcc.options import MfccOptions
from genrebench_mfcc.prediction import average, crop_moments, moments_of
from genrebench_torch.checkpoint import identity_of
from genrebench_torch.devices import own_randomness
from genrebench_torch.ranks import Part, Ranks
from genrebench_torch.reading import ahead, pinned
from genrebench_torch.state import TrainingState

SAMPLED = 2000
"""Largest number of tracks for the normalisation, and for the validation after an epoch."""

_TOGETHER = 64
"""Validation tracks per batch."""

_WARM_UP = 0.15
"""Part of the training in which the learning rate rises; then it falls along a cosine."""

_SMALLEST = 1e-3
"""Smallest standard deviation to divide by: a coefficient that is constant in training stays near 0."""

_SHORTEST_SECONDS = 1.0
"""Shortest shortened crop: still shorter ones cost more on whole tracks than they gain on short ones."""

_BEGIN, _EPOCH = 1, 2  # random numbers for different purposes need different seeds


class Training:
    """Trains one network.

    Parameters
    ----------
    network : Network
    options : MfccOptions
    context : Context
    device : torch.device
    train, validation : Examples
        `validation` may be empty; then all epochs are trained and the last one is kept.
    folder : Path or None
        Where checkpoints are kept.
    name : str
        For the progress display; the trainings of one run have different names.
    log : callable
        As in `Context`.
    ranks : Ranks, optional
        The processes that train together, each with the tracks that it owns.
    """

    def __init__(
        self,
        network: Network,
        options: MfccOptions,
        context: Context,
        device: torch.device,
        train: Examples[LazyInputs],
        validation: Examples[LazyInputs],
        folder: Path | None,
        name: str = "training",
        log: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.network, self.options, self.context, self.device = network, options, context, device
        self.inputs, self.labels, self.lengths = train.inputs, train.labels, train.inputs.lengths
        self.validation, self.name = validation, name
        self.crop = options.crop
        self.optimiser = torch.optim.AdamW(
            network.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=device.type in ("cpu", "cuda")
        )
        self.state = TrainingState(
            network, self.optimiser, device, folder, self.identity(), name="training", log=log, ranks=self.ranks
        )
        self.progress = self.state.progress

    def run(self) -> int:
        """Train to the end, from the checkpoint if there is one, and return the epoch whose weights the network then has."""
        if not self.state.resume() and self.ranks.rank == 0:
            self._normalise()
        self._forward = self.ranks.parallel(self.network, self.network)  # gives all ranks the normalisation too
        if not self._finished():
            validate = self._validator()
            epochs = range(self.progress.epoch, self.options.epochs)
            for epoch in self.context.progress(epochs, self.name, total=len(epochs)):
                self._epoch(epoch, validate)
                if self._finished():
                    break
        kept = self.state.use_best()
        self.network.eval()
        return kept

    # -------------------------------------------------------------- normalisation

    def _normalise(self) -> None:
        """Set mean and deviation of the frames, then of the pooled values, from training tracks alone."""
        rng = np.random.default_rng([self.context.seed, _BEGIN])
        crops = random_crops(self.lengths, self.crop, rng)
        parts = Crops(crops.tracks[:SAMPLED], crops.starts[:SAMPLED]).split(self.options.batch_size)
        n, total, squares, workers = 0, 0.0, 0.0, self.context.workers
        for frames in ahead(lambda part: read(self.inputs, part, self.crop).astype(np.float64), parts, workers):
            n += frames.shape[0] * frames.shape[1]
            total = total + frames.sum(axis=(0, 1))
            squares = squares + np.square(frames).sum(axis=(0, 1))
        mean = total / n
        deviation = np.sqrt(np.maximum(squares / n - np.square(mean), 0))
        self._set("frame", torch.from_numpy(mean), torch.from_numpy(deviation))
        batches = [self.network.pooled(moments).detach().cpu() for moments in ahead(self._moments, parts, workers)]
        pooled = torch.cat(batches).double()  # on the CPU: MPS has no doubles
        self._set("pooled", pooled.mean(dim=0), pooled.std(dim=0, correction=0))

    def _set(self, name: str, mean: Tensor, deviation: Tensor) -> None:
        getattr(self.network, f"{name}_mean").copy_(mean.float())
        getattr(self.network, f"{name}_deviation").copy_(deviation.clamp(min=_SMALLEST).float())

    def _moments(self, crops: Crops) -> Moments:
        return moments_of(self.network, read(self.inputs, crops, self.crop), self.device)

    # -------------------------------------------------------------- epochs

    def _epoch(self, epoch: int, validate: Callable[[], float] | None) -> None:
        """Make one pass over the tracks; its random numbers follow from the seed and the epoch's number alone."""
        rng = np.random.default_rng([self.context.seed, _EPOCH, epoch])
        parts = random_crops(self.lengths, self.crop, rng).split(self.options.batch_size)
        numbered = list(zip(parts, rng.integers(2**62, size=len(parts)).tolist(), strict=True))
        batches = ahead(lambda item: self._batch(*item), numbered, self.context.workers)
        losses = []
        self.network.train()
        with own_randomness(self.ranks.seed(int(rng.integers(2**62))), self.device):
            for step, (moments, targets, part) in enumerate(batches):
                self._set_learning_rate((epoch + (step + 0.5) / len(parts)) / self.options.epochs)
                losses.append((self._step(moments, targets, part), part.size))
        # fetched only here: in each step it would keep the device waiting
        means = torch.stack([loss for loss, _ in losses]).tolist()
        per_step = [mean / self.options.members * n for mean, (_, n) in zip(means, losses, strict=True)]
        self.network.eval()
        values = {"training_loss": self.ranks.added(0.0, per_step) / len(self.labels)}
        loss = None if validate is None else validate()
        if loss is not None:
            values["validation_log_loss"] = loss
        self.state.end_epoch(values, loss)

    def _batch(self, crops: Crops, seed: int) -> tuple[Moments, Tensor, Part]:
        """Read this rank's part of a batch, with the genres of its crops."""
        part = self.ranks.part(crops.tracks)
        targets = pinned(self.labels[crops.tracks[part.rows]], self.device).to(self.device, non_blocking=True)
        return self._augmented(crops, part.rows, seed), targets, part

    def _augmented(self, crops: Crops, rows: NDArray[np.int64], seed: int) -> Moments:
        """Moments of crops that are sometimes shortened, at a random gain, with a random part of each replaced by its mean.

        Random numbers are drawn for the whole batch, whichever rows of it are read here.
        """
        rng = np.random.default_rng(seed)
        crop = self.crop
        if rng.random() < self.options.short_crops:
            crop, crops = self._shortened(crops, rng)
        frames = read(self.inputs, Crops(crops.tracks[rows], crops.starts[rows]), crop, self.crop)
        bands = 128  # of the mel spectrogram below the cepstra: a gain in dB lifts each, and so moves only coefficient 0
        frames[:, :, 0] += math.sqrt(bands) * rng.normal(0, 1, (len(crops), 1))[rows] * self.options.gain_db
        longest = min(int(self.options.mask_seconds * self.options.frames_per_second), self.crop // 2)
        masks = [self._mask(longest, rng) for _ in range(len(crops) if longest else 0)]
        for one, row in zip(frames, rows, strict=True) if longest else ():
            one[masks[row]] = one.mean(axis=0)
        return moments_of(self.network, frames, self.device)

    def _mask(self, longest: int, rng: np.random.Generator) -> slice:
        width = int(rng.integers(longest + 1))
        start = int(rng.integers(self.crop - width + 1))
        return slice(start, start + width)

    def _shortened(self, crops: Crops, rng: np.random.Generator) -> tuple[int, Crops]:
        """Crops of the same tracks, all of one random length from a second to a whole crop, uniform on a logarithmic scale."""
        shortest = min(self.crop, max(1, round(_SHORTEST_SECONDS * self.options.frames_per_second)))
        crop = round(math.exp(rng.uniform(math.log(shortest), math.log(self.crop))))
        return crop, Crops(crops.tracks, rng.integers(0, np.maximum(self.lengths[crops.tracks] - crop, 0) + 1))

    def _set_learning_rate(self, done: float) -> None:
        """Set the learning rate for when this part of the training is done."""
        rise, fall = done / _WARM_UP, (done - _WARM_UP) / (1 - _WARM_UP)
        factor = rise if rise < 1 else 0.5 * (1 + math.cos(math.pi * fall))
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * factor

    def _step(self, moments: Moments, targets: Tensor, part: Part) -> Tensor:
        """Take one training step and return the sum of the members' mean losses, a scalar on the device."""
        self.ranks.begin_step(part)
        logits = self._forward(moments)
        losses = functional.cross_entropy(logits.flatten(0, 1), targets.repeat(len(logits)), reduction="none")
        loss = losses.view(len(logits), -1).mean(dim=1).sum()  # a sum, so that the number of members doesn't matter
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss * part.weight if self.ranks.size > 1 else loss)
        self.optimiser.step()
        return loss.detach()

    # -------------------------------------------------------------- validation

    def _validator(self) -> Callable[[], float] | None:
        """A function that returns the validation log loss of the network as it is; None without validation tracks."""
        if not len(self.validation):
            return None
        chosen = np.linspace(0, len(self.validation) - 1, min(SAMPLED, len(self.validation))).astype(np.int64)
        own = chosen[self.ranks.rank :: self.ranks.size]
        inputs = self.validation.inputs.subset(own.tolist())
        # moments depend on the normalisation only, so they are computed once for all epochs
        moments = crop_moments(self.network, inputs, self.crop, self.crop, self.device, self.context.workers)
        parts = []
        while batch := list(islice(moments, _TOGETHER)):
            parts.append((join(batch), [len(of_track.mean) for of_track in batch]))

        def validate() -> float:
            predictions = [average(self.network, moments, sizes) for moments, sizes in parts]
            mine = np.concatenate(predictions) if predictions else None
            return log_loss(self.validation.labels[chosen], self.ranks.gathered(mine, len(chosen)))

        return validate

    def _finished(self) -> bool:
        return self.progress.epoch >= self.options.epochs or self.progress.out_of_patience(self.options.patience)

    def identity(self) -> str:
        """A hash of what a checkpoint has to share with the training that resumes from it."""
        facts = [asdict(self.options), self.context.seed, list(self.context.genres), self.name]
        return identity_of((self.lengths, self.labels, self.validation.labels), facts)


def subset(examples: Examples[LazyInputs], rows: NDArray[np.int64]) -> Examples[LazyInputs]:
    """The examples at these rows."""
    return Examples(examples.inputs.subset(rows.tolist()), examples.labels[rows], examples.groups[rows])
