"""Models in a few lines: a torch module, or a skorch network, on a table. Importing this module imports no torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Context, Examples, FeatureTable, Field, Model, ModelSpec, NoOptions, PluginError, Table, log_loss
from genrebench_torch import check_device

FILE = "network.safetensors"
Inputs = Callable[[Any], Any]


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a model made by `module_model`; derive from it to add the network's own."""

    epochs: Annotated[int, Field(ge=1, description="passes over the training tracks, at most")] = 50
    learning_rate: Annotated[float, Field(gt=0, description="step size of Adam")] = 0.001
    weight_decay: Annotated[float, Field(ge=0, description="decay of the weights per step, as AdamW does it")] = 0.01
    batch_size: Annotated[int, Field(ge=1, description="tracks per step")] = 64


def _table(_options: Any) -> FeatureTable:
    return FeatureTable()


def module_model(
    name: str,
    summary: str,
    module: Callable[[Context, Any], Any],
    *,
    options: type = TrainingOptions,
    inputs: Inputs = _table,
) -> ModelSpec:
    """Make a model of a torch module.

    Columns are standardised with the training tracks. The module is trained by AdamW on the cross-entropy; with validation
    tracks, the epoch with the lowest log loss on them is used.

    Parameters
    ----------
    name, summary : str
        As in `ModelSpec`.
    module : callable
        ``module(context, options)`` returns a module that maps a tensor of shape (n, len(context.columns)) to logits of shape
        (n, len(context.genres)). Import torch inside this function.
    options : type
        `TrainingOptions`, or a dataclass derived from it.
    inputs : callable
        As in `ModelSpec`; an input that is a table.
    """
    return ModelSpec(name, summary, lambda c, o: ModuleModel(c, o, module), inputs, options, check=check_device)


def skorch_model(
    name: str,
    summary: str,
    net: Callable[[Context, Any], Any],
    *,
    options: type = NoOptions,
    inputs: Inputs = _table,
) -> ModelSpec:
    """Make a model of a skorch network.

    Columns are standardised with the training tracks. The validation tracks replace the network's `train_split`; without any,
    it is trained without one. Seed and device are the run's.

    Parameters
    ----------
    name, summary, inputs
        As for `module_model`.
    net : callable
        ``net(context, options)`` returns a `skorch.NeuralNetClassifier` whose module gives a value per genre, such as logits
        for ``criterion=torch.nn.CrossEntropyLoss``. Import torch and skorch inside this function.
    options : type
        Dataclass of the options.
    """
    return ModelSpec(name, summary, lambda c, o: SkorchModel(c, o, net), inputs, options, check=check_device)


