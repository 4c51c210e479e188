"""The README's model as an importable package."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="session")
def readme_plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that holds the package `my_gru`, whose two files are the README's two blocks of Python."""
    folder = tmp_path_factory.mktemp("readme")
    package = folder / "my_gru"
    package.mkdir()
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    for name, block in zip(("__init__.py", "model.py"), blocks, strict=True):
        (package / name).write_text(block, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
