"""The observers that genrebench ships: MLflow and TensorBoard, each an extra and a page of code."""

from __future__ import annotations

from genrebench.observers import mlflow, tensorboard
from genrebench.plugin.observers import ObserverSpec

SPECS: tuple[ObserverSpec, ...] = (mlflow.SPEC, tensorboard.SPEC)
