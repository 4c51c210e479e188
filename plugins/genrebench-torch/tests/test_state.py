"""Checkpoints hold all that a training needs to go on, and belong to one training."""

import contextlib
import dataclasses
import errno
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from genrebench.api import UsageError
from genrebench_torch.checkpoint import identity_of, read_checkpoint, write_checkpoint
from genrebench_torch.devices import CPU, own_randomness
from genrebench_torch.state import Progress, TrainingState

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01),
    "adam": lambda p: torch.optim.Adam(p, 0.01, amsgrad=True),
    "fused adamw": lambda p: torch.optim.AdamW(p, 0.01, fused=True),
}


class Setup:
    """A small network with dropout and batch norm on a task of its own."""

    def __init__(self, folder: Path | None, optimiser: str = "adam", identity: str = "this training", **settings) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
        self.optimiser = OPTIMISERS[optimiser](self.network.parameters())
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.state = TrainingState(
            self.network,
            self.optimiser,
            CPU,
            folder,
            identity,
            log=lambda n, values: self.logged.append((n, values)),
            **settings,
        )

    def epoch(self, loss: float | None = None) -> None:
        self.optimiser.zero_grad()
        inputs = torch.randn(16, 4)
        nn.functional.cross_entropy(self.network(inputs), (inputs[:, 0] > 0).long()).backward()
        self.optimiser.step()
        self.state.end_epoch({} if loss is None else {"loss": loss}, loss)

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert torch.equal(value, b[name]), name


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path, optimiser: str) -> None:
    losses = [3.0, 1.0, 2.0, 4.0]
    with own_randomness(7):
        whole = Setup(None, optimiser)
        for loss in losses:
            whole.epoch(loss)
    with own_randomness(7):
        first = Setup(tmp_path, optimiser)
        for loss in losses[:3]:
            first.epoch(loss)
    with own_randomness(99):
        resumed = Setup(tmp_path, optimiser)
        assert resumed.state.resume()
        assert resumed.logged == first.logged
        resumed.epoch(losses[3])
    assert resumed.state.progress == whole.state.progress == Progress([{"loss": loss} for loss in losses], 2, 1.0)
    assert_equal(resumed.weights(), whole.weights())
    assert (resumed.state.use_best(), whole.state.use_best()) == (2, 2)
    assert_equal(resumed.weights(), whole.weights())


