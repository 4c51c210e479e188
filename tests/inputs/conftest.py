import importlib.util
from pathlib import Path

import pytest

from genrebench import inputs
from genrebench.api import InputContext


@pytest.fixture(scope="session")
def plain():
    """The plain way to the same values, from the benchmarks."""
    spec = importlib.util.spec_from_file_location("plain", Path(__file__).parents[2] / "benchmarks" / "plain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def real_clips(real_data):
    """The eight official clips."""
    paths = sorted((real_data / "fma" / "clips").glob("*.mp3"))
    return inputs.make_clips({path.stem: path for path in paths}, {})


@pytest.fixture
def context(tmp_path):
    return InputContext(cache=tmp_path / "cache")
