"""The contract between genrebench and datasets, and the check of what one loads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from genrebench.errors import PluginError
from genrebench.plugin.inputs import is_column
from genrebench.plugin.splits import SplitSpec
from genrebench.records import PARTS, Dataset, FeatureValues, Track

CHECKSUMS = {"md5": 32, "sha1": 40, "sha256": 64}
"""Hashes with which an archive can be verified, and the number of their hexadecimal digits."""


@dataclass(frozen=True)
class Reference:
    """A published score on a dataset, for orientation; test set or features differ, so it isn't comparable with any row.

    Parameters
    ----------
    name : str
        Name of the model.
    test_set, source : str
        The test set, and where the score was published.
    log_loss, f1_micro : float or None
        None if not published.
    note : str
    """

    name: str
    test_set: str
    source: str
    log_loss: float | None = None
    f1_micro: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The reference in JSON types, marked as not comparable."""
        return {**asdict(self), "comparable": False}


@dataclass(frozen=True)
class Archive:
    """A file that `genrebench data get NAME` downloads: a .zip or .tar.gz archive, which is unpacked, or any other file.

    An interrupted download is resumed, and nothing is unpacked before the checksum is verified.

    Parameters
    ----------
    url : str
        http or https; the last part of its path is the name of the file.
    checksum : str
        "sha256:", "sha1:" or "md5:" and hexadecimal digits.
    size : int
        Size in bytes, rounded up: to check the disk space beforehand, and to stop at a file that is far too large.
    folder : str
        For archives, the folder that the content gets, below that of the dataset. If the archive has a single folder of this
        name at its top, that is it.
    unpacked : int
        Size of the content of an archive in bytes, rounded up.
    files : tuple of str
        Files that the folder must contain.
    metadata : bool
        Whether the file has labels or features and no audio, so that `--metadata` gets it as well.

    Raises
    ------
    ValueError
        If the URL or the checksum isn't of this form, a size isn't positive, or an archive has no folder.
    """

    url: str
    checksum: str
    size: int
    folder: str = ""
    unpacked: int = 0
    files: tuple[str, ...] = ()
    metadata: bool = False

    def __post_init__(self) -> None:
        kind, _, digits = self.checksum.partition(":")
        if urlsplit(self.url).scheme not in ("http", "https") or not re.fullmatch(r"[\w.+-]+", self.name):
            raise ValueError(f"the URL {self.url!r} isn't that of a file over http or https")
        if not re.fullmatch(r"[0-9a-f]+", digits) or len(digits) != CHECKSUMS.get(kind):
            raise ValueError(f"the checksum of {self.name} is {self.checksum!r}, not sha256: and 64 hexadecimal digits")
        if self.size <= 0 or (self.is_packed and self.unpacked <= 0):
            raise ValueError(f"{self.name} needs a size in bytes{', and one of its content' if self.is_packed else ''}")
        if self.is_packed and not re.fullmatch(r"[\w-][\w.-]*", self.folder):
            raise ValueError(f"{self.name} is an archive, but its folder is {self.folder!r}; name one for its content")

    @property
    def name(self) -> str:
        """Name of the file."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def is_packed(self) -> bool:
        """Whether the file is an archive, which is unpacked."""
        return self.name.endswith((".zip", ".tar.gz", ".tgz"))


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset that can be selected with `--dataset NAME`.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    load : callable
        ``load(home)`` reads the dataset and returns `Dataset`, with its official split if there is one; `home` is
        genrebench's data folder. If the dataset is missing, it raises `DataError` with the command that downloads it.
    make : callable, optional
        For computed datasets: ``make(home, progress, workers)`` is called before `load` and computes the files that `load`
        reads, unless they exist, with `workers` processes. `progress` as in `Context`.
    references : tuple of Reference
        Published scores on this dataset, shown with its boards.
    get : tuple of Archive
        What `genrebench data get NAME` downloads, in this order.
    folder : str
        Where the downloads go, below the data folder; by default the dataset's name.
    splits : tuple of SplitSpec
        Further published splits of this dataset, which can be selected with `--split NAME` on it alone. `Dataset.official` is
        the usual one.
    licence : str
        Of audio and metadata, in one line.
    citation : str
        BibTeX of the publication to cite.
    """

    name: str
    summary: str
    load: Callable[[Path], Dataset]
    make: Callable[[Path, Callable[..., Iterable[Any]], int], object] | None = None
    references: tuple[Reference, ...] = ()
    get: tuple[Archive, ...] = ()
    folder: str = ""
    splits: tuple[SplitSpec, ...] = ()
    licence: str = ""
    citation: str = ""


