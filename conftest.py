"""What all the tests share."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real data; absent, the test skips, which is a failure where CI=true."""
    folder = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[1] / "shared" / "data"))
    if not (folder / "fma" / "clips.csv").is_file():
        message = f"no real data at {folder}: set GENREBENCH_TEST_DATA to a folder that has it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own data folder."""
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path_factory.getbasetemp().parent / "home"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the kit, which fork: the larger a process has grown, the longer that takes."""
    items.sort(key=lambda item: "testing" not in item.path.parts)
