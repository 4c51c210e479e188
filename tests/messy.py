"""Folders and tables as people have them, at random, each with its right answer.

A mess starts as a clean dataset in one of several layouts. Ingredients then add what people's folders have, and note what is
right: which tracks there are, with which genre and part, which of them are faults and of what kind, and what has to be told. To
add an ingredient, write a function of a `Folders`, a `Table` or a `Features` and put it into `INGREDIENTS`.

GENREBENCH_MESSY sets the number of random combinations per test; the default keeps the tests fast.
"""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from hypothesis import strategies as st

COUNT = int(os.environ.get("GENREBENCH_MESSY", "25"))
PER_GENRE = 6
SECONDS, RATE = 1.2, 8000


@dataclass
class Mess:
    """A dataset on disk with its right answer.

    Parameters
    ----------
    folder, outside : Path
        The dataset's folder, and another one that links may lead to.
    rng : Generator
    genres : dict of str to str
        Genre of each track by id.
    parts : dict of str to str
        Part of each track in the official split; empty if there is none.
    faults : dict of str to str
        Kind of finding by id of the track.
    told : set of str
        Kinds of findings that concern no single track.
    refused : str or None
        Part of the message of a run that the list of faulty tracks doesn't help.
    """

    folder: Path
    outside: Path
    rng: np.random.Generator
    genres: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    refused: str | None = None

    def choice(self, options: Any) -> Any:
        options = list(options)
        return options[int(self.rng.integers(len(options)))]

    def sound(self, path: Path) -> Path:
        """Write noise of its own to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            soundfile.write(file, self.rng.normal(0, 0.1, int(SECONDS * RATE)), RATE, format="WAV")
        return path

    def finish(self) -> None:
        """Write what is written last."""


# ------------------------------------------------------------------ folders of genres

ABOVE = ("", "", "genres_original/", "Data/genres_original/", "audio/")
SPLITS = (
    ("train", "val", "test"),
    ("Training", "Validation", "Testing"),
    ("train_set", "dev", "eval"),
    ("TRAIN", "valid", "Test"),
)


class Folders(Mess):
    """Genres as folders, in one of several layouts."""

    def build(self) -> None:
        self.above = self.choice(ABOVE)
        self.order = self.choice(("plain", "plain", "part/genre", "genre/part"))
        self.names = self.choice(SPLITS)
        self.labels = self.choice((("rock", "polka"), ("Électro", "Hip-Hop", "jazz"), ("80s pop", "a&b")))
        for genre in self.labels:
            for i in range(PER_GENRE):
                self.add(genre, f"{i}.wav", number=i)

    def place(self, genre: str, name: str, number: int = 0) -> str:
        part = self.names[(0, 0, 0, 0, 1, 2)[number]]
        middle = {"plain": genre, "part/genre": f"{part}/{genre}", "genre/part": f"{genre}/{part}"}[self.order]
        return f"{self.above}{middle}/{name}"

    def add(self, genre: str, name: str, number: int = 0, id_: str | None = None) -> Path:
        """Add a track; its file is written."""
        path = self.sound(self.folder / self.place(genre, name, number))
        self.know(genre, name, number, id_)
        return path

    def know(self, genre: str, name: str, number: int = 0, id_: str | None = None) -> str:
        id_ = unicodedata.normalize("NFC", self.place(genre, id_ or name, number))
        self.genres[id_] = genre
        if self.order != "plain":
            self.parts[id_] = ("training", "training", "training", "training", "validation", "test")[number]
        return id_

    def somewhere(self, name: str) -> Path:
        """The path of a new file in the folder of a genre, which isn't a track."""
        path = self.folder / self.place(self.choice(self.labels), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def unread_suffix(mess: Folders) -> None:
    mess.somewhere(f"x{mess.choice(('.wma', '.aac', '.webm', '.wv', '.caf', '.APE', ''))}").write_bytes(b"sound")
    mess.told.add("left-out")


def no_music(mess: Folders) -> None:
    for name in ("cover.jpg", "Thumbs.db", "list.m3u"):
        mess.somewhere(name).write_bytes(b"no sound")


def loose_file(mess: Folders) -> None:
    mess.sound(mess.folder / "loose.wav")
    mess.told.add("left-out")


def system_folder(mess: Folders) -> None:
    name = mess.choice((".AppleDouble", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir", ".git", "@EADIR"))
    deep = mess.choice((mess.folder, mess.somewhere("x").parent, mess.somewhere("album/x").parent))
    (deep / name / "more").mkdir(parents=True)
    (deep / name / "0.wav").write_bytes(b"no sound")
    (deep / name / "more/1.wav").write_bytes(b"no sound")
    mess.told.add("left-out")


def hidden_file(mess: Folders) -> None:
    mess.somewhere("._0.wav").write_bytes(b"no sound")
    mess.told.add("left-out")


def emptied_genre(mess: Folders) -> None:
    path = mess.folder / mess.place("tango", "x.wma")
    path.parent.mkdir(parents=True)
    if mess.order == "genre/part" or mess.choice((True, False)):
        path.write_bytes(b"sound")
        mess.told.add("left-out")
    mess.told.add("empty-genre")


def broken_link(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    (mess.folder / mess.place(genre, "broken.wav")).symlink_to(mess.choice(("/nowhere/x.wav", "gone.wav", "broken.wav")))
    mess.faults[mess.know(genre, "broken.wav")] = "missing"


def link_to_the_outside(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    (mess.folder / mess.place(genre, "linked.wav")).symlink_to(mess.sound(mess.outside / "linked.wav"))
    mess.faults[mess.know(genre, "linked.wav")] = "outside"


def link_to_the_inside(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    target = mess.sound(mess.folder / ".store" / "x.wav")
    (mess.folder / mess.place(genre, "inside.wav")).symlink_to(target)
    mess.know(genre, "inside.wav")
    mess.told.add("left-out")  # the hidden folder


def name_of_bytes(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    mess.add(genre, os.fsdecode(b"caf\xe9.wav"), id_=r"caf\xe9.wav")
    escaped = next(id_ for id_ in mess.genres if id_.endswith(r"caf\xe9.wav"))
    mess.genres[_escaped(escaped)] = mess.genres.pop(escaped)
    if mess.parts:
        mess.parts[_escaped(escaped)] = mess.parts.pop(escaped)
    mess.faults[_escaped(escaped)] = "name"


def _escaped(id_: str) -> str:
    return id_.encode("ascii", "backslashreplace").decode()


def decomposed_name(mess: Folders) -> None:
    mess.add(mess.choice(mess.labels), unicodedata.normalize("NFD", "Übung é.wav"))


def twin_names(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    mess.add(genre, "né.wav")
    mess.add(genre, unicodedata.normalize("NFD", "né.wav"), id_="twin")
    id_ = next(id_ for id_ in mess.genres if id_.endswith("/twin"))
    escaped = _escaped(f"{id_.removesuffix('twin')}{unicodedata.normalize('NFD', 'né.wav')}")
    mess.genres[escaped] = mess.genres.pop(id_)
    if mess.parts:
        mess.parts[escaped] = mess.parts.pop(id_)
    mess.told.add("twin-names")


def no_audio_inside(mess: Folders) -> None:
    genre = mess.choice(mess.labels)
    mess.add(genre, "damaged.wav").write_bytes(mess.choice((b"", b"ID3 nothing", b"\0" * 999)))
    mess.faults[mess.know(genre, "damaged.wav")] = "undecodable"


# ------------------------------------------------------------------ a table with audio


class Table(Mess):
    """A tracks.csv with paths, as people write them."""

    def build(self) -> None:
        self.head = ["track_id", "genre", "path"]
        self.blank = self.choice(("", "", " "))
        self.last: list[list[str]] = []
        self.rows: list[dict[str, str]] = []
        official = self.choice((True, False))
        if official:
            self.head.append("split")
        for number in range(2 * PER_GENRE):
            genre = ("rock", "polka")[number % 2]
            name = f"audio/{number}.wav"
            self.sound(self.folder / name)
            row = {"track_id": f"t{number}", "genre": genre, "path": name}
            self.genres[row["track_id"]] = genre
            if official:
                row["split"] = ("training", "training", "training", "training", "validation", "test")[number // 2]
                self.parts[row["track_id"]] = row["split"]
            self.rows.append(row)
        self._free = list(self.rows[:8])  # the rest stays as it is, so that there is something to test

    def take(self) -> dict[str, str]:
        """A row that no other ingredient has changed."""
        return self._free.pop(int(self.rng.integers(len(self._free))))

    def finish(self) -> None:
        with (self.folder / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            for row in [self.head, *([row[name] for name in self.head] for row in self.rows), *self.last]:
                table.writerow([row[0], *(f"{self.blank}{cell}{self.blank}" for cell in row[1:])])


def backslashes(mess: Table) -> None:
    for row in mess.rows:
        row["path"] = row["path"].replace("/", "\\")


def other_unicode_form(mess: Table) -> None:
    forms = ["NFC", "NFD"] if mess.choice((True, False)) else ["NFD", "NFC"]
    row = mess.take()
    written, stored = (unicodedata.normalize(form, "audio/été/Ü.wav") for form in forms)
    mess.sound(mess.folder / stored)
    row["path"] = written


def missing_file(mess: Table) -> None:
    row = mess.take()
    row["path"] = mess.choice(("audio/gone.wav", "elsewhere/0.wav", ""))
    mess.faults[row["track_id"]] = "missing"


def broken_link_in_a_table(mess: Table) -> None:
    row = mess.take()
    (mess.folder / "audio/broken.wav").symlink_to(mess.choice(("/nowhere/x.wav", "gone.wav", "broken.wav")))
    row["path"] = "audio/broken.wav"
    mess.faults[row["track_id"]] = "missing"


def link_to_the_outside_in_a_table(mess: Table) -> None:
    row = mess.take()
    (mess.folder / "audio/linked.wav").symlink_to(mess.sound(mess.outside / "linked.wav"))
    row["path"] = "audio/linked.wav"
    mess.faults[row["track_id"]] = "outside"


def no_genre(mess: Table) -> None:
    row = mess.take()
    row["genre"] = mess.choice(("", " "))
    mess.genres[row["track_id"]] = ""
    mess.faults[row["track_id"]] = "no-label"


def no_part(mess: Table) -> None:
    if mess.parts:
        row = mess.take()
        row["split"] = ""
        del mess.parts[row["track_id"]]
        mess.faults[row["track_id"]] = "no-part"


def several_genres(mess: Table) -> None:
    row = mess.take()
    row["genre"] = mess.choice(
        ("rock|polka", "rock; polka", "['rock', 'polka']", "rock, polka", "rock / polka", '["rock","polka"]')
    )
    mess.genres[row["track_id"]] = row["genre"]
    mess.told.add("several-genres")


def rows_of_blanks(mess: Table) -> None:
    mess.last += [[""] * len(mess.head), ["", " ", *[""] * (len(mess.head) - 2)]]


def damaged_file(mess: Table) -> None:
    row = mess.take()
    (mess.folder / "audio/damaged.wav").write_bytes(mess.choice((b"", b"ID3 nothing", b"\0" * 999)))
    row["path"] = "audio/damaged.wav"
    mess.faults[row["track_id"]] = "undecodable"


# ------------------------------------------------------------------ a table of features


class Features(Mess):
    """A tracks.csv and a features.csv, as programs write them."""

    def build(self) -> None:
        self.genres = {str(number): ("rock", "polka")[number % 2] for number in range(2 * PER_GENRE)}
        self.columns = [("mfcc", "mean", f"{number + 1:02d}") for number in range(5)]
        self.values = {id_: [repr(float(x)) for x in self.rng.normal(size=5)] for id_ in self.genres}
        self.header = self.choice(("one row", "three rows", "index as a column", "spreadsheet", "one level less"))
        self._free = list(self.genres)[:8]

    def take(self) -> str:
        """The id of a track that no other ingredient has changed."""
        return self._free.pop(int(self.rng.integers(len(self._free))))

    def finish(self) -> None:
        with (self.folder / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("track_id", "genre"), *self.genres.items()])
        levels = [list(level) for level in zip(*self.columns, strict=True)]
        if self.header == "one row":
            head = [["track_id", *("_".join(column) for column in self.columns)]]
        elif self.header == "index as a column":
            head = [[first, *level] for first, level in zip(("track_id", "", ""), levels, strict=True)]
        else:
            if self.header == "spreadsheet":
                levels = [[level[0], *[""] * (len(level) - 1)] for level in levels[:2]] + levels[2:]
            rows = levels[1:] if self.header == "one level less" else levels
            head = [*(["", *level] for level in rows), ["track_id", *[""] * len(self.columns)]]
        with (self.folder / "features.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([*head, *([id_, *cells] for id_, cells in self.values.items())])


def no_row(mess: Features) -> None:
    id_ = mess.take()
    if mess.choice((True, False)):
        del mess.values[id_]
    else:
        mess.values[id_] = [""] * 5
    mess.faults[id_] = "features"


def empty_cell(mess: Features) -> None:
    id_ = mess.take()
    mess.values[id_][mess.choice((0, 1, 3, 4))] = mess.choice(("", " ", "nan"))
    mess.faults[id_] = "features"


def value_too_large(mess: Features) -> None:
    id_ = mess.take()
    mess.values[id_][mess.choice((0, 1, 3, 4))] = mess.choice(("inf", "-inf", "1e300", "-2e19"))
    mess.faults[id_] = "feature-value"


def rows_of_other_tracks(mess: Features) -> None:
    mess.values["another"] = ["1"] * 5


def empty_column(mess: Features) -> None:
    for cells in mess.values.values():
        cells[2] = ""
    mess.told.add("features")
    mess.refused = "has no value in any row; remove the column"


KINDS: tuple[type[Mess], ...] = (Folders, Table, Features)
INGREDIENTS: dict[type[Mess], tuple[Callable[[Any], None], ...]] = {
    Folders: (
        *(unread_suffix, no_music, loose_file, system_folder, hidden_file, emptied_genre, broken_link, link_to_the_outside),
        *(link_to_the_inside, name_of_bytes, decomposed_name, twin_names, no_audio_inside),
    ),
    Table: (
        *(backslashes, other_unicode_form, missing_file, broken_link_in_a_table, link_to_the_outside_in_a_table, no_genre),
        *(no_part, several_genres, rows_of_blanks, damaged_file),
    ),
    Features: (no_row, empty_cell, value_too_large, rows_of_other_tracks, empty_column),
}


@dataclass(frozen=True)
class Recipe:
    """What a mess is made of."""

    kind: type[Mess]
    seed: int
    ingredients: tuple[Callable[[Any], None], ...]

    def __repr__(self) -> str:
        names = ", ".join(one.__name__ for one in self.ingredients)
        return f"Recipe({self.kind.__name__}, {self.seed}, [{names}])"

    def make(self, folder: Path) -> Any:
        """Write the dataset to a new folder."""
        mess = self.kind(folder / "music", folder / "outside", np.random.default_rng(self.seed))
        mess.folder.mkdir(parents=True)
        mess.outside.mkdir()
        mess.build()  # type: ignore[attr-defined]
        for add in self.ingredients:
            add(mess)
        mess.finish()
        return mess


@st.composite
def recipes(draw: Any) -> Recipe:
    """Random recipes."""
    kind = draw(st.sampled_from(KINDS))
    chosen = draw(st.sets(st.sampled_from(INGREDIENTS[kind]), max_size=6))
    seed = draw(st.integers(0, 2**16))
    return Recipe(kind, seed, tuple(one for one in INGREDIENTS[kind] if one in chosen))
