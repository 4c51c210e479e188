"""Splits in files, such as that of a paper: which track is in which part, or tested in which fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genrebench.datasets import id_forms
from genrebench.datasets.layout import PART_OF
from genrebench.datasets.table import clean, find_columns, read_records
from genrebench.errors import DataError
from genrebench.plugin.splits import SplitSpec
from genrebench.records import FILE_SPLIT, PARTS, Dataset, Fold
from genrebench.tables import counted
from genrebench.tasks.splits import OtherSplit
from genrebench.tasks.words import spelling_key

ALWAYS_TRAINS = "-1"
"""Fold of a track that trains in every fold, as in scikit-learn's PredefinedSplit."""


@dataclass(frozen=True)
class _Row:
    line: int
    id: str
    part: str
    fold: str
    genre: str


def read(path: Path, dataset: Dataset) -> OtherSplit:
    """Read a split of a dataset from a file.

    Parameters
    ----------
    path : Path
        A CSV file, separated by commas, semicolons or tabs, with the column `id` or `track_id` and

        - `part` (or `split`): training, validation or test, one row per track;
        - or `fold`: the fold that tests the track. The next fold validates if there are three or more, the others train. A
          track in fold -1 always trains;
        - or both: the part of the track in that fold, one row per track and fold, as `genrebench data split` writes them.

        A column `genre` is compared with the dataset; other columns are ignored. Tracks without a row are left out.
    dataset : Dataset
        Before anything is excluded. An id that is written differently is taken if only one can be meant.

    Returns
    -------
    OtherSplit

    Raises
    ------
    DataError
        If the file can't be read, a row is invalid or contradicts another row or the dataset, the dataset doesn't have a track,
        or a fold has no training or no test track.
    """
    rows, columns = _rows(path)
    matched, notes = _matched(path, rows, dataset)
    genres = {track.id: track.genre for track in dataset.tracks}
    wrong = [row for row in rows if row.genre and _differ(row.genre, genres.get(matched[row.id]))]
    if wrong:
        first = wrong[0]
        raise DataError(
            f"{path}, line {first.line}: the genre of {first.id!r} is {first.genre!r}, but {genres[matched[first.id]]!r} in "
            f"{dataset.name}" + (f" ({len(wrong)} such rows)" if len(wrong) > 1 else "")
        )
    if "fold" not in columns:
        folds = _folds_of_parts(path, [(row, "") for row in rows], matched)
    elif "part" not in columns:
        folds = _cross_validation(path, rows, matched)
    else:
        folds = _folds_of_parts(path, [(row, row.fold) for row in rows], matched)
    for number, fold in enumerate(folds):
        for part in ("training", "test"):
            if not getattr(fold, part):
                where = f"fold {number + 1} of {len(folds)}" if len(folds) > 1 else "the file"
                raise DataError(f"{path}: {where} has no {part} track")
    spec = SplitSpec(FILE_SPLIT + path.name, f"read from {path}", partial(_make, folds, notes))
    return OtherSplit(spec, str(path))


def _make(folds: list[Fold], notes: list[str], dataset: Dataset, seed: int) -> tuple[list[Fold], list[str]]:  # noqa: ARG001
    """The folds without excluded tracks; nothing is random."""
    ids = {track.id for track in dataset.tracks}
    kept = [Fold(*(tuple(id_ for id_ in getattr(fold, part) if id_ in ids) for part in PARTS)) for fold in folds]
    for number, fold in enumerate(kept):
        if not fold.training:
            raise DataError(f"no training track of fold {number + 1} is left after the exclusions")
    return kept, notes


def _rows(path: Path) -> tuple[list[_Row], set[str]]:
    records = read_records(path, ",;\t")
    first, header = next(records, (1, []))
    names = [clean(cell, "the column name", f"{path}, line {first}").lower() for cell in header]
    if "part" not in names:
        names = ["part" if name == "split" else name for name in names]
    key = "track_id" if "track_id" in names and "id" not in names else "id"
    columns = find_columns(path, names, (key,), ("part", "fold", "genre"))
    if "part" not in columns and "fold" not in columns:
        raise DataError(f"{path} has neither a column 'part' nor a column 'fold', only {', '.join(map(repr, names[:8]))}")
    rows = []
    for line, cells in records:
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells, but the header has {len(header)}")
        values = {name: clean(cells[column], name, where) for name, column in columns.items()}
        part, fold = values.get("part", ""), values.get("fold", "")
        if not values[key]:
            raise DataError(f"{where}: the {key} is empty")
        if "part" in columns and part.casefold() not in PART_OF:
            raise DataError(f"{where}: the part {part!r} of {values[key]!r} isn't one of {', '.join(PARTS)}")
        if "fold" in columns and not fold:
            raise DataError(f"{where}: {values[key]!r} has no fold; write {ALWAYS_TRAINS} for a track that always trains")
        rows.append(_Row(line, values[key], PART_OF.get(part.casefold(), ""), _plain(fold), values.get("genre", "")))
    if not rows:
        raise DataError(f"{path} has no rows")
    return rows, set(columns)


