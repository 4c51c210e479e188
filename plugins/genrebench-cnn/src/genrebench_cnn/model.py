"""cnn-raw behind the model contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save

from genrebench.api import Context, Examples, LazyInputs, Model, PluginError, Timeline, log_loss, read_json
from genrebench_cnn.devices import training_device
from genrebench_cnn.figures import draw_activations, draw_frequency_responses, draw_temporal_kernels
from genrebench_cnn.kernels import own_pool
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions, lengths
from genrebench_cnn.prediction import mean_activations, window_probabilities
from genrebench_cnn.training import Training
from genrebench_torch.devices import own_randomness
from genrebench_torch.launch import on_devices
from genrebench_torch.ranks import Ranks
from genrebench_torch.tensors import read_tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CnnRaw(Model[LazyInputs]):
    """The report's convolutional network on raw audio.

    Parameters
    ----------
    context : Context
    options : CnnOptions
    """

    def __init__(self, context: Context, options: CnnOptions) -> None:
        self.context, self.options = context, options
        self.device = training_device(context, options)
        with own_randomness(context.seed):
            self.network = Network(len(context.genres), options.window, options.dropout)
            if options.gamma == "uniform":
                for norm in self.network.norms():
                    torch.nn.init.uniform_(norm.weight)
        self.network.to(self.device)
        self.activations = np.full((len(context.genres), len(self.network.conv3.weight)), np.nan, dtype=np.float32)

    def fit(self, train: Examples[LazyInputs], validation: Examples[LazyInputs]) -> None:
        """Train for the epochs that the options ask for; an interrupted training resumes from its checkpoint."""
        on_devices(self, train, validation)

    def train(self, train: Examples[LazyInputs], validation: Examples[LazyInputs], ranks: Ranks) -> None:
        """Train as one of the ranks."""

        def validate() -> float:
            return log_loss(validation.labels, ranks.sharded(self.predict_proba, validation.inputs))

        with own_pool(self.context.workers), own_randomness(ranks.seed(self.context.seed), self.device):
            training = Training(
                self.network, self.options, self.context, self.device, train, validate if len(validation) else None, ranks
            )
            self._record(training)
            training.run()
            if ranks.rank == 0:
                self.activations = mean_activations(self.network, train, self.options, self.activations.shape, self.device)

    def predict_proba(self, inputs: LazyInputs) -> NDArray[np.float64]:
        """Mean softmax over windows that don't overlap, as in the report."""
        rows = [windows.mean(axis=0) for windows in self._windows(inputs, self.options.window)]
        return np.array(rows).reshape(len(rows), len(self.context.genres))

    def predict_timeline(self, inputs: LazyInputs) -> list[Timeline]:
        """Softmax of the window that begins at each second.

        Where audio isn't resampled, a window begins every `sample_rate` samples, whatever these are in seconds.
        """
        step = self.options.sample_rate
        rates = np.full(len(inputs), step) if inputs.sample_rates is None else inputs.sample_rates
        tracks = zip(self._windows(inputs, step, silence=False), rates, strict=True)
        return [Timeline(np.arange(len(windows)) * step / rate, windows) for windows, rate in tracks]

    def _windows(self, inputs: LazyInputs, step: int, *, silence: bool = True) -> Iterator[NDArray[np.float64]]:
        """Yield the softmaxes of each track's windows, track by track, so that memory doesn't grow with their number."""
        with own_pool(self.context.workers):
            tracks = window_probabilities(
                self.network, inputs, self.options, self.device, step, self.context.workers, silence=silence
            )
            yield from self.context.progress(tracks, "prediction", total=len(inputs))

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors; genres, sample rate and window as JSON."""
        (folder / "network.safetensors").write_bytes(save(self._tensors()))  # unlike save_file, it raises OSErrors
        (folder / "network.json").write_text(json.dumps(self._shape(), indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read the weights; other genres or options than they were saved with are refused."""
        try:
            saved = read_json(folder / "network.json")
            if not isinstance(saved, dict):
                raise TypeError("network.json isn't an object")
        except (OSError, ValueError, TypeError) as error:
            raise PluginError(f"the saved network in {folder.name} can't be read: {error}; train it again") from None
        for name, value in self._shape().items():
            if saved.get(name) != value:
                raise PluginError(
                    f"the saved network has {name}={saved.get(name)!r}, but the options say {value!r}; load it with its own"
                )
        try:
            tensors = read_tensors(folder / "network.safetensors", self._tensors())
            activations = tensors.pop("activations").numpy()
            self.network.load_state_dict({name.removeprefix("network."): value for name, value in tensors.items()})
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            raise PluginError(f"the saved network in {folder.name} can't be read: {error}; train it again") from None
        self.activations = activations

    def _tensors(self) -> dict[str, torch.Tensor]:
        weights = {f"network.{name}": value.cpu().contiguous() for name, value in self.network.state_dict().items()}
        return {**weights, "activations": torch.from_numpy(self.activations)}

    def _shape(self) -> dict[str, Any]:
        return {
            "genres": list(self.context.genres),
            "sample_rate": self.options.sample_rate,
            "window": self.options.window,
        }

    def figures(self) -> Mapping[str, Figure]:
        """Draw the filters of the first layer, and the kernels of the third and its mean activation by genre."""
        first = self.network.conv1.weight.detach().cpu().numpy()[:, 0]
        third = self.network.conv3.weight.detach().cpu().numpy()
        return {
            "Filters of the first layer": draw_frequency_responses(first, self.options.sample_rate),
            "Temporal kernels of the third layer": draw_temporal_kernels(third, 16_000 / self.options.sample_rate),
            "Mean activation by genre": draw_activations(self.activations, self.context.genres),
        }

    def _record(self, training: Training) -> None:
        """Record the facts of this run."""
        windows, record = training.windows, self.context.record
        record("device", self.device.type)
        record("parameters", sum(p.numel() for p in self.network.parameters()))
        record("lengths", list(lengths(self.options.window)))
        record("engine", self.options.engine)
        record("requested_hop", self.options.requested_hop)
        record("effective_hop", self.options.hop)
        record("windows_per_stretch", windows.stretch)
        if training.train.inputs.sample_rates is not None:
            rates, counts = np.unique(training.train.inputs.sample_rates, return_counts=True)
            record("training_sample_rates", {str(rate): int(n) for rate, n in zip(rates, counts, strict=True)})
        record("training_windows", dict(zip(self.context.genres, windows.per_genre.tolist(), strict=True)))
