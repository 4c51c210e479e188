"""mfcc-frames behind the model contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from genrebench.api import Context, Examples, Inputs, LazyInputs, Model, PluginError, Timeline
from genrebench_mfcc import figures
from genrebench_mfcc.calibration import Calibration, calibrate, inner_folds, tempered
from genrebench_mfcc.crops import Crops, ahead, read
from genrebench_mfcc.devices import pick_device, seeded, single_threaded
from genrebench_mfcc.network import Network
from genrebench_mfcc.options import MfccOptions
from genrebench_mfcc.prediction import crop_moments, probabilities
from genrebench_mfcc.training import Training, some_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INNER_FOLDS = 3


class MfccFrames(Model):
    """Genres from sequences of MFCC frames.

    Parameters
    ----------
    context : Context
    options : MfccOptions
    """

    def __init__(self, context: Context, options: MfccOptions) -> None:
        self.context, self.options = context, options
        self.device = pick_device(context.device)
        self.crop = max(options.crop, options.reach)
        self.network = self._new_network()
        self.temperature = 1.0
        self.calibration: Calibration | None = None

    def _new_network(self) -> Network:
        with seeded(self.context.seed, torch.device("cpu")):
            return Network(len(self.context.genres), self.options).to(self.device)

    # -------------------------------------------------------------- learning

    def fit(self, train: Examples, validation: Examples) -> None:
        """Train the network, then fit the temperature."""
        self.context.record("device", self.device.type)
        self.context.record("parameters", sum(p.numel() for p in self.network.parameters()))
        with single_threaded():
            training = self._train(self.network, train, validation, "training", self.context.log)
            self.context.record("epochs", training.progress.epoch)
            self.context.record("kept_epoch", training.progress.best_epoch or training.progress.epoch)
            if self.options.calibrate:
                self.calibration = self._calibrate(train, validation)
                self.temperature = self.calibration.temperature
                self.context.record("temperature", self.calibration.facts())

    def _train(
        self,
        network: Network,
        train: Examples,
        validation: Examples,
        name: str,
        log: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
    ) -> Training:
        folder = None if self.context.checkpoints is None else self.context.checkpoints / name.replace(" ", "-")
        if folder is not None:
            folder.mkdir(exist_ok=True)
        training = Training(network, self.options, self.context, self.device, train, validation, folder, name, log)
        training.run()
        return training

    def _calibrate(self, train: Examples, validation: Examples) -> Calibration:
        """Fit the temperature on validation, or on networks that are trained without a third of the artists each."""
        if len(validation):
            answers = self._untempered(self.network, validation.inputs)
            return calibrate(validation.labels, answers, validation.groups, "validation")
        none = np.zeros(0, dtype=np.int64)
        if len(np.unique(train.groups)) < _INNER_FOLDS:
            return calibrate(none, np.zeros((0, len(self.context.genres))), none, "nothing")
        folds = inner_folds(train.labels, train.groups, _INNER_FOLDS, self.context.seed)
        answers = np.zeros((len(train), len(self.context.genres)))
        for fold in range(_INNER_FOLDS):
            inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            network = self._new_network()
            self._train(network, some_of(train, inside), some_of(train, none), f"calibration {fold + 1}")
            answers[outside] = self._untempered(network, some_of(train, outside).inputs)
        return calibrate(train.labels, answers, train.groups, "inner folds")

    # -------------------------------------------------------------- answering

    def predict_proba(self, inputs: Inputs) -> NDArray[np.float64]:
        """Mean over members and overlapping crops, at the fitted temperature."""
        with single_threaded():
            return tempered(self._untempered(self.network, inputs), self.temperature)

    def _untempered(self, network: Network, inputs: Inputs) -> NDArray[np.float64]:
        assert isinstance(inputs, LazyInputs)  # noqa: S101 - what this model asked for
        network.eval()
        found = crop_moments(network, inputs, self.crop, max(1, self.crop // 2), self.device, self.context.workers)
        shown = self.context.progress(found, "prediction", total=len(inputs))
        rows = [probabilities(network, moments).mean(axis=0) for moments in shown]
        return np.array(rows).reshape(len(rows), len(self.context.genres))

    def predict_timeline(self, inputs: Inputs) -> list[Timeline]:
        """Probabilities for each second, from the crop around it; at the ends of a track, from the first and the last crop."""
        assert isinstance(inputs, LazyInputs)  # noqa: S101 - what this model asked for
        self.network.eval()
        with single_threaded():
            found = ahead(lambda track: self._timeline(inputs, track), range(len(inputs)), self.context.workers)
            return list(self.context.progress(found, "timeline", total=len(inputs)))

    def _timeline(self, inputs: LazyInputs, track: int) -> Timeline:
        length, rate = int(inputs.lengths[track]), self.options.frames_per_second
        seconds = np.arange(max(1, int((length - 1) / rate)), dtype=np.float64)
        centred = np.round((seconds + 0.5) * rate - self.crop / 2).astype(np.int64)
        starts = np.clip(centred, 0, max(0, length - self.crop))
        rows = []
        for part in Crops(np.full(len(starts), track), starts).split(32):
            frames = torch.from_numpy(read(inputs, part, self.crop)).to(self.device)
            rows.append(probabilities(self.network, self.network.moments(frames)))
        return Timeline(seconds, tempered(np.concatenate(rows), self.temperature))

    # -------------------------------------------------------------- keeping

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, and the temperature and what they belong to as JSON."""
        tensors = {name: value.cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(tensors, folder / "network.safetensors")
        facts = {**self._kind(), "temperature": self.temperature}
        (folder / "model.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; genres or options that it doesn't fit are refused."""
        try:
            facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "network.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise PluginError(f"mfcc-frames: the model in {folder.name} can't be read: {error}; train it anew") from None
        for name, value in self._kind().items():
            if facts.get(name) != value:
                raise PluginError(
                    f"mfcc-frames: the saved model has {name}={facts.get(name)!r}, these options {value!r}; use its own"
                )
        self.network.load_state_dict(tensors)
        self.network.eval()
        self.temperature = float(facts["temperature"])

    def _kind(self) -> dict[str, Any]:
        o = self.options
        return {
            "genres": list(self.context.genres),
            "frames": [o.coefficients, o.sample_rate, o.hop_length, o.n_fft],
            "dilations": list(o.dilations),
            "hidden": o.hidden,
            "members": o.members,
        }

    def figures(self) -> Mapping[str, Figure]:
        """Draw the learned filters, what the heads look at, and the calibration."""
        drawn = {"filters in time": figures.time_filters(self.network, self.options)}
        if self.calibration is not None and len(self.calibration.labels):
            drawn["calibration"] = figures.reliability(self.calibration)
        return drawn
