"""Ids of one file that another file writes differently: 000123, 123 and 123.0; a name with and without suffix or folder.

A spreadsheet or pandas changes ids on the way. The obvious match is taken where it is unique, and said; nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from genrebench.audio import SUFFIXES
from genrebench.tables import counted

_WHOLE = re.compile(r"[+]?0*(\d+)(?:[.,]0+)?")


def _written(id_: str) -> str:
    """Case, Unicode form and blanks folded; a number without leading zeros and without ".0"."""
    text = "".join(
        character
        for character in unicodedata.normalize("NFKC", id_).casefold()
        if not character.isspace() and unicodedata.category(character) != "Cf"
    )
    number = _WHOLE.fullmatch(text) if text.isascii() else None
    return text if number is None else number[1]


def _without_suffix(id_: str) -> str:
    text = id_.strip()
    suffix = next((suffix for suffix in SUFFIXES if text.casefold().endswith(suffix)), "")
    return _written(text[: len(text) - len(suffix)])


def _name(id_: str) -> str:
    return _without_suffix(id_.replace("\\", "/").rpartition("/")[2])


_FORMS: tuple[Callable[[str], str], ...] = (_written, _without_suffix, _name)


def match(wanted: Collection[str], found: Collection[str]) -> dict[str, str]:
    """Match ids that are written differently in two files.

    Parameters
    ----------
    wanted, found : collection of str
        All ids of the one and of the other file, each without duplicates.

    Returns
    -------
    dict of str to str
        Id of `wanted` by id of `found`, for ids that aren't in the other file as they are. An id is matched only if neither
        file has another id of the same form.
    """
    result: dict[str, str] = {}
    all_wanted, all_found = frozenset(wanted), frozenset(found)
    for form in _FORMS:
        missing = all_wanted - all_found - set(result.values())
        left = all_found - all_wanted - result.keys()
        if not missing or not left:
            break
        taken_wanted = Counter(map(form, all_wanted))
        taken_found = Counter(map(form, all_found))
        by_form = {form(id_): id_ for id_ in missing}
        for id_ in left:
            written = form(id_)
            if written in by_form and taken_wanted[written] == 1 and taken_found[written] == 1:
                result[id_] = by_form[written]
    return result


def match_note(matched: dict[str, str], file: str, other: str) -> str | None:
    """A sentence about ids that were matched; None if there are none."""
    if not matched:
        return None
    found, wanted = min(matched.items())
    count = counted(len(matched), "id")
    return f"{count} of {file} differ in writing from {other}, such as {found!r} for {wanted!r}, and are taken as the same"


def miss_note(wanted: Collection[str], found: Collection[str], file: str, other: str) -> str | None:
    """A sentence about ids that only one of two files has, with examples of each side; None if not both have such ids."""
    missing, left = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if not missing or not left:
        return None
    if len(missing) == len(set(wanted)):
        text = f"no id of {file} is in {other}"
    else:
        text = f"{len(missing)} of {len(set(wanted))} ids of {other} aren't in {file}"
    return f"{text}: {other} has {_examples(missing)}, {file} has {_examples(left)}"


def _examples(ids: Sequence[str]) -> str:
    return " and ".join(map(repr, ids[:2])) + (", ..." if len(ids) > 2 else "")
