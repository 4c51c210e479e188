"""Cells that hold several genres at once, such as "Rock|Pop": each is a label of its own for a classifier."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from genrebench.records import Remark, Track
from genrebench.tasks.words import names_no_genre

_LIST = re.compile(r"""[\[({].*[\])}]|.+[|;].+""", re.DOTALL)
_PERHAPS = re.compile(r"\s*(?:,|/|\+|&|\band\b)\s*")
_SHOWN = 3


def several_genres(tracks: Sequence[Track]) -> list[Remark]:
    """A warning about tracks whose genre is a list of genres.

    Brackets, "|" and ";" make a list. Commas, slashes, "+" and "&" are also part of names ("Soul, RnB"): with them, a genre is
    a list if all of its items are genres of other tracks.
    """
    counts = Counter(track.genre for track in tracks if track.genre)
    several = {genre: count for genre, count in counts.items() if _is_list(genre, counts)}
    if not several:
        return []
    names = ", ".join(map(repr, sorted(several, key=lambda genre: (-several[genre], genre))[:_SHOWN]))
    detail = (
        f"{sum(several.values())} tracks seem to have several genres in one cell ({names}), each of which is taken as a genre "
        "of its own; give each track one genre"
    )
    return [Remark("several-genres", "warning", detail)]


def _is_list(genre: str, counts: Counter[str]) -> bool:
    if names_no_genre(genre):  # "[unknown]"
        return False
    if _LIST.fullmatch(genre):
        return True
    items = [item for item in _PERHAPS.split(genre) if item]
    return len(items) > 1 and all(item in counts for item in items)