class _TableModel(Model[Table]):
    """A network on standardised columns, kept as one file of tensors."""

    def __init__(self, context: Context, options: Any, make: Callable[[Context, Any], Any]) -> None:
        from genrebench_torch.devices import own_randomness, pick_device

        self.context, self.options, self.device = context, options, pick_device(context.device)
        with own_randomness(context.seed, self.device):
            self.network = make(context, options)
        n = len(context.columns)
        self.mean, self.scale = np.zeros(n), np.ones(n)

    @property
    @abstractmethod
    def module(self) -> Any:
        """The torch module that is trained."""

    @abstractmethod
    def train(self, x: NDArray[np.float32], labels: NDArray[np.int64], held: tuple[Any, Any] | None) -> None:
        """Train on standardised columns; `held` are those of the validation tracks and their labels."""

    @abstractmethod
    def probabilities(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Probabilities of standardised columns."""

    def fit(self, train: Examples[Table], validation: Examples[Table]) -> None:
        """Standardise and train."""
        from genrebench_torch.devices import own_randomness, own_threads

        x = np.asarray(train.inputs)
        self.mean, self.scale = x.mean(axis=0), x.std(axis=0)
        self.scale[self.scale == 0] = 1.0
        held = (self._columns(validation.inputs), validation.labels) if len(validation) else None
        # steps on a table are so small that further threads wait for each other more than they compute
        with own_threads(1), own_randomness(self.context.seed, self.device):
            self.train(self._columns(x), train.labels, held)
        self.context.record("device", self.device.type)
        self.context.record("parameters", sum(parameter.numel() for parameter in self.module.parameters()))

    def predict_proba(self, inputs: Table) -> NDArray[np.float64]:
        """Probabilities of each track."""
        if not len(inputs):
            return np.zeros((0, len(self.context.genres)))
        p = np.asarray(self.probabilities(self._columns(inputs)), dtype=np.float64)
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Write weights, means and scales."""
        import torch
        from safetensors.torch import save

        tensors = {f"module.{name}": value.cpu().contiguous() for name, value in self.module.state_dict().items()}
        columns = {"mean": torch.from_numpy(self.mean), "scale": torch.from_numpy(self.scale)}
        (folder / FILE).write_bytes(save({**tensors, **columns}))  # unlike save_file, it raises OSErrors

    def load(self, folder: Path) -> None:
        """Read them."""
        import torch

        from genrebench_torch.tensors import read_tensors

        module = self.module
        columns = {"mean": torch.from_numpy(self.mean), "scale": torch.from_numpy(self.scale)}
        try:
            tensors = read_tensors(folder / FILE, {f"module.{k}": v for k, v in module.state_dict().items()} | columns)
            self.mean, self.scale = tensors.pop("mean").numpy(), tensors.pop("scale").numpy()
            module.load_state_dict({name.removeprefix("module."): value for name, value in tensors.items()})
        except Exception as error:  # safetensors and torch have classes of their own for each kind of damage
            raise PluginError(f"{FILE} isn't the file of this network: {error}") from error

    def _columns(self, inputs: Table) -> NDArray[np.float32]:
        return ((np.asarray(inputs) - self.mean) / self.scale).astype(np.float32)


class ModuleModel(_TableModel):
    """A torch module; see `module_model`."""

    @property
    def module(self) -> Any:
        """The torch module."""
        return self.network.to(self.device)

    def train(self, x: NDArray[np.float32], labels: NDArray[np.int64], held: tuple[Any, Any] | None) -> None:
        """Train epoch by epoch; the best one on the validation tracks is kept."""
        import torch

        options, module = self.options, self.module
        data, target = torch.from_numpy(x).to(self.device), torch.from_numpy(labels).to(self.device)
        optimiser = torch.optim.AdamW(module.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
        best, state = np.inf, None
        for epoch in range(1, options.epochs + 1):
            module.train()
            total = 0.0
            for rows in torch.randperm(len(data)).to(self.device).split(options.batch_size):
                if len(rows) == 1 < len(data):
                    continue  # batch normalisation needs two
                optimiser.zero_grad()
                loss = torch.nn.functional.cross_entropy(module(data[rows]), target[rows])
                loss.backward()
                optimiser.step()
                total += float(loss.detach()) * len(rows)
            values = {"train_loss": total / len(data)}
            if held is not None:
                values["validation_log_loss"] = log_loss(held[1], self.probabilities(held[0]).astype(np.float64))
                if values["validation_log_loss"] < best:
                    best = values["validation_log_loss"]
                    state = {name: value.clone() for name, value in module.state_dict().items()}
            self.context.log(epoch, values)
        if state is not None:
            module.load_state_dict(state)

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Softmax of the module's logits."""
        import torch

        module = self.module.eval()
        with torch.no_grad():
            return np.asarray(module(torch.from_numpy(x).to(self.device)).softmax(dim=1).double().cpu())


class SkorchModel(_TableModel):
    """A skorch network; see `skorch_model`."""

    @property
    def module(self) -> Any:
        """The torch module, which skorch makes when the network is initialised."""
        if not self.network.initialized_:
            self._initialise(None)
        return self.network.module_

    def train(self, x: NDArray[np.float32], labels: NDArray[np.int64], held: tuple[Any, Any] | None) -> None:
        """Train with the validation tracks as the network's own."""
        self._initialise(held)
        self.network.partial_fit(x, labels)
        for row in self.network.history:
            values = {name: row[name] for name in ("train_loss", "valid_loss") if row.get(name) is not None}
            self.context.log(row["epoch"], values)

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """What the network predicts."""
        from genrebench_torch.devices import own_randomness

        _ = self.module
        with own_randomness(self.context.seed, self.device):  # torch's DataLoader draws a seed whenever it is read
            return np.asarray(self.network.predict_proba(x))

    def _initialise(self, held: tuple[Any, Any] | None) -> None:
        from skorch.dataset import Dataset
        from skorch.helper import predefined_split

        split = None if held is None else predefined_split(Dataset(*held))
        classes = np.arange(len(self.context.genres))  # also those without training tracks
        self.network.set_params(device=self.device.type, verbose=0, train_split=split, classes=classes)
        self.network.initialize()