# ------------------------------------------------------------------ what a plugin's dataset returns


def require_dataset(loaded: Any, label: str) -> Dataset:
    """Check what a plugin's `load` returned.

    Parameters
    ----------
    loaded : object
    label : str
        The dataset and its plugin, for messages.

    Raises
    ------
    PluginError
        If it isn't a dataset, or one with tracks, ids, genres, artists, paths or parts that aren't of their types, unique, or
        among those that the dataset names itself.
    """
    if not isinstance(loaded, Dataset):
        raise PluginError(f"{label}: load returned {type(loaded).__name__}, not a genrebench.api.Dataset")
    problem = _problem(loaded)
    if problem is not None:
        raise PluginError(f"{label}: {problem}")
    return loaded


def _problem(loaded: Dataset) -> str | None:
    for name, text in (("name", loaded.name), ("version", loaded.version)):
        if not isinstance(text, str) or not text:
            return f"the {name} of the dataset is {text!r} ({type(text).__name__}); it has to be text"
    if not isinstance(loaded.official, Mapping):
        return f"the official split is {type(loaded.official).__name__}, not a mapping of track ids to parts"
    if not isinstance(loaded.tracks, tuple | list):
        return f"the tracks are a {type(loaded.tracks).__name__}, not a tuple"
    if not loaded.tracks:
        return "load returned a dataset without tracks; raise DataError if files are missing"
    for track in loaded.tracks:
        problem = _track_problem(track)
        if problem is not None:
            return problem
    repeated = next((id_ for id_, n in Counter(track.id for track in loaded.tracks).items() if n > 1), None)
    if repeated is not None:
        return f"track {repeated!r} is in the dataset twice; ids have to be unique"
    genres = loaded.genres
    if not isinstance(genres, tuple) or not all(isinstance(genre, str) for genre in genres) or len(set(genres)) < len(genres):
        return f"the genres have to be a tuple of different texts, not {genres!r:.200}"
    strange = next((t for t in loaded.tracks if t.genre.strip() and t.genre not in loaded.genres), None)
    if strange is not None:
        return f"track {strange.id!r} has the genre {strange.genre!r}, which isn't among the genres of the dataset"
    return _official_problem(loaded)


def _track_problem(track: Any) -> str | None:
    if not isinstance(track, Track):
        return f"a track is {type(track).__name__}, not a genrebench.api.Track"
    if not isinstance(track.id, str) or not track.id:
        return f"the id of a track is {track.id!r} ({type(track.id).__name__}); ids have to be text that isn't empty"
    if not isinstance(track.genre, str):
        return f"track {track.id!r} has the genre {track.genre!r}; genres have to be text, empty where there is none"
    if track.artist is not None and not (isinstance(track.artist, str) and track.artist.strip()):
        return f"track {track.id!r} has the artist {track.artist!r}; artists have to be text, or None where unknown"
    if track.path is not None and not isinstance(track.path, Path):
        return f"track {track.id!r} has the path {track.path!r} ({type(track.path).__name__}); paths have to be pathlib.Path"
    return None


def _official_problem(dataset: Dataset) -> str | None:
    ids = {track.id for track in dataset.tracks}
    for id_, part in dataset.official.items():
        if part not in PARTS:
            return f"the official split puts track {id_!r} into {part!r}; parts are {', '.join(PARTS)}"
    if dataset.official and not ids & set(dataset.official):
        return "the official split has none of the tracks"
    return None


def require_features(values: Any, dataset: Dataset, label: str) -> FeatureValues:
    """Check what a dataset's `load_features` returned, as `require_dataset` does.

    Raises
    ------
    PluginError
        If it isn't a table with one row of numbers for each of its ids.
    """
    if not isinstance(values, FeatureValues):
        raise PluginError(f"{label}: load_features returned {type(values).__name__}, not a genrebench.api.FeatureValues")
    expected = (len(values.ids), len(values.columns))
    if values.values.shape != expected or values.values.dtype.kind != "f":
        shape = f"{values.values.dtype} of shape {values.values.shape}"
        raise PluginError(f"{label}: load_features returned {shape}, expected float64 of shape {expected}")
    odd = next((column for column in values.columns if not is_column(column)), None)
    if odd is not None:
        raise PluginError(f"{label}: load_features returned the column name {odd!r}; it has to be a tuple of texts")
    if not {track.id for track in dataset.tracks} & set(values.ids):
        raise PluginError(f"{label}: load_features returned no row for any track of the dataset")
    return values
