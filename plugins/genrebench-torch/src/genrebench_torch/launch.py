"""Several processes for one training: started here, or by torchrun."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cloudpickle
import torch
import torch.distributed as dist

from genrebench.api import Context, Examples, GenrebenchError, LazyInputs, UsageError
from genrebench_torch.devices import pick_device
from genrebench_torch.ranks import Ranks, finish, joined, no_output
from genrebench_torch.supervision import RankDiedError, Supervisor

_POLL_SECONDS = 0.1
_REASON_SECONDS = 2.0
"""How long the reason of another rank is waited for."""


class Trainable(Protocol):
    """A model that `on_devices` can train: ``type(model)(context, options)`` makes it anew in another process."""

    context: Context
    options: Any

    def train(self, train: Examples[LazyInputs], validation: Examples[LazyInputs], ranks: Ranks) -> None:
        """Train as one of several ranks, or alone."""


def on_devices(model: Trainable, train: Examples[LazyInputs], validation: Examples[LazyInputs]) -> None:
    """Call ``model.train(train, validation, ranks)`` on all devices that the run may use; for `Model.fit`.

    With one device it is called here. Otherwise it is called in one process per device, on models that are made from the
    context and the options like this one; then this model gets what rank 0 has learned: the weights of modules among its
    attributes, and its other attributes except `context` and `device`. The fact "devices" is recorded.

    Parameters
    ----------
    model : Trainable
    train, validation : Examples
        As `Model.fit` gets them.

    Raises
    ------
    RankDiedError
        If one of the processes was killed.
    """
    context = model.context
    if context.devices == 1:
        model.train(train, validation, Ranks())
        return
    context.record("devices", context.devices)
    bare = Context(context.genres, context.seed, context.device, context.workers, columns=context.columns)
    job = Job(type(model), model.options, bare, train, validation)
    if launched():
        _with_launched(model, job)
    else:
        kind = pick_device(context.device).type
        devices = [f"{kind}:{rank}" if kind == "cuda" else kind for rank in range(context.devices)]
        with tempfile.TemporaryDirectory() as folder, Supervisor(devices, cloudpickle.dumps(job), folder) as supervisor:
            _learn(model, supervisor.result(context))


@dataclass(frozen=True)
class Job:
    """What all ranks need to know of a training."""

    model: Any
    options: Any
    context: Context
    train: Examples[LazyInputs]
    validation: Examples[LazyInputs]

    def run(self, ranks: Ranks, context: Context) -> bytes:
        """Train as one of the ranks, and return what rank 0 has learned."""
        model = self.model(context, self.options)
        model.train(self.train, self.validation, ranks)
        return _learned(model) if ranks.rank == 0 else b""


def _learned(model: Any) -> bytes:
    learned = {}
    for name, value in vars(model).items():
        if isinstance(value, torch.nn.Module):
            learned[name] = {key: tensor.cpu() for key, tensor in value.state_dict().items()}
        elif name not in ("context", "device", "options") and not isinstance(value, torch.optim.Optimizer):
            learned[name] = value
    stream = io.BytesIO()
    torch.save(learned, stream, pickle_module=cloudpickle)
    return stream.getvalue()


def _learn(model: Any, learned: bytes) -> None:
    content = torch.load(io.BytesIO(learned), map_location="cpu", weights_only=False)  # from our own process
    for name, value in content.items():
        if isinstance(module := getattr(model, name, None), torch.nn.Module):
            module.load_state_dict(value)
        else:
            setattr(model, name, value)


# ------------------------------------------------------------------ processes of torchrun


def launched() -> bool:
    """Whether this is one of the processes of torchrun, or of another launcher with its environment variables."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys() and int(os.environ["WORLD_SIZE"]) > 1


