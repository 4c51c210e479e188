"""Training one network: normalisation, epochs of random crops, early stopping, a checkpoint after each epoch."""

from __future__ import annotations

import hashlib
import json
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
from genrebench_mfcc import checkpoint
from genrebench_mfcc.crops import Crops, ahead, random_crops, read
from genrebench_mfcc.devices import seeded
from genrebench_mfcc.network import Moments, Network, join
from genrebench_mfcc.options import MfccOptions
from genrebench_mfcc.prediction import average, crop_moments

SAMPLED = 2000
"""Tracks that normalisation is computed on, and that validation looks at after an epoch, at most."""

_TOGETHER = 64
"""Tracks that validation answers for at once."""

_WARM_UP = 0.15
"""Part of the training in which the step size rises; then it falls along a cosine."""

_SMALLEST = 1e-3
"""Deviation that is divided by, at least: a coefficient that is constant in training stays near 0."""

_SHORTEST_SECONDS = 1.0
"""What shortened crops have, at least: shorter ones cost more on whole tracks than they gain on short ones."""

_BEGIN, _EPOCH = 1, 2  # what random numbers are for; the seeds of different purposes have to differ


class Training:
    """One network on its way.

    Parameters
    ----------
    network : Network
    options : MfccOptions
    context : Context
    device : torch.device
    train, validation : Examples
        `validation` may be empty; then all epochs are made and the last one is kept.
    folder : Path or None
        Where checkpoints are kept.
    name : str
        For the progress display; trainings of one run have different ones.
    log : callable
        As in `Context`.
    """

    def __init__(
        self,
        network: Network,
        options: MfccOptions,
        context: Context,
        device: torch.device,
        train: Examples,
        validation: Examples,
        folder: Path | None,
        name: str = "training",
        log: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
    ) -> None:
        assert isinstance(train.inputs, LazyInputs)  # noqa: S101 - what this model asked for
        self.network, self.options, self.context, self.device = network, options, context, device
        self.inputs, self.labels, self.lengths = train.inputs, train.labels, train.inputs.lengths
        self.validation, self.folder, self.name, self.log = validation, folder, name, log
        self.crop = options.crop
        self.progress = checkpoint.Progress()
        self.best: dict[str, Tensor] = {}
        self.optimiser = torch.optim.AdamW(
            network.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=device.type in ("cpu", "cuda")
        )

    def run(self) -> None:
        """Train to the end, from the checkpoint if there is one, and leave the chosen weights in the network."""
        if not self._resume():
            self._normalise()
        for number, values in enumerate(self.progress.curve, start=1):
            self.log(number, values)
        if not self._finished():
            validate = self._validator()
            epochs = range(self.progress.epoch, self.options.epochs)
            for epoch in self.context.progress(epochs, self.name, total=len(epochs)):
                self._epoch(epoch, validate)
                if self._finished():
                    break
        if self.best:
            self.network.load_state_dict(self.best)
        self.network.eval()

    # -------------------------------------------------------------- normalisation

    def _normalise(self) -> None:
        """Set means and deviations of the frames, then those of what is pooled of them, from training tracks alone."""
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
        found = [self.network.pooled(moments).detach().cpu() for moments in ahead(self._moments, parts, workers)]
        pooled = torch.cat(found).double()  # on the CPU: not every device has it
        self._set("pooled", pooled.mean(dim=0), pooled.std(dim=0, correction=0))

    def _set(self, name: str, mean: Tensor, deviation: Tensor) -> None:
        getattr(self.network, f"{name}_mean").copy_(mean.float())
        getattr(self.network, f"{name}_deviation").copy_(deviation.clamp(min=_SMALLEST).float())

    def _moments(self, crops: Crops) -> Moments:
        return self.network.moments(torch.from_numpy(read(self.inputs, crops, self.crop)).to(self.device))

    # -------------------------------------------------------------- epochs

    def _epoch(self, epoch: int, validate: Callable[[], float] | None) -> None:
        """Make one pass over the tracks; what is random in it follows from the seed and the epoch's number alone."""
        rng = np.random.default_rng([self.context.seed, _EPOCH, epoch])
        parts = random_crops(self.lengths, self.crop, rng).split(self.options.batch_size)
        numbered = list(zip(parts, rng.integers(2**62, size=len(parts)).tolist(), strict=True))
        batches = ahead(lambda item: (self._augmented(*item), self._targets(item[0])), numbered, self.context.workers)
        loss_sum = 0.0
        self.network.train()
        with seeded(int(rng.integers(2**62)), self.device):
            for step, (moments, targets) in enumerate(batches):
                self._pace((epoch + (step + 0.5) / len(parts)) / self.options.epochs)
                loss_sum += self._step(moments, targets) * len(targets)
        self.network.eval()
        values = {"training_loss": loss_sum / len(self.labels)}
        if validate is not None:
            values["validation_log_loss"] = validate()
            if self.progress.best_loss is None or values["validation_log_loss"] < self.progress.best_loss:
                self.progress.best_epoch, self.progress.best_loss = epoch + 1, values["validation_log_loss"]
                self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.progress.curve.append(values)
        self._save()
        self.log(epoch + 1, values)

    def _augmented(self, crops: Crops, seed: int) -> Moments:
        """Moments of crops, sometimes shortened, at a random gain, a random stretch of each replaced by its mean."""
        rng = np.random.default_rng(seed)
        crop = self.crop
        if rng.random() < self.options.short_crops:
            crop, crops = self._shortened(crops, rng)
        frames = read(self.inputs, crops, crop, self.crop)
        bands = 128  # of the mel spectrogram below the cepstra: a gain in dB lifts each, and so moves only coefficient 0
        frames[:, :, 0] += math.sqrt(bands) * rng.normal(0, 1, (len(frames), 1)) * self.options.gain_db
        longest = min(int(self.options.mask_seconds * self.options.frames_per_second), self.crop // 2)
        for one in frames if longest else ():
            width = int(rng.integers(longest + 1))
            start = int(rng.integers(self.crop - width + 1))
            one[start : start + width] = one.mean(axis=0)
        return self.network.moments(torch.from_numpy(frames).to(self.device))

    def _shortened(self, crops: Crops, rng: np.random.Generator) -> tuple[int, Crops]:
        """Crops of the same tracks, all of one length that lies anywhere, on a logarithmic scale, from a second to a crop's."""
        shortest = min(self.crop, max(1, round(_SHORTEST_SECONDS * self.options.frames_per_second)))
        crop = round(math.exp(rng.uniform(math.log(shortest), math.log(self.crop))))
        return crop, Crops(crops.tracks, rng.integers(0, np.maximum(self.lengths[crops.tracks] - crop, 0) + 1))

    def _targets(self, crops: Crops) -> Tensor:
        return torch.from_numpy(self.labels[crops.tracks]).to(self.device)

    def _pace(self, done: float) -> None:
        """Set the step size when this part of the training is done."""
        rise, fall = done / _WARM_UP, (done - _WARM_UP) / (1 - _WARM_UP)
        factor = rise if rise < 1 else 0.5 * (1 + math.cos(math.pi * fall))
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * factor

    def _step(self, moments: Moments, targets: Tensor) -> float:
        """Take one step and return the members' mean loss."""
        logits = self.network(moments)
        losses = functional.cross_entropy(logits.flatten(0, 1), targets.repeat(len(logits)), reduction="none")
        loss = losses.view(len(logits), -1).mean(dim=1).sum()  # a sum, so that a member learns the same whatever their number
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach()) / len(logits)

    # -------------------------------------------------------------- validation

    def _validator(self) -> Callable[[], float] | None:
        """A function that gives the validation log loss of the network as it is; None without validation tracks."""
        if not len(self.validation):
            return None
        chosen = np.linspace(0, len(self.validation) - 1, min(SAMPLED, len(self.validation))).astype(np.int64)
        assert isinstance(self.validation.inputs, LazyInputs)  # noqa: S101 - what this model asked for
        inputs = self.validation.inputs.subset(chosen.tolist())
        # moments depend on the normalisation only, so one pass over the tracks serves all the epochs
        found = crop_moments(self.network, inputs, self.crop, self.crop, self.device, self.context.workers)
        parts = []
        while some := list(islice(found, _TOGETHER)):
            parts.append((join(some), [len(moments.mean) for moments in some]))

        def validate() -> float:
            answers = [average(self.network, moments, sizes) for moments, sizes in parts]
            return log_loss(self.validation.labels[chosen], np.concatenate(answers))

        return validate

    def _finished(self) -> bool:
        done, patience = self.progress.epoch, self.options.patience
        waited = done - self.progress.best_epoch if self.progress.best_loss is not None else 0
        return done >= self.options.epochs or bool(patience and waited >= patience)

    # -------------------------------------------------------------- checkpoints

    def identity(self) -> str:
        """A hash of what a checkpoint has to share with the training that goes on from it."""
        content = hashlib.sha256()
        for numbers in (self.lengths, self.labels, self.validation.labels):
            content.update(np.ascontiguousarray(numbers, dtype=np.int64).tobytes() + b"|")
        content.update(json.dumps([asdict(self.options), self.context.seed, list(self.context.genres), self.name]).encode())
        return content.hexdigest()

    def _save(self) -> None:
        if self.folder is not None:
            parts = {
                "network": self.network.state_dict(),
                "best": self.best,
                "optimiser": checkpoint.optimiser_tensors(self.optimiser),
            }
            checkpoint.save(self.folder, self.identity(), self.progress, parts)

    def _resume(self) -> bool:
        found = None if self.folder is None else checkpoint.load(self.folder, self.identity())
        if found is None:
            return False
        self.progress, parts = found
        self.network.load_state_dict(parts["network"])
        checkpoint.restore_optimiser(self.optimiser, parts["optimiser"])
        self.best = {name: value.to(self.device) for name, value in parts.get("best", {}).items()}
        return True


def some_of(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    """Some of the examples."""
    assert isinstance(examples.inputs, LazyInputs)  # noqa: S101 - what this model asked for
    return Examples(examples.inputs.subset(rows.tolist()), examples.labels[rows], examples.groups[rows])
