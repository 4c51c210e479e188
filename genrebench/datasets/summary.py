"""Counts of a dataset's tracks, for `genrebench data show`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genrebench import audio
from genrebench.datasets.check.given_features import usable_findings
from genrebench.errors import AudioError, DataError
from genrebench.evaluation import power
from genrebench.records import FILE_SPLIT, PARTS, Dataset, Fold, Split
from genrebench.tables import Shown, Table, counted, frame
from genrebench.tasks.audit import shared_artists, untested
from genrebench.tasks.copies import copy_remarks, row_keys
from genrebench.tasks.grouping import group
from genrebench.tasks.splits import SplitChoice, make_split

MAX_COMPARED_BYTES = 2 * 10**9
"""Size of audio files that are read for the summary in order to find copies; the check reads all."""

if TYPE_CHECKING:
    import pandas as pd


def summarise(
    dataset: Dataset,
    split: SplitChoice = None,
    split_seed: int = 0,
    segments: str = "together",
    heard: Mapping[str, str] | None = None,
    *,
    home: Path,
) -> dict[str, Any]:
    """Count a dataset's tracks by genre, part of the split and artist.

    Parameters
    ----------
    dataset : Dataset
    split : str or OtherSplit, optional
        As in `genrebench.tasks.splits.make_split`.
    split_seed : int
    segments : {"together", "apart"}
    heard : mapping of str to str, optional
        As in `genrebench.tasks.grouping.group`.
    home : Path
        The folder in which genrebench keeps data and caches.

    Returns
    -------
    dict
        In JSON types: name, version, note, synthetic, tracks, artists (None if unknown), split (None if the dataset can't be
        split; the reason is among the warnings), folds, parts, shared_artists, power (what a comparison of
        two models could show, see `_power`; None with fewer than six test artists), warnings, remarks, audio (number of tracks
        with audio; shortest, median and longest duration in seconds; total in hours), features, excluded, and genres, a list
        of {genre, tracks, artists, training, validation, test}. For a split with several folds, the parts are those of the
        first fold.
    """
    grouped = group(dataset, segments, heard)
    dataset = grouped.dataset
    made_split, why_not = _split(dataset, split, split_seed)
    part_of = {id_: part for part in PARTS for id_ in getattr(made_split.folds[0], part)}
    tracks = Counter(track.genre for track in dataset.tracks)
    parts = Counter((track.genre, part_of.get(track.id)) for track in dataset.tracks)
    artists_by_genre = {
        genre: {t.artist for t in dataset.tracks if t.genre == genre and t.artist is not None} for genre in dataset.genres
    }
    artists = set().union(*artists_by_genre.values())
    lengths, cancelling = _audio(dataset)
    return {
        "name": dataset.name,
        "version": dataset.version,
        "note": dataset.note,
        "synthetic": dataset.synthetic,
        "tracks": len(dataset.tracks),
        "artists": len(artists) or None,
        "split": made_split.name or None,
        "folds": len(made_split.folds),
        "parts": {part: len(getattr(made_split.folds[0], part)) for part in PARTS},
        "shared_artists": shared_artists(dataset, made_split) if made_split.name else None,
        "power": _power(dataset, made_split),
        "warnings": [
            *(remark.detail for remark in dataset.remarks if remark.severity == "warning"),
            *(remark.detail for remark in grouped.remarks),
            *why_not,
            *made_split.warnings,
            *filter(None, [untested(dataset, made_split) if made_split.name else None]),
            *(remark.detail for remark in grouped.split_remarks(made_split)),
            *_content_warnings(dataset, made_split, home),
            *cancelling,
        ],
        "remarks": [remark.detail for remark in dataset.remarks if remark.severity == "note"],
        "audio": lengths,
        "features": dataset.feature_source or ("given" if dataset.load_features else "none given; extracted from the audio"),
        "excluded": [f"{exclusion.id} ({exclusion.reason})" for exclusion in dataset.faulty],
        "genres": [
            {
                "genre": genre,
                "tracks": tracks[genre],
                "artists": len(artists_by_genre[genre]) or None,
                **{part: parts[genre, part] for part in PARTS},
            }
            for genre in dataset.genres
        ],
    }


def _power(dataset: Dataset, split: Split) -> dict[str, Any] | None:
    """The smallest differences that two models' runs could show, and how many test artists half of that would take."""
    artist = {track.id: track.artist for track in dataset.tracks}
    tested = [artist[id_] or f"track {id_}" for fold in split.folds for id_ in fold.test]
    sizes = list(Counter(tested).values())
    smallest = power.detectable(sizes, power.LOG_LOSS)
    if smallest is None:
        return None
    return {
        "unit": "artist" if any(artist.values()) else "track",
        "n_units": len(sizes),
        "log_loss": smallest,
        "f1_micro": power.detectable(sizes, power.ACCURACY),
        "units_for_half": power.artists_for(sizes, power.LOG_LOSS, smallest / 2),
    }


