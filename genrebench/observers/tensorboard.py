"""Runs in TensorBoard: curves and scores, one folder per run; neither torch nor TensorFlow is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from genrebench.errors import UsageError
from genrebench.plugin.observers import Observer, ObserverSpec


@dataclass(frozen=True)
class TensorboardOptions:
    """Options of the observer."""

    folder: Annotated[str, Field(min_length=1, description="folder of the event files, for tensorboard --logdir")] = (
        "tensorboard"
    )


class TensorboardObserver(Observer):
    """Event files in a subfolder per run.

    Parameters
    ----------
    options : TensorboardOptions
    """

    def __init__(self, options: TensorboardOptions) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise UsageError("the observer tensorboard needs TensorBoard: pip install 'genrebench[tensorboard]'") from None
        self._event, self._summary, self._writer_of = event_pb2.Event, summary_pb2.Summary, EventFileWriter
        self._folder = Path(options.folder)
        self._writer: Any = None

    def started(self, record: Mapping[str, Any]) -> None:
        """Open an event file, with the model and the task as text."""
        self._writer = self._writer_of(str(self._folder / record["run_id"]))
        about = {name: record[name] for name in ("run_id", "seed", "model", "task")}
        self._text("genrebench", json.dumps(about, indent=2))

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write a point of the curves of a fold."""
        self._scalars({f"fold-{fold}/{name}": value for name, value in values.items()}, epoch)

    def finished(self, record: Mapping[str, Any]) -> None:
        """Write the scores, and close the file."""
        self._scalars({f"scores/{name}": value for name, value in (record["metrics"] or {}).items() if value is not None}, 0)
        self._writer.close()

    def failed(self, record: Mapping[str, Any]) -> None:
        """Write the error as text, and close the file."""
        self._text("error", f"{record['status']}: {record['error']}")
        self._writer.close()

    def _scalars(self, values: Mapping[str, float], step: int) -> None:
        parts = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(self._summary(value=parts), step)

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        kind = create_summary_metadata(display_name=None, description=None)
        content = make_tensor_proto(np.array(f"```\n{text}\n```".encode(), dtype=object))
        self._add(self._summary(value=[self._summary.Value(tag=tag, metadata=kind, tensor=content)]), 0)

    def _add(self, summary: Any, step: int) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=summary))
        self._writer.flush()


SPEC = ObserverSpec("tensorboard", "curves and scores in TensorBoard's event files", TensorboardObserver, TensorboardOptions)