def test_the_best_epoch_is_the_one_with_the_lowest_loss(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    seen = []
    for loss in (2.0, 1.0, 1.0, 5.0):
        setup.epoch(loss)
        seen.append(setup.weights())
    assert setup.state.use_best() == 2
    assert_equal(setup.weights(), seen[1])


def test_without_validation_or_by_choice_the_last_epoch_is_kept() -> None:
    for settings, losses in (({}, (None, None)), ({"keep_best": False}, (1.0, 2.0))):
        setup = Setup(None, **settings)
        for loss in losses:
            setup.epoch(loss)
        last = setup.weights()
        assert setup.state.use_best() == 2
        assert_equal(setup.weights(), last)
    assert setup.state.progress.best_epoch == 1


def test_patience_counts_the_epochs_since_the_best() -> None:
    progress = Progress([{}] * 5, best_epoch=3, best_loss=1.0)
    assert [progress.out_of_patience(n) for n in (0, 1, 2, 3)] == [False, True, True, False]
    assert not Progress([{}] * 5).out_of_patience(1)
    assert not Progress().out_of_patience(1)


@dataclasses.dataclass
class Steps(Progress):
    """Counts steps within an epoch too."""

    step: int = 0


def test_a_subclass_of_progress_is_kept_whole(tmp_path: Path) -> None:
    first = Setup(tmp_path, progress=Steps())
    first.epoch(1.0)
    first.state.progress.step = 5
    first.state.save()
    again = Setup(tmp_path, progress=Steps())
    again.state.resume()
    assert again.state.progress == Steps([{"loss": 1.0}], 1, 1.0, 5)


def test_a_checkpoint_that_cannot_be_written_stops_no_training(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").mkdir()
    setup = Setup(tmp_path)
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors isn't written \(Is a directory\); the training goes on"):
        setup.epoch(1.0)
    assert setup.state.progress.epoch == 1


def test_nothing_to_resume(tmp_path: Path) -> None:
    assert not Setup(tmp_path).state.resume()
    assert not Setup(None).state.resume()
    Setup(None).epoch(1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_one_file_of_tensors_and_json(tmp_path: Path) -> None:
    Setup(tmp_path, name="training").epoch(1.0)
    assert [file.name for file in tmp_path.iterdir()] == ["training.safetensors"]
    with safe_open(tmp_path / "training.safetensors", framework="np") as file:
        assert file.metadata()["identity"] == "this training"
        progress = {"epoch": 1, "curve": [{"loss": 1.0}], "best_epoch": 1, "best_loss": 1.0}
        assert json.loads(file.metadata()["progress"]) == progress
        assert {"network.0.weight", "best.0.weight", "optimiser.0.exp_avg", "random.cpu"} <= set(file.keys())


def test_a_checkpoint_of_another_training_is_refused_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    Setup(tmp_path).epoch(1.0)
    with pytest.raises(UsageError, match=r"checkpoint.safetensors belongs to other data or options.*without --resume"):
        Setup(tmp_path, identity="another").state.resume()
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.warns(UserWarning, match=r"checkpoint.safetensors can't be read.*starts from the beginning"):
        assert not Setup(tmp_path).state.resume()


@pytest.mark.parametrize(
    "progress",
    [
        "[]",
        "{",
        "[" * 100_000,
        '{"curve": 5}',
        '{"curve": [5]}',
        '{"curve": [{"loss": "x"}]}',
        '{"best_epoch": "1"}',
        '{"best_epoch": -1}',
        '{"best_loss": []}',
    ],
)
def test_a_checkpoint_with_a_strange_progress_is_refused(progress: str, tmp_path: Path) -> None:
    Setup(tmp_path).epoch(1.0)
    file = tmp_path / "checkpoint.safetensors"
    with safe_open(file, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    save_file(tensors, file, metadata={"identity": "this training", "progress": progress})
    try:
        with warnings.catch_warnings(record=True, action="always") as caught:
            assert not Setup(tmp_path).state.resume()
        assert "can't be read" in str(caught[0].message)  # a damaged file: the training starts from the beginning
    except UsageError as error:
        assert re.search("checkpoint.safetensors doesn't fit this training.*without --resume", str(error))


@pytest.mark.parametrize("lost", ["network.0.weight", "network.", "optimiser.0.exp_avg"])
def test_a_checkpoint_of_other_tensors_is_refused(lost: str, tmp_path: Path) -> None:
    Setup(tmp_path).epoch(1.0)
    file = tmp_path / "checkpoint.safetensors"
    with safe_open(file, framework="pt") as opened:
        progress = opened.metadata()["progress"]
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if lost.startswith("optimiser"):
        tensors["optimiser.x.exp_avg"] = tensors.pop(lost)
    else:
        tensors = {name: value for name, value in tensors.items() if not name.startswith(lost)}
    save_file(tensors, file, metadata={"identity": "this training", "progress": progress})
    with pytest.raises(UsageError, match=r"checkpoint.safetensors doesn't fit this training"):
        Setup(tmp_path).state.resume()


def test_checkpoints_of_genrebench_mfcc_0_1_0_are_read(tmp_path: Path) -> None:
    """It separated names by "/" and kept no random state."""
    setup = Setup(tmp_path)
    setup.epoch(1.0)
    with safe_open(tmp_path / "checkpoint.safetensors", framework="pt") as file:
        tensors, header = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    old = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part != "random":
            old[f"{part}/{rest.replace('.', '/', 1) if part == 'optimiser' else rest}"] = value
    assert {"network/0.weight", "optimiser/0/exp_avg"} <= old.keys()
    save_file(old, tmp_path / "checkpoint.safetensors", metadata=header)
    again = Setup(tmp_path)
    again.state.resume()
    assert_equal(again.weights(), setup.weights())
    for a, b in zip(again.optimiser.state.values(), setup.optimiser.state.values(), strict=True):
        assert_equal(a, b)


def test_the_content_is_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, fsync, replace = [], os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        events.append(("fsync", os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        events.append(("replace", self.stat().st_ino, self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    file = tmp_path / "checkpoint.safetensors"
    write_checkpoint(file, "one", {"n": 1}, {"part": {"a": torch.arange(3)}})
    assert events[:2] == [(name, file.stat().st_ino, file.stat().st_size) for name in ("fsync", "replace")]
    progress, parts = read_checkpoint(file, "one")
    assert progress == {"n": 1}
    assert parts["part"]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("code", "written"), [(errno.EIO, True), (errno.ESTALE, True), (errno.ENOSPC, False)])
def test_an_error_that_may_pass_is_passed_over_and_a_full_disk_leaves_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, written: bool
) -> None:
    file, fsync, errors = tmp_path / "checkpoint.safetensors", os.fsync, [OSError(code, os.strerror(code))]
    write_checkpoint(file, "one", {"n": 1}, {"part": {"a": torch.arange(3)}})

    def failing_once(descriptor: int) -> None:
        if errors:
            raise errors.pop()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing_once)
    with contextlib.nullcontext() if written else pytest.raises(OSError, match="No space"):
        write_checkpoint(file, "one", {"n": 2}, {"part": {"a": torch.arange(4)}})
    assert read_checkpoint(file, "one")[0] == {"n": 2 if written else 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_an_identity_follows_from_each_array_and_fact() -> None:
    a, b = np.array([1, 2]), np.array([3])
    identities = [
        identity_of([a, b], {"seed": 0}),
        identity_of([b, a], {"seed": 0}),
        identity_of([np.array([1, 2, 3])], {"seed": 0}),
        identity_of([a, b], {"seed": 1}),
    ]
    assert len(set(identities)) == 4
    assert identity_of([a.astype(np.int32), b], {"seed": 0}) == identities[0]