def _split(dataset: Dataset, chosen: SplitChoice, seed: int) -> tuple[Split, list[str]]:
    """The split; an empty one, with the reason, if none was named and the dataset can't be split."""
    try:
        return make_split(dataset, chosen, seed), []
    except DataError as error:
        if chosen is not None:
            raise
        return Split("", seed, (Fold((), (), ()),)), [str(error)]


def _content_warnings(dataset: Dataset, split: Split, home: Path) -> list[str]:
    """Ids of given features that don't meet those of the tracks, and copies in several parts or genres."""
    try:
        values = None if dataset.load_features is None else dataset.load_features()
    except DataError as error:  # the rest of the summary is still of use
        return [str(error)]
    if values is not None:
        found = list(usable_findings(dataset, values))
        lacking = {finding.track for finding in found if finding.track}
        text = f"{counted(len(lacking), 'track')} without a row of given features, or with an empty value in it"
        return [
            *values.notes,
            *(finding.detail for finding in found if not finding.track),
            *([f"{text}; 'genrebench data check' lists them"] if lacking else []),
            *(remark.detail for remark in copy_remarks(dataset, split, row_keys(values), "feature row")),
        ]
    keys = _file_keys((track.path for track in dataset.tracks if track.path is not None), home)
    by_id = {track.id: keys[track.path] for track in dataset.tracks if track.path in keys}
    return [remark.detail for remark in copy_remarks(dataset, split, by_id, "audio file")]


def _file_keys(paths: Iterable[Path], home: Path) -> dict[Path, str]:
    """Content hashes of files that may be copies: those of the same size, up to `MAX_COMPARED_BYTES` in all."""
    by_size: defaultdict[int, list[Path]] = defaultdict(list)
    for path in paths:
        if path.is_file():
            by_size[path.stat().st_size].append(path)
    suspects = {size: same for size, same in by_size.items() if len(same) > 1}
    if sum(size * len(same) for size, same in suspects.items()) > MAX_COMPARED_BYTES:
        return {}
    with suppress(DataError):  # a file that can't be read is the check's to report
        suspected = [path for same in suspects.values() for path in same]
        return dict(zip(suspected, audio.content_hashes(suspected, audio.hash_cache(home)), strict=True))
    return {}


def _audio(dataset: Dataset) -> tuple[dict[str, Any], list[str]]:
    """Durations of what can be decoded, whatever the headers say, and a warning of channels that cancel in their mean.

    Files that can't be used or decoded count as unreadable.
    """
    seconds, cancelling = [], []
    unreadable = len(dataset.unusable)
    paths = {track.id: track.path for track in dataset.tracks if track.path is not None}
    for id_, path in paths.items():
        try:
            info, cancels = audio.glance(path)
        except AudioError:
            unreadable += 1
            continue
        seconds.append(info.seconds)
        cancelling += [id_] if cancels else []
    result: dict[str, Any] = {"tracks": len(paths) + len(dataset.unusable)}
    if seconds:
        result |= {
            "shortest_s": float(min(seconds)),
            "median_s": float(np.median(seconds)),
            "longest_s": float(max(seconds)),
            "total_h": sum(seconds) / 3600,
        }
    if unreadable:
        result["unreadable"] = unreadable
    if not cancelling:
        return result, []
    return result, [audio.cancelling_text(cancelling)]


