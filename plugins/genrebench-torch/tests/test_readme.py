"""The README's model keeps the contract, resumes and starts light."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrebench.api import Context, UsageError
from genrebench.testing import GENRES, assert_conforms, tiny_examples

CONTEXT = {"genres": GENRES, "seed": 3, "device": "cpu"}


@pytest.fixture
def spec(readme_plugin: Path):
    import my_gru

    return my_gru.genrebench_models()[0]


def parts(spec):
    requested = spec.inputs(spec.options())
    return tiny_examples(requested, seconds=1.0), tiny_examples(requested, 2, seconds=1.0, seed=1)


def weights(model) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.network.state_dict().items()}


def test_the_readmes_model_keeps_the_contract(spec) -> None:
    assert_conforms(spec, epochs=4)


def test_a_missing_device_is_refused_before_and_when_building(spec) -> None:
    spec.check(Context(GENRES, device="auto"), spec.options())
    with pytest.raises(UsageError, match="'abacus' is not available"):
        spec.check(Context(GENRES, device="abacus"), spec.options())
    with pytest.raises(UsageError, match="'abacus' is not available"):
        spec.build(Context(GENRES, device="abacus"), spec.options())


def test_neither_the_plugin_nor_its_check_imports_torch(readme_plugin: Path) -> None:
    code = (
        "import sys; from genrebench.api import Context; import my_gru; spec = my_gru.genrebench_models()[0]\n"
        "for device in ('auto', 'cpu'): spec.check(Context(('a',), device=device), spec.options())\n"
        "sys.exit('torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(readme_plugin), os.environ.get("PYTHONPATH", "")])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_interrupted_in_the_second_epoch_it_resumes_after_it(spec, tmp_path: Path) -> None:
    train, validation = parts(spec)
    options = spec.options(epochs=4, patience=0)
    whole = spec.build(Context(**CONTEXT), options)
    whole.fit(train, validation)

    read, inputs = [], train.inputs

    class Interrupting(type(inputs)):
        def read(self, index: int, start: int = 0, stop: int | None = None):
            read.append(index)
            if len(read) == len(self) + 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().read(index, start, stop)

    interrupted = spec.build(Context(**CONTEXT, checkpoints=tmp_path), options)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(type(train)(Interrupting(inputs.arrays), train.labels, train.groups), validation)
    curve: dict[int, object] = {}
    resumed = spec.build(Context(**CONTEXT, checkpoints=tmp_path, log=curve.__setitem__), options)
    resumed.fit(train, validation)
    assert sorted(curve) == [1, 2, 3, 4]
    assert len(read) == 2 * len(train)
    for name, value in weights(whole).items():
        np.testing.assert_array_equal(weights(resumed)[name], value, err_msg=name)


def test_on_two_devices_it_learns_what_it_learns_on_one(spec) -> None:
    train, validation = parts(spec)
    results = []
    for devices in (1, 2):
        curve, facts = {}, {}
        functions = {"log": curve.__setitem__, "record": facts.__setitem__}
        model = spec.build(Context(**CONTEXT, devices=devices, **functions), spec.options(epochs=2, patience=0))
        model.fit(train, validation)
        results.append((weights(model), curve, facts))
    (alone, one, _), (together, two, facts) = results
    assert facts["devices"] == 2
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, atol=1e-5, err_msg=name)
    for epoch, values in one.items():
        assert two[epoch] == pytest.approx(values, abs=1e-5)


def test_more_devices_than_there_are_are_refused(spec) -> None:
    spec.check(Context(GENRES, device="cpu", devices=3), spec.options())
    with pytest.raises(UsageError, match="'abacus' is not available"):
        spec.check(Context(GENRES, device="abacus", devices=2), spec.options())
