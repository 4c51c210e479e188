"""Reading CSV files written by hand or by other programs: byte order marks, Windows line endings, quoted commas, mistakes.

Every mistake raises a `DataError` that names the file, the line and the value.
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from genrebench.errors import DataError
from genrebench.records import Track

MAX_CELL = 16 * 2**20
"""Maximum length of a cell, in characters: above FMA's longest biographies, and low enough to stop at an unclosed quote."""

MAX_LINE = 64 * 2**20
"""Maximum length of a line, in characters: a file without line breaks would else be read whole, however large it is."""

_CONTROL_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def read_records(path: Path, delimiters: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Read a CSV file record by record.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark.
    delimiters : str
        Characters that may separate the columns; the file's is the one that its first line has most of.

    Yields
    ------
    line : int
        The number of the line on which the record starts, counted from 1.
    cells : list of str
        One string per column; records with nothing but blanks are skipped, as spreadsheets write them below a table.

    Raises
    ------
    DataError
        If the file is missing, unreadable, no ordinary file, not UTF-8 or not CSV.
    """
    line = 1
    if path.exists() and not path.is_file() and not path.is_dir():  # reading a pipe or a device may never end
        raise DataError(f"can't read {path}: it isn't an ordinary file")
    try:
        previous = csv.field_size_limit(MAX_CELL)
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                delimiter = delimiters[0]
                if len(delimiters) > 1:
                    first = file.readline(MAX_CELL)
                    delimiter = max(delimiters, key=first.count)
                    file.seek(0)
                reader = csv.reader(_lines(file, path), strict=True, delimiter=delimiter)
                for cells in reader:
                    if any(cell and not cell.isspace() for cell in cells):
                        yield line, cells
                    line = reader.line_num + 1
        finally:
            csv.field_size_limit(previous)
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, after line {line}: not UTF-8 ({error.reason}); save it as UTF-8 (in Excel: 'CSV UTF-8')"
        ) from None
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: not valid CSV ({error}); check the quotes") from None
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror or error}") from None


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            raise DataError(f"{path}, line {number}: longer than {MAX_LINE:,} characters; this isn't a table")
        yield line


def find_columns(path: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, int]:
    """Position of each requested column in a header row; other columns are ignored.

    Raises
    ------
    DataError
        If a required column is missing, or a requested one appears more than once.
    """
    names = [cell.strip() for cell in header]
    for name in required:
        if name not in names:
            hint = other_separator(names)
            raise DataError(f"{path} has no column {name!r}, only {', '.join(map(repr, names[:8])) or 'none'}{hint}")
    for name in (*required, *optional):
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns {name!r}; keep one")
    return {name: names.index(name) for name in (*required, *optional) if name in names}


def other_separator(header: Sequence[str]) -> str:
    """Advice for a header row that is separated by something else than commas, to end a message; empty for others."""
    separators = header[0].startswith("sep=") or any(c in header[0] for c in ";\t|") if len(header) == 1 else False
    return "; separate the columns by commas" if separators else ""


def is_blank_header(cell: str) -> bool:
    """Whether a header cell is empty, or what pandas calls an empty one."""
    return not cell or cell.startswith("Unnamed: ")


def without_numbers(names: Sequence[str]) -> list[str]:
    """Names without the numbers that pandas adds to repeated ones: mfcc, mfcc.1, mfcc.2 are three times mfcc."""
    plain = [re.sub(r"\.\d+$", "", name) for name in names]
    there = set(names)
    return [short if short in there else name for name, short in zip(names, plain, strict=True)]


def clean(text: str, field: str, where: str) -> str:
    """Text from a file as a label: stripped, in composed Unicode form (NFC), checked for control characters.

    Parameters
    ----------
    text : str
    field, where : str
        Used in the error message: "genre", "tracks.csv, line 3".

    Raises
    ------
    DataError
        If the text has a control character (such as a newline or a terminal escape), a character that reorders text, or
        a lone surrogate. Everything else is allowed in a label, including "/" and "$".
    """
    text = unicodedata.normalize("NFC", text.strip())
    if text.isascii() and text.isprintable():  # almost all labels; skips the check of each character
        return text
    for character in text:
        if unicodedata.category(character) in _CONTROL_CATEGORIES or character in _BIDI_CONTROLS:
            raise DataError(f"{where}: {field} {text!r} contains the control character {character!r}; remove it")
    return text


def number(text: str) -> float:
    """Parse a number as data files have it; unlike Python, "1_000" is none.

    Raises
    ------
    ValueError
        If the text isn't a number.
    """
    if "_" in text:
        raise ValueError(f"{text!r} isn't a number")
    return float(text)


def digest(tracks: Sequence[Track]) -> str:
    """Eight hexadecimal digits that change when a track id or label changes: a version to show to people."""
    return hashlib.sha256("".join(f"{track.id}\n{track.genre}\n" for track in tracks).encode()).hexdigest()[:8]
