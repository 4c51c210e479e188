"""An experiment in a file: datasets, split, models with their options, seeds.

The file is TOML. `KEYS` lists what it may have; options of a model stand in a table ``[models.NAME]``, which may be empty. A
path that begins with a dot, the list of exclusions and the file with a split are seen from the folder of the file.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.errors import DataError, UsageError, did_you_mean
from genrebench.reading import UnsafeFileError, read_ordinary

KEYS: dict[str, tuple[type, ...]] = {
    "datasets": (list,),
    "split": (str,),
    "split_file": (str,),
    "split_seed": (int,),
    "excerpt": (int, float, str),
    "exclude": (str,),
    "extra_training": (str,),
    "segments": (str,),
    "seeds": (list,),
    "calibrate": (bool,),
    "models": (dict,),
}
WORDS = {list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table"}


@dataclass(frozen=True)
class Experiment:
    """What a run does, apart from where and on which machine.

    Parameters
    ----------
    models : mapping of str to mapping
        Model name to the options that are set.
    datasets : tuple of str
    split, split_file : str or None
    split_seed : int
    excerpt : float, int or str
    exclude, extra_training : str or None
    segments : str
    seeds : tuple of int
    calibrate : bool
        As in `genrebench.run`.
    """

    models: Mapping[str, Mapping[str, Any]]
    datasets: tuple[str, ...] = ("demo",)
    split: str | None = None
    split_file: str | None = None
    split_seed: int = 0
    excerpt: float | str = 30
    exclude: str | None = None
    extra_training: str | None = None
    segments: str = "together"
    seeds: tuple[int, ...] = (0,)
    calibrate: bool = False
    folder: Path = field(default=Path(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """The experiment in JSON types, as it is kept in the record of its runs."""
        values = {key: getattr(self, key) for key in KEYS}
        return values | {
            "datasets": list(self.datasets),
            "seeds": list(self.seeds),
            "models": {name: dict(options) for name, options in self.models.items()},
        }

    def place(self, path: str) -> str:
        """A dataset or file as seen from the current folder."""
        return str(self.folder / path) if path.startswith(".") and self.folder != Path() else path

    @property
    def exclusions(self) -> Path | None:
        """The list of exclusions, as seen from the current folder."""
        return None if self.exclude is None else self.folder / self.exclude

    @property
    def folds(self) -> Path | None:
        """The file with the split, as seen from the current folder."""
        return None if self.split_file is None else self.folder / self.split_file

    def write(self, file: Path) -> None:
        """Write the experiment as TOML; its paths, which are seen from `folder`, are then seen from the folder of the file.

        Raises
        ------
        UsageError, DataError
            If the file can't be written.
        """
        files.require_place(file)

        def moved(path: str) -> str:
            from_file = Path(os.path.relpath(self.folder / path, file.parent)).as_posix()
            return from_file if from_file.startswith(".") else f"./{from_file}"

        seen = replace(
            self,
            datasets=tuple(moved(name) if name.startswith(".") else name for name in self.datasets),
            exclude=None if self.exclude is None else moved(self.exclude),
            split_file=None if self.split_file is None else moved(self.split_file),
        )
        files.write(file, seen.to_toml().encode())

    def to_toml(self) -> str:
        """The experiment as TOML."""
        values = {key: value for key, value in self.to_json().items() if key != "models" and value is not None}
        lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
        for name, options in self.models.items():
            lines += [
                "",
                f"[models.{_toml_key(name)}]",
                *(f"{_toml_key(key)} = {_toml(value)}" for key, value in options.items()),
            ]
        return "\n".join(lines) + "\n"


MAX_FILE = 2**20
"""Largest file of an experiment, in bytes."""


def read(file: Path) -> Experiment:
    """Read an experiment.

    Raises
    ------
    UsageError
        If there is no such file, or it is malformed; the message names the key and what it may be.
    """
    try:
        values = tomllib.loads(read_ordinary(file, MAX_FILE).decode())
    except FileNotFoundError:
        raise UsageError(f"there is no file {str(file)!r}; write one with: genrebench run MODEL --save-config {file}") from None
    except (OSError, UnicodeDecodeError, UnsafeFileError) as error:
        raise DataError(f"{file} can't be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} isn't TOML: {error}") from None
    for key, value in values.items():
        if key not in KEYS:
            raise UsageError(f"{file}: there is no key {key!r}; {did_you_mean(key, KEYS)}")
        if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and bool not in KEYS[key]):
            raise UsageError(f"{file}: {key} = {value!r:.100} isn't {' or '.join(WORDS[kind] for kind in KEYS[key])}")
    datasets, seeds = values.get("datasets", ["demo"]), values.get("seeds", [0])
    if not datasets or not all(isinstance(name, str) for name in datasets):
        raise UsageError(f'{file}: datasets = {datasets!r:.100} isn\'t a list of names, such as ["demo", "./my-music"]')
    if not seeds or not all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds):
        raise UsageError(f"{file}: seeds = {seeds!r:.100} isn't a list of whole numbers, such as [0, 1, 2]")
    models = values.get("models", {})
    if not models:
        raise UsageError(f"{file} names no model; add a table such as [models.svm-baseline]")
    wrong = next((name for name, options in models.items() if not isinstance(options, dict)), None)
    if wrong is not None:
        raise UsageError(f"{file}: the options of {wrong!r} aren't a table; write [models.{wrong}] and one option per line")
    return Experiment(**{**values, "datasets": tuple(datasets), "seeds": tuple(seeds)}, folder=file.parent)


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    return '"none"' if value is None else repr(value)


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