def check_devices(context: Context) -> None:
    """Refuse more devices than there are, before any work is done.

    Raises
    ------
    UsageError
        If there are fewer, or a single one was named.
    """
    device = pick_device(context.device)
    asked = int(os.environ.get("LOCAL_WORLD_SIZE", 0)) if launched() else context.devices
    if device.type == "mps":
        raise UsageError("MPS is a single device; leave out --devices, or use --device cpu")
    if device.index is not None:
        raise UsageError(f"--device {context.device} is one of the GPUs; for several use --device cuda")
    if device.type == "cuda" and asked > torch.cuda.device_count():
        raise UsageError(f"{asked} devices are asked for, but there are {torch.cuda.device_count()} GPUs here")
    if launched():
        _first()


def follow(context: Context) -> None:
    """Take part in the trainings of rank 0 until it ends; for the other processes of a launcher."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    rank, store = int(os.environ["RANK"]), _store()
    with no_output():
        for number in _trainings(store):
            if not (content := store.get(f"training-{number}")):
                return
            try:
                job: Job = pickle.loads(content)  # noqa: S301 - from the process beside this one
                _take_part(job, context, number)
            except Exception as error:  # rank 0 tells it, and goes on to the next run
                store.set(f"error-{number}-{rank}", cloudpickle.dumps(error))


def _trainings(store: dist.Store) -> Iterator[int]:
    """Yield the numbers of the trainings as rank 0 begins them, as long as the store is there."""
    number = 0
    with contextlib.suppress(dist.DistError):
        while True:
            while not store.check([f"training-{number}"]):
                time.sleep(_POLL_SECONDS)  # waiting in the store would hold signals back
            yield number
            number += 1


def _take_part(job: Job, context: Context, number: int) -> None:
    kind = pick_device(context.device).type
    local = int(os.environ.get("LOCAL_RANK", os.environ["RANK"]))
    device = torch.device(f"cuda:{local}" if kind == "cuda" else kind)
    own = replace(job.context, device=str(device), workers=_workers(context))
    with joined(_prefixed(number), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), device) as ranks:
        job.run(ranks, own)


def _with_launched(model: Any, job: Job) -> None:
    """Train as rank 0, together with those that `follow`."""
    first = _first()
    number = first.begin(cloudpickle.dumps(job))
    context, model.context = model.context, replace(model.context, workers=_workers(model.context))
    size = int(os.environ["WORLD_SIZE"])
    try:
        with joined(_prefixed(number), 0, size, pick_device(context.device)) as ranks:
            model.train(job.train, job.validation, ranks)
    except RuntimeError as error:
        raise first.reason(number, size) or error from error
    finally:
        model.context = context
        finish([value for value in vars(model).values() if isinstance(value, torch.nn.Module)])


def _workers(context: Context) -> int:
    return max(1, context.workers // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


@functools.cache
def _store() -> dist.Store:
    store, _, _ = next(iter(dist.rendezvous("env://")))
    return store


def _prefixed(number: int) -> dist.Store:
    return dist.PrefixStore(f"ranks-{number}", _store())


class _First:
    """Rank 0 of a launcher: it gives the others their trainings, and lets them go when it ends."""

    def __init__(self) -> None:
        self._number = 0
        atexit.register(self.begin, b"")

    def begin(self, content: bytes) -> int:
        """Begin a training, and return its number."""
        number, self._number = self._number, self._number + 1
        _store().set(f"training-{number}", content)
        return number

    def reason(self, number: int, size: int) -> Exception | None:
        """Why the training failed, if that was on another rank."""
        until = time.monotonic() + _REASON_SECONDS
        while time.monotonic() < until:
            for rank in range(1, size):
                if _store().check([f"error-{number}-{rank}"]):
                    error = pickle.loads(_store().get(f"error-{number}-{rank}"))  # noqa: S301 - from the processes beside this one
                    if isinstance(error, GenrebenchError):
                        return error
            time.sleep(_POLL_SECONDS)
        return RankDiedError(
            "another process of this training has ended; the same command with --resume goes on from the last checkpoint"
        )


_first = functools.cache(_First)
