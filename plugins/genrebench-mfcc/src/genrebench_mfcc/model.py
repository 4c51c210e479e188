"""mfcc-frames behind the model contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save

from genrebench.api import Context, Examples, LazyInputs, Model, PluginError, Timeline, read_json
from genrebench_mfcc import figures
from genrebench_mfcc.calibration import Calibration, Predictions, Scale, calibrate, join_predictions, no_predictions, prior_of
from genrebench_mfcc.crops import Crops, middle_crops
from genrebench_mfcc.folds import choose_folds
from genrebench_mfcc.network import Network
from genrebench_mfcc.options import MfccOptions
from genrebench_mfcc.prediction import crop_moments, probabilities, probabilities_of
from genrebench_mfcc.training import Training, subset
from genrebench_torch.devices import own_randomness, own_threads, pick_device
from genrebench_torch.launch import on_devices
from genrebench_torch.ranks import Ranks
from genrebench_torch.reading import ahead
from genrebench_torch.tensors import read_tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INNER_FOLDS = 3

_CUTS = (3, 10, 30, 100)
"""A crop's length is divided by these for the short excerpts on which the trust in short tracks is fitted."""

_THREADS = 1
"""Threads of each torch operation. The operations are small: threads that share one wait for each other longer than they work.
The crops are spread over the context's workers instead."""