@dataclass(frozen=True, repr=False)
class DatasetSummary(Shown):
    """What `summarise` counted.

    Parameters
    ----------
    values : mapping
        In JSON types.
    """

    values: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The counts in JSON types."""
        return dict(self.values)

    def to_frame(self) -> pd.DataFrame:
        """The counts by genre as a pandas frame."""
        return frame(self.values["genres"], index="genre")

    def heading(self) -> list[str]:
        """How much music there is, how it is split, and what to beware of."""
        one = self.values
        synthetic = " (synthetic music)" if one["synthetic"] else ""
        artists = "unknown artists" if one["artists"] is None else counted(one["artists"], "artist")
        size = f"{counted(one['tracks'], 'track')} of {artists} in {counted(len(one['genres']), 'genre')}"
        return [
            f"{one['name']}{synthetic}: {size}{_hours(one['audio'])}.",
            *([self._split()] if one["split"] else []),
            *(f"Warning: {text}" for text in one["warnings"]),
        ]

    def _split(self) -> str:
        one = self.values
        parts = ", ".join(f"{n} {part}" for part, n in one["parts"].items())
        first = f", the first of {one['folds']} folds" if one["folds"] > 1 else ""
        shared = {None: "", 0: "; training and test share no artist"}
        artists = shared.get(one["shared_artists"], f"; {counted(one['shared_artists'] or 0, 'artist')} in training and test")
        file = one["split"].removeprefix(FILE_SPLIT)
        name = one["split"] if file == one["split"] else f"of the file {file}"
        return f"Split {name}{first}: {parts} tracks{artists}."

    def tables(self) -> list[Table]:
        """Counts by genre, then the other facts of the dataset."""
        columns = ("genre", "tracks", "artists", "training", "validation", "test")
        rows = [[row[key] for key in columns] for row in self.values["genres"]]
        facts = [(key, _text(self.values[key])) for key in ("version", "note", "features", "excluded", "remarks")]
        return [
            Table.of(columns, rows, right=columns[1:], below=("validation", "artists")),
            Table.of(("what", "value"), facts, text=("value",)),
        ]

    def notes(self) -> list[str]:
        """What difference between two models the test tracks could show."""
        shown = self.values["power"]
        if shown is None:
            return ["Fewer than six test artists or tracks: no difference between two models could be shown."]
        unit, half = shown["unit"], shown["units_for_half"]
        more = f"Half of that would take about {half - shown['n_units']} test {unit}s more." if half else ""
        return [
            f"With {shown['n_units']} test {unit}s, two models that differ by about {shown['log_loss']:.2f} in log loss, or by "
            f"{100 * shown['f1_micro']:.0f} points of accuracy, would be told apart four times out of five, if they differ "
            f"from track to track as the reference models do on the demo. {more}".strip()
        ]


def _hours(audio: Mapping[str, Any]) -> str:
    """How much audio there is, and how long the tracks are."""
    unreadable = f"; {counted(audio['unreadable'], 'file')} can't be read" if audio.get("unreadable") else ""
    if "total_h" not in audio:
        return unreadable or ", without audio"
    shortest, longest = audio["shortest_s"], audio["longest_s"]
    lengths = f"{shortest:.0f} s" if round(shortest) == round(longest) else f"{shortest:.0f} to {longest:.0f} s"
    return f"; {audio['total_h']:.1f} h of audio, {lengths} per track{unreadable}"


def _text(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in item.items())
    if isinstance(item, list):
        return "; ".join(map(str, item)) or "none"
    return "unknown" if item is None else f"{item:.1f}" if isinstance(item, float) else str(item)
