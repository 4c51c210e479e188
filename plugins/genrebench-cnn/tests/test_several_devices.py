"""One training on several devices: the same curve as on one, equal ranks, a killed rank, and resuming with another number."""

import os
import re
import signal
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch

from genrebench.api import Context, Examples
from genrebench_cnn.model import CnnRaw
from genrebench_cnn.options import CnnOptions
from genrebench_torch.launch import RankDiedError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # other processes can't import a test

OPTIONS = CnnOptions(sample_rate=16_000, batch_size=16, epochs=2, checkpoint_minutes=1e-6)
GENRES = ("high", "low")
TOLERANCE = 1e-9
"""Of losses near 0.3 and probabilities: the order of sums differs, and Adam's first steps amplify that."""


class InDouble(CnnRaw):
    """cnn-raw in double precision: single precision would need a tolerance as large as the effect of a wrong weight."""

    def __init__(self, context, options) -> None:
        super().__init__(context, options)
        self.network.double()
        self.network.dropout.register_forward_pre_hook(lambda _, values: (values[0].double(),))  # the first to see the audio


class Killed(InDouble):
    """cnn-raw whose second rank is killed in the second epoch, after the weights of the ranks were compared."""

    def train(self, train, validation, ranks) -> None:
        steps, agree = 0, ranks.any

        def count(*flags: bool) -> tuple[bool, ...]:
            nonlocal steps
            steps += 1
            if steps == STEPS:
                weights = torch.cat([value.flatten().double().cpu() for value in self.network.state_dict().values()])
                of_ranks = ranks.gathered(weights.numpy()[None], ranks.size)
                writers = ranks.gathered(np.array([self.context.checkpoints is not None]), ranks.size)
                self.context.record("ranks differ by", float(np.ptp(of_ranks, axis=0).max()))
                self.context.record("writers", writers.tolist())
                ranks.gathered(np.zeros(1), ranks.size)  # the first rank has recorded before the second dies
                if ranks.rank == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            return agree(*flags)

        ranks.any = count
        super().train(train, validation, ranks)


class StoppedError(Exception):
    """Ends a training early."""


def uneven(examples: Examples, waveforms) -> Examples:
    """Tracks of unequal length: the ranks have parts of unequal size of a step, in stretches of unequal numbers of windows."""
    ends = np.linspace(1.2, 4, len(examples)) * OPTIONS.sample_rate
    cut = waveforms(track[: int(end)] for track, end in zip(examples.inputs.arrays, ends, strict=True))
    return Examples(cut, examples.labels, examples.groups)


def fit(model: type[CnnRaw], examples, devices: int, device: str = "cpu", **context):
    """Train on small data, and return the model, its curve and its facts."""
    curve, facts = {}, {}
    functions = {"log": curve.__setitem__, "record": facts.__setitem__}
    trained = model(Context(GENRES, device=device, devices=devices, workers=2, **(functions | context)), OPTIONS)
    made = examples(4, seconds=4)
    trained.fit(uneven(made, type(made.inputs)), examples(2, seconds=1, seed=1))
    return trained, curve, facts


STEPS = 4
"""Of an epoch: 8 tracks of 4 windows, 8 or so a step."""


def test_one_device_begins_two_go_on_until_one_is_killed_and_one_ends_it(examples, device: str, tmp_path: Path) -> None:
    if device == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("there is one GPU here; this needs two")
    whole, curve, facts = fit(InDouble, examples, 1, device)
    assert "devices" not in facts

    titles, left = [], STEPS // 2

    def stop_early(iterable, title, total=None):
        nonlocal left
        for item in iterable:
            yield item
            left -= 1
            if not left:
                raise StoppedError

    def note(iterable, title, total=None):
        titles.append((title, total))
        return iterable

    with pytest.raises(StoppedError):
        fit(InDouble, examples, 1, device, checkpoints=tmp_path, progress=stop_early)

    of_two, facts = {}, {}
    killed = re.escape("process 2 of 2 of this training was killed (SIGKILL)")
    with pytest.raises(RankDiedError, match=killed) as error:
        functions = {"progress": note, "log": of_two.__setitem__, "record": facts.__setitem__}
        fit(Killed, examples, 2, device, checkpoints=tmp_path, **functions)
    assert "\n" not in str(error.value)
    assert titles[0][0] == "epoch 1 of 2"
    assert titles[0][1] < STEPS
    assert facts["devices"] == 2
    assert facts["ranks differ by"] == 0
    assert facts["writers"] == [True, False]
    assert of_two[1] == pytest.approx(curve[1], abs=TOLERANCE)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors"]

    titles.clear()
    resumed, of_all, _ = fit(InDouble, examples, 1, device, checkpoints=tmp_path, progress=note)
    assert titles[0][0] == "epoch 2 of 2"
    assert titles[0][1] < STEPS
    assert of_all[1] == of_two[1]
    assert of_all[2] == pytest.approx(curve[2], abs=TOLERANCE)
    ours, one = (model.predict_proba(examples(1, seed=2).inputs) for model in (resumed, whole))
    np.testing.assert_allclose(ours, one, atol=TOLERANCE)