def _plain(fold: str) -> str:
    """A number without a fraction, as spreadsheets write whole numbers."""
    whole, point, rest = fold.partition(".")
    return whole if point and whole.lstrip("-").isdigit() and not rest.strip("0") else fold


def _matched(path: Path, rows: list[_Row], dataset: Dataset) -> tuple[dict[str, str], list[str]]:
    """Id in the dataset by id in the file, and what to say about it."""
    left_out = {exclusion.id for exclusion in dataset.faulty} | set(dataset.unlabelled)
    known = {track.id for track in dataset.tracks} | left_out
    found = {row.id for row in rows}
    forms = id_forms.match(known, found)
    unknown = sorted(id_ for id_ in found if forms.get(id_, id_) not in known)
    if unknown:
        note = id_forms.miss_note(known, found, path.name, dataset.name)
        raise DataError(
            f"{path}: {counted(len(unknown), 'id')} of {len(found)} "
            f"{'is' if len(unknown) == 1 else 'are'} of no track of {dataset.name}, for example {unknown[0]!r}"
            + (f" ({note})" if note and len(unknown) == len(found) else "")
        )
    notes = [note] if (note := id_forms.match_note(forms, path.name, dataset.name)) is not None else []
    faulty = sorted(id_ for id_ in found if forms.get(id_, id_) in left_out)
    if faulty:
        count = counted(len(faulty), "track")
        notes.append(f"{count} of {path.name} are faulty or without a genre in {dataset.name} and left out, as {faulty[0]!r}")
    return {id_: forms.get(id_, id_) for id_ in found}, notes


def _differ(one: str, other: str | None) -> bool:
    return other is not None and spelling_key(one) != spelling_key(other)


def _folds_of_parts(path: Path, rows: list[tuple[_Row, str]], matched: Mapping[str, str]) -> list[Fold]:
    """The folds where each row names a part."""
    seen: dict[tuple[str, str], _Row] = {}
    by_fold: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: {part: [] for part in PARTS})
    tested: dict[str, _Row] = {}
    for row, fold in rows:
        id_ = matched[row.id]
        earlier = seen.setdefault((fold, id_), row)
        if earlier is not row:
            where = f" in fold {fold!r}" if fold else ""
            raise DataError(f"{path}, line {row.line}: {row.id!r} already has a row{where}, in line {earlier.line}")
        if row.part == "test" and tested.setdefault(id_, row) is not row:
            raise DataError(f"{path}, line {row.line}: {row.id!r} is tested in fold {tested[id_].fold!r} already")
        by_fold[fold][row.part].append(id_)
    return [Fold(*(tuple(parts[part]) for part in PARTS)) for _, parts in sorted(by_fold.items(), key=_order)]


def _cross_validation(path: Path, rows: list[_Row], matched: Mapping[str, str]) -> list[Fold]:
    """Each fold tests once; the next one validates where there are three or more."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    seen: dict[str, _Row] = {}
    for row in rows:
        id_ = matched[row.id]
        if seen.setdefault(id_, row) is not row:
            raise DataError(f"{path}, line {row.line}: {row.id!r} already has a fold, in line {seen[id_].line}")
        members[row.fold].append(id_)
    always = members.pop(ALWAYS_TRAINS, [])
    ordered = [ids for _, ids in sorted(members.items(), key=_order)]
    n = len(ordered)
    if n < 2:
        raise DataError(f"{path} has {counted(n, 'fold')}; folds test in turn, so there have to be two or more")
    folds = []
    for i, test in enumerate(ordered):
        validation = ordered[(i + 1) % n] if n > 2 else []
        held_out = {*test, *validation}
        training = [*always, *(id_ for ids in ordered for id_ in ids if id_ not in held_out)]
        folds.append(Fold(tuple(training), tuple(validation), tuple(test)))
    return folds


def _order(item: tuple[str, object]) -> tuple[bool, int, str]:
    """Folds in the order of their numbers, then of their names."""
    name = item[0]
    numeric = name.lstrip("-").isdigit() and name.isascii()
    return not numeric, int(name) if numeric else 0, name