class MfccFrames(Model[LazyInputs]):
    """Genres from sequences of MFCC frames.

    Parameters
    ----------
    context : Context
    options : MfccOptions
    """

    def __init__(self, context: Context, options: MfccOptions) -> None:
        self.context, self.options = context, options
        self.device = pick_device(context.device)
        self.network = self._new_network()
        n_genres = len(context.genres)
        self.scale = Scale(np.full(n_genres, 1 / n_genres), options.crop / options.frames_per_second)
        self.calibration: Calibration | None = None

    def _new_network(self) -> Network:
        with own_randomness(self.context.seed):
            return Network(len(self.context.genres), self.options).to(self.device)

    # -------------------------------------------------------------- fitting

    def fit(self, train: Examples[LazyInputs], validation: Examples[LazyInputs]) -> None:
        """Train the network, then fit the scale of its probabilities."""
        on_devices(self, train, validation)

    def train(self, train: Examples[LazyInputs], validation: Examples[LazyInputs], ranks: Ranks) -> None:
        """Train as one of the ranks."""
        self.context.record("device", self.device.type)
        self.context.record("parameters", sum(p.numel() for p in self.network.parameters()))
        with own_threads(_THREADS), own_randomness(ranks.seed(self.context.seed), self.device):
            epochs, kept_epoch = self._train(self.network, train, validation, "training", ranks, self.context.log)
            self.context.record("epochs", epochs)
            self.context.record("kept_epoch", kept_epoch)
            if self.options.calibrate:
                self.calibration = self._calibrate(train, validation, ranks)
                self.scale = self.calibration.scale
                self.context.record("temperature", self.calibration.facts())

    def _train(
        self,
        network: Network,
        train: Examples[LazyInputs],
        validation: Examples[LazyInputs],
        name: str,
        ranks: Ranks,
        log: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
    ) -> tuple[int, int]:
        """Train a network and return the number of epochs and the epoch that was kept."""
        folder = None if self.context.checkpoints is None else self.context.checkpoints / name.replace(" ", "-")
        if folder is not None:
            folder.mkdir(exist_ok=True)
        training = Training(network, self.options, self.context, self.device, train, validation, folder, name, log, ranks)
        kept_epoch = training.run()
        return training.progress.epoch, kept_epoch

    def _calibrate(self, train: Examples[LazyInputs], validation: Examples[LazyInputs], ranks: Ranks) -> Calibration:
        """Fit the scale on validation, or on networks that are each trained without a third of the tracks."""
        scale = replace(self.scale, prior=prior_of(train.labels, len(self.context.genres)))
        if len(validation):
            known = np.flatnonzero(np.isin(validation.labels, train.labels))
            return calibrate(self._held_out(self.network, subset(validation, known), ranks), scale, "validation")
        folds, usable, fitted_on = choose_folds(train.labels, train.groups, _INNER_FOLDS, self.context.seed)
        predictions = [no_predictions(len(self.context.genres), 1 + len(_CUTS))]
        for fold in np.unique(folds[usable]).tolist():
            network, none = self._new_network(), np.zeros(0, dtype=np.int64)
            inside = subset(train, np.flatnonzero(folds != fold))
            self._train(network, inside, subset(train, none), f"calibration {fold + 1}", ranks)
            predictions.append(self._held_out(network, subset(train, np.flatnonzero(usable & (folds == fold))), ranks))
        return calibrate(join_predictions(predictions), scale, fitted_on)

    def _held_out(self, network: Network, examples: Examples[LazyInputs], ranks: Ranks) -> Predictions:
        """Unscaled predictions for whole tracks, and for shorter and shorter excerpts from the middle of them."""
        if not len(examples):
            return no_predictions(len(self.context.genres), 1 + len(_CUTS))
        inputs, lengths = examples.inputs, examples.inputs.lengths
        rows, frames = [ranks.sharded(partial(self._unscaled, network), inputs)], [lengths]
        for part in _CUTS:
            crop = max(1, round(self.options.crop / part))
            rows.append(ranks.sharded(partial(self._of_middles, network, crop), inputs))
            frames.append(np.minimum(lengths, crop))
        seconds = np.array(frames) / self.options.frames_per_second
        return Predictions(examples.labels, examples.groups, np.array(rows), seconds)

    def _of_middles(self, network: Network, frames: int, inputs: LazyInputs) -> NDArray[np.float64]:
        return self._of_crops(network, inputs, middle_crops(inputs.lengths, frames), frames, self.context.workers)

    def _of_crops(self, network: Network, inputs: LazyInputs, crops: Crops, frames: int, workers: int) -> NDArray[np.float64]:
        return probabilities_of(network, inputs, crops, frames, self.options.crop, self.device, workers)

    # -------------------------------------------------------------- prediction

    def predict_proba(self, inputs: LazyInputs) -> NDArray[np.float64]:
        """Mean over members and overlapping crops, scaled by the temperature and by the length of the track."""
        with own_threads(_THREADS):
            return self.scale(self._unscaled(self.network, inputs), inputs.lengths / self.options.frames_per_second)

    def _unscaled(self, network: Network, inputs: LazyInputs) -> NDArray[np.float64]:
        network.eval()
        crop = self.options.crop
        moments = crop_moments(network, inputs, crop, max(1, crop // 2), self.device, self.context.workers)
        shown = self.context.progress(moments, "prediction", total=len(inputs))
        rows = [probabilities(network, of_track).mean(axis=0) for of_track in shown]
        return np.array(rows).reshape(len(rows), len(self.context.genres))

    def predict_timeline(self, inputs: LazyInputs) -> list[Timeline]:
        """Probabilities for each second, from the excerpt around it; near the ends of a track, from the first or last one."""
        self.network.eval()
        with own_threads(_THREADS):
            lines = ahead(lambda track: self._timeline(inputs, track), range(len(inputs)), self.context.workers)
            return list(self.context.progress(lines, "timeline", total=len(inputs)))

    def _timeline(self, inputs: LazyInputs, track: int) -> Timeline:
        length, rate = int(inputs.lengths[track]), self.options.frames_per_second
        crop = max(1, round(self.options.timeline_seconds * rate))
        seconds = np.arange(max(1, round((length - 1) / rate)), dtype=np.float64)  # n frames are n - 1 hops
        centred = np.round((seconds + 0.5) * rate - crop / 2).astype(np.int64)
        starts = np.clip(centred, 0, max(0, length - crop))
        rows = self._of_crops(self.network, inputs, Crops(np.full(len(starts), track), starts), crop, workers=1)
        return Timeline(seconds, self.scale(rows, min(length, crop) / rate))

    # -------------------------------------------------------------- saving

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors; the scale, the genres and the options that shape the network as JSON."""
        tensors = {name: value.cpu().contiguous() for name, value in self.network.state_dict().items()}
        (folder / "network.safetensors").write_bytes(save(tensors))  # unlike save_file, it raises OSErrors
        scale = {**asdict(self.scale), "prior": self.scale.prior.tolist()}
        facts = {**self._shape(), "scale": scale}
        (folder / "model.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; other genres or options than it was saved with are refused."""
        try:
            facts = read_json(folder / "model.json")
            scale = Scale(**{**facts["scale"], "prior": np.array(facts["scale"]["prior"], dtype=np.float64)})
            scale.require_sound(len(self.context.genres))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PluginError(f"the model in {folder.name} can't be read: {error}; train it again") from None
        for name, value in self._shape().items():
            if facts.get(name) != value:
                raise PluginError(
                    f"the saved model has {name}={facts.get(name)!r}, but the options say {value!r}; load it with its own"
                )
        try:
            self.network.load_state_dict(read_tensors(folder / "network.safetensors", self.network.state_dict()))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise PluginError(f"the model in {folder.name} can't be read: {error}; train it again") from None
        self.network.eval()
        self.scale = scale

    def _shape(self) -> dict[str, Any]:
        o = self.options
        return {
            "genres": list(self.context.genres),
            "frames": [o.coefficients, o.sample_rate, o.hop_length, o.n_fft],
            "dilations": list(o.dilations),
            "hidden": o.hidden,
            "members": o.members,
        }

    def figures(self) -> Mapping[str, Figure]:
        """Draw the learned filters and the calibration."""
        drawn = {"filters in time": figures.time_filters(self.network, self.options)}
        if self.calibration is not None and len(self.calibration.labels):
            drawn["calibration"] = figures.reliability(self.calibration)
        return drawn
