"""One training on several devices: the same curve as on one, equal ranks, killed ranks, and resuming with another number.

Every test starts two processes on a CPU; with `-m gpu` two GPUs.
"""

import os
import re
import signal
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch

from genrebench.api import Context
from genrebench_cnn.model import CnnRaw
from genrebench_cnn.options import CnnOptions
from genrebench_torch.launch import RankDiedError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # other processes can't import a test

OPTIONS = CnnOptions(sample_rate=16_000, batch_size=8, epochs=2, checkpoint_minutes=1e-6)
GENRES = ("high", "low")
TOLERANCE = 2e-3
"""Of losses near 0.3 and below: the order of sums differs, and Adam's first steps amplify that."""


class Watched(CnnRaw):
    """cnn-raw that keeps the weights of each rank, and what it was that rank 0 alone has done."""

    def train(self, train, validation, ranks) -> None:
        super().train(train, validation, ranks)
        weights = torch.cat([value.flatten().double().cpu() for value in self.network.state_dict().values()])
        self.of_ranks = ranks.gathered(weights.numpy()[None], ranks.size)
        self.folders = ranks.gathered(np.array([self.context.checkpoints is not None]), ranks.size)


class Killed(CnnRaw):
    """cnn-raw whose second rank is killed in the second epoch."""

    def train(self, train, validation, ranks) -> None:
        steps, agree = 0, ranks.any

        def count(*flags: bool) -> tuple[bool, ...]:
            nonlocal steps
            steps += 1
            if ranks.rank == 1 and steps > STEPS + STEPS // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return agree(*flags)

        ranks.any = count
        super().train(train, validation, ranks)


class StoppedError(Exception):
    """Ends a training early."""


def fit(model: type[CnnRaw], examples, devices: int, device: str = "cpu", **context):
    """Train on small data, and return the model, its curve and its facts."""
    curve, facts = {}, {}
    given = Context(
        GENRES, device=device, devices=devices, workers=2, log=curve.__setitem__, record=facts.__setitem__, **context
    )
    trained = model(given, OPTIONS)
    trained.fit(examples(4, seconds=2), examples(2, seconds=1, seed=1))
    return trained, curve, facts


def assert_same_curve(ours: dict, one: dict) -> None:
    assert sorted(ours) == sorted(one)
    for epoch, values in one.items():
        assert ours[epoch] == pytest.approx(values, abs=TOLERANCE), epoch


@pytest.fixture(scope="module")
def alone(examples, device: str):
    """What one device makes of it."""
    return fit(CnnRaw, examples, 1, device)


STEPS = 4
"""Of an epoch: 8 tracks of 4 windows, 8 or so a step."""


def test_a_killed_rank_ends_the_training_which_one_device_resumes(examples, device, alone, tmp_path: Path) -> None:
    with pytest.raises(RankDiedError, match=re.escape("process 2 of 2 of this training was killed (SIGKILL)")) as error:
        fit(Killed, examples, 2, device, checkpoints=tmp_path)
    assert "\n" not in str(error.value)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors"]

    steps = []

    def progress(iterable, title, total=None):
        steps.append((title, total))
        return iterable

    trained, curve, facts = fit(CnnRaw, examples, 1, device, checkpoints=tmp_path, progress=progress)
    assert steps[0][0] == "epoch 2 of 2"
    assert steps[0][1] < STEPS
    assert "devices" not in facts
    assert_same_curve(curve, alone[1])
    ours, one = (model.predict_proba(examples(2, seed=2).inputs) for model in (trained, alone[0]))
    np.testing.assert_allclose(ours, one, atol=5 * TOLERANCE)


def test_two_devices_resume_what_one_began(examples, device, alone, tmp_path: Path) -> None:
    left = STEPS // 2

    def progress(iterable, title, total=None):
        nonlocal left
        for item in iterable:
            yield item
            left -= 1
            if not left:
                raise StoppedError

    with pytest.raises(StoppedError):
        fit(CnnRaw, examples, 1, device, checkpoints=tmp_path, progress=progress)
    titles = []
    trained, curve, facts = fit(
        Watched, examples, 2, device, checkpoints=tmp_path, progress=lambda i, title, total=None: titles.append(title) or i
    )
    assert [title for title in titles if "epoch" in title] == [f"epoch {epoch} of 2" for epoch in (1, 2)]
    assert facts["devices"] == 2
    assert_same_curve(curve, alone[1])
    np.testing.assert_array_equal(*trained.of_ranks)
    assert trained.folders.tolist() == [True, False]
    weights = torch.cat([value.flatten().double() for value in trained.network.state_dict().values()])
    np.testing.assert_array_equal(weights.numpy(), trained.of_ranks[0])
