"""Runs in MLflow: parameters, tags, curves and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from genrebench.errors import UsageError
from genrebench.plugin.observers import Observer, ObserverSpec


@dataclass(frozen=True)
class MlflowOptions:
    """Options of the observer."""

    uri: Annotated[str, Field(min_length=1, description="tracking server or store, such as sqlite:///mlflow.db")] = (
        "sqlite:///mlflow.db"
    )
    experiment: Annotated[str, Field(min_length=1, description="name of the experiment")] = "genrebench"


class MlflowObserver(Observer):
    """One run of MLflow for each run; its client needs no global state.

    Parameters
    ----------
    options : MlflowOptions
    """

    def __init__(self, options: MlflowOptions) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise UsageError("the observer mlflow needs MLflow: pip install 'genrebench[mlflow]'") from None
        self._client = MlflowClient(tracking_uri=options.uri)
        self._experiment = options.experiment
        self._run = ""

    def started(self, record: Mapping[str, Any]) -> None:
        """Begin a run with the model's options and the task, in an experiment that is made if there is none."""
        found = self._client.get_experiment_by_name(self._experiment)
        number = self._client.create_experiment(self._experiment) if found is None else found.experiment_id
        task, model = record["task"], record["model"]
        tags = {
            "genrebench.run_id": record["run_id"],
            "genrebench.task": task["fingerprint"],
            "genrebench.plugin": f"{model['plugin']} {model['version']}",
        }
        self._run = self._client.create_run(number, run_name=record["run_id"], tags=tags).info.run_id
        parameters = {"model": model["name"], "dataset": task["dataset"], "split": task["split"], "seed": record["seed"]}
        for name, value in {**parameters, **{f"option.{key}": value for key, value in model["options"].items()}}.items():
            self._client.log_param(self._run, name, value)

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Log a point of the curves of a fold."""
        for name, value in values.items():
            self._client.log_metric(self._run, f"fold-{fold}/{_plain(name)}", value, step=epoch)

    def finished(self, record: Mapping[str, Any]) -> None:
        """Log scores and times."""
        for name, value in {**(record["metrics"] or {}), **record["timings"]}.items():
            if value is not None:
                self._client.log_metric(self._run, name, value)
        self._client.set_terminated(self._run, "FINISHED")

    def failed(self, record: Mapping[str, Any]) -> None:
        """Mark the run as failed or killed, and say why."""
        self._client.set_tag(self._run, "genrebench.error", record["error"] or "")
        self._client.set_terminated(self._run, "KILLED" if record["status"] == "interrupted" else "FAILED")


def _plain(name: str) -> str:
    """A name of the signs that MLflow allows."""
    return "".join(sign if sign.isalnum() or sign in "_-. /" else "_" for sign in name)


SPEC = ObserverSpec("mlflow", "runs with parameters, curves and scores in MLflow", MlflowObserver, MlflowOptions)
