"""Bundles: runs in one zip file, to put them on the boards of others.

A bundle has manifest.json and, in ``runs/<run id>/``, the record, the predictions, curves if there are any, the model if it was
asked for, and task.json: the content of the task's fingerprint, with which the labels and folds of the predictions are checked
where the dataset isn't at hand. Who wrote a bundle can't be told from it; see the threat model.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError, StoreError, UsageError
from genrebench.files import atomic
from genrebench.reading import parse_json, read_within, require_ordinary_files
from genrebench.records import Predictions
from genrebench.runs.contents import CURVES, MAX_CURVES, MAX_PREDICTIONS, MAX_RECORD, PREDICTIONS, RECORD
from genrebench.runs.record import Run
from genrebench.runs.scored import contradictions
from genrebench.runs.store import RunStore
from genrebench.tables import printable
from genrebench.tasks.task import hash_of

FORMAT = 1
MANIFEST = "manifest.json"
TASK = "task.json"
MODEL = "model"
MAX_MANIFEST = 2**20
MAX_BUNDLE = 16 * 2**30
"""Largest size of an unpacked bundle in bytes."""

MAX_NAME = 100
"""Characters of the name of a lab."""

_LIMITS = {RECORD: MAX_RECORD, PREDICTIONS: MAX_PREDICTIONS, CURVES: MAX_CURVES, TASK: MAX_PREDICTIONS}
_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same runs make the same file

Content = Mapping[str, Any]
"""Content of a task's fingerprint; see `genrebench.tasks.task.fingerprint_content`."""


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Parameters
    ----------
    runs : tuple of Run
    skipped : tuple of str
        Ids of runs that are there already.
    unchecked : tuple of str
        Ids of runs whose labels couldn't be checked against the fingerprint of their task.
    """

    runs: tuple[Run, ...]
    skipped: tuple[str, ...]
    unchecked: tuple[str, ...]


# ------------------------------------------------------------------ export


def write(out: Path, runs: Sequence[tuple[RunStore, Run, Content | None]], by: str = "", *, model: bool = False) -> None:
    """Write a bundle.

    Parameters
    ----------
    out : Path
    runs : sequence of (RunStore, Run, mapping or None)
        Finished runs, with the content of the fingerprint if it is known.
    by : str
        Whose runs they are, for the boards of others.
    model : bool
        Include the fitted models.

    Raises
    ------
    UsageError
        If a run isn't finished or has no model, the name is invalid, or the file can't be written.
    StoreError
        If predictions are missing or were changed.
    """
    by = checked_name(by) if by else ""
    ids = [run.id for _, run, _ in runs]
    if not ids or len(set(ids)) < len(ids):
        raise UsageError("name the runs to export, each once; list them with `genrebench runs list`")
    for store, run, _ in runs:
        if run.status != "finished":
            raise UsageError(f"run {run.id!r} isn't finished ({run.status}); finish it first, with --resume")
        store.predictions(run)  # raises where they were changed
        if model and not (store.folder(run.id) / MODEL).is_dir():
            raise UsageError(f"run {run.id!r} has no fitted model; leave out --model")
    manifest = {"format": FORMAT, "by": by, "runs": ids}
    try:
        with atomic(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, MANIFEST, json.dumps(manifest, indent=2).encode())
            for store, run, content in runs:
                folder = store.folder(run.id)
                for name in (RECORD, PREDICTIONS, CURVES):
                    with contextlib.suppress(FileNotFoundError):
                        _add(archive, f"runs/{run.id}/{name}", read_within(folder, name, _LIMITS[name]))
                if content is not None:
                    _add(archive, f"runs/{run.id}/{TASK}", json.dumps(content).encode())
                if model:
                    _add_folder(archive, folder / MODEL, f"runs/{run.id}/{MODEL}")
    except OSError as error:
        raise UsageError(f"can't write {str(out)!r}: {error.strerror or error}") from None


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)


def _add_folder(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    try:
        require_ordinary_files(folder)
    except ValueError as error:
        raise StoreError(f"{folder} isn't exported: {error}") from None
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            info = zipfile.ZipInfo(f"{name}/{file.relative_to(folder).as_posix()}", _DATE)
            info.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(info, "w") as target:
                while chunk := source.read(2**20):
                    target.write(chunk)


def checked_name(by: str) -> str:
    """Check the name of a lab.

    Raises
    ------
    UsageError
        If it is empty, too long, or has characters that can't be shown.
    """
    name = " ".join(by.split())
    if not name or len(name) > MAX_NAME or printable(name) != name:
        raise UsageError(f"{by!r:.120} isn't a name for a lab; use up to {MAX_NAME} printable characters")
    return name


# ------------------------------------------------------------------ import


def read(file: Path, store: RunStore, by: str | None = None, taken: Collection[str] = ()) -> Imported:
    """Import the runs of a bundle into a store: all, or none if one of them is refused.

    Every run is scored again from its predictions, which have to be those of its record; where the bundle or the store knows
    the task, its labels and folds have to be those of the fingerprint.

    Parameters
    ----------
    file : Path
    store : RunStore
    by : str, optional
        Whose runs they are; by default what the bundle says, else the name of the file.
    taken : collection of str
        Names that a model can't have, such as those of baselines.

    Raises
    ------
    StoreError
        If the file isn't a bundle, a run is damaged or was changed, or another run has the same id.
    UsageError
        If the name is invalid.
    """
    if not file.is_file() or not zipfile.is_zipfile(file):  # a pipe or a device may never end
        raise StoreError(
            f"{file} {'is no zip file' if file.exists() else 'is missing'}; name a file of `genrebench runs export`"
        )
    with tempfile.TemporaryDirectory(prefix="genrebench-") as temporary:
        root = Path(temporary) / "bundle"
        try:
            unpack(file, root, limit=min(MAX_BUNDLE, MAX_RECORD + 200 * file.stat().st_size))
        except DataError as error:
            raise StoreError(f"nothing is imported: {str(error).partition('; delete it')[0]}") from None
        manifest = _manifest(file, root)
        lab = checked_name(by if by is not None else manifest["by"] or file.stem)
        ids = manifest["runs"]
        _require_known_files(file, root, ids)
        source = RunStore(root / "runs")
        try:
            runs = [source.load(run_id) for run_id in ids]
            new = [run for run in runs if not _is_there(store, run)]
            unchecked = [run.id for run in new if not _check(run, source, store, taken)]
        except StoreError as error:
            text = str(error).replace(f"{root}/", "").partition("; re")[0]
            raise StoreError(f"nothing is imported from {file}: {text}") from None
        imported = [store.adopt(replace(run, lab=lab), source.folder(run.id)) for run in new]
    return Imported(tuple(imported), tuple(run.id for run in runs if run not in new), tuple(unchecked))


def _manifest(file: Path, root: Path) -> dict[str, Any]:
    try:
        manifest = parse_json(read_within(root, MANIFEST, MAX_MANIFEST))
        ids = manifest["runs"]
        sound = isinstance(manifest["by"], str) and isinstance(ids, list) and all(isinstance(one, str) for one in ids)
        if not sound or not ids or len(set(ids)) < len(ids) or not isinstance(manifest["format"], int):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreError(f"{file} isn't a bundle of runs; name a file of `genrebench runs export`") from None
    if manifest["format"] > FORMAT:
        raise StoreError(f"{file} was written by a newer version of genrebench; update genrebench")
    return dict(manifest)


def _require_known_files(file: Path, root: Path, ids: Sequence[str]) -> None:
    """Check that a bundle has the files of its runs, and nothing else."""
    for path in _files(root):
        parts = path.parts
        known = parts == (MANIFEST,) or (
            len(parts) > 2
            and parts[0] == "runs"
            and parts[1] in ids
            and (parts[2] == MODEL if len(parts) > 3 else parts[2] in _LIMITS)
        )
        if not known:
            raise StoreError(f"nothing is imported from {file}: it has a file that belongs to no run, {str(path)!r}")
        limit = _LIMITS.get(parts[-1]) if len(parts) == 3 else None
        if limit is not None and (root / path).stat().st_size > limit:
            raise StoreError(f"nothing is imported from {file}: {str(path)!r} is larger than {limit / 1e6:.0f} MB")


def _files(root: Path) -> Iterator[PurePosixPath]:
    return (PurePosixPath(path.relative_to(root).as_posix()) for path in sorted(root.rglob("*")) if not path.is_dir())


def _is_there(store: RunStore, run: Run) -> bool:
    """Whether the store has the run.

    Raises
    ------
    StoreError
        If it has another of this id.
    """
    if not store.folder(run.id).exists():
        return False
    if store.load(run.id).predictions != run.predictions:
        raise StoreError(f"there is another run {run.id!r} in {store.root}")
    return True


def _check(run: Run, source: RunStore, store: RunStore, taken: Collection[str]) -> bool:
    """Score a run again; whether its labels could be checked against the fingerprint."""
    if run.status != "finished" or run.predictions is None:
        raise StoreError(f"run {run.id!r} isn't finished")
    if run.model.name in taken:
        raise StoreError(f"the model of run {run.id!r} is called {run.model.name!r}, as a baseline is")
    predictions = source.predictions(run)
    scored = None
    if predictions.ids:
        scored = source.scored(run)
        differ = contradictions(run, scored)
        if differ:
            raise StoreError(differ[0].partition("; shown")[0])
    checked = _check_content(run, predictions, source.folder(run.id))
    for other in store.runs() if scored else ():
        if other.has_scores and other.task.fingerprint == run.task.fingerprint:
            with contextlib.suppress(StoreError):
                if store.scored(other).tracks != getattr(scored, "tracks", None):
                    raise UsageError(
                        f"nothing is imported: the test tracks or labels of run {run.id!r} aren't those of {other.id!r}, which "
                        "has the same task"
                    )
                checked = True
    return checked


def _check_content(run: Run, predictions: Predictions, folder: Path) -> bool:
    """Check the predictions against the content of the fingerprint, if the bundle has it."""
    if not (folder / TASK).exists():
        return False
    try:
        content = parse_json(read_within(folder, TASK, _LIMITS[TASK]))
        if hash_of(content) != run.task.fingerprint:
            raise ValueError("task.json doesn't give the fingerprint of the record")
        labels = {id_: genre for id_, genre, _ in content["tracks"]}
        expected = {(id_, number, labels[id_]) for number, (_, _, test) in enumerate(content["folds"]) for id_ in test}
        genres = tuple(content["genres"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"the task of run {run.id!r} doesn't fit its fingerprint ({error})") from None
    found = {
        (id_, fold, predictions.genres[label])
        for id_, fold, label in zip(predictions.ids, predictions.folds.tolist(), predictions.labels.tolist(), strict=True)
    }
    if genres != predictions.genres or found != expected:
        raise StoreError(f"the predictions of run {run.id!r} aren't those of the tracks and labels of its task")
    return True
