"""The templates of the pages, and how values are written in them."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from genrebench.boards.row import rank_range
from genrebench.layout import GLUE, glued
from genrebench.tables import printable

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_WORD = 18
"""Characters of a word that is never broken."""

LONGEST_NAME = 32
"""Characters of a word with a hyphen, such as a genre's, that is broken nowhere."""

HERE = Path(__file__).parent

_PARTS = re.compile(r"[^=_]+[=_]*|[=_]+")
_HYPHEN = re.compile(r"\w[-–]\w")
_MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)")


def render(template: str, **values: Any) -> str:
    """Render a page; all inserted values are escaped."""
    return templates().get_template(template).render(**values)


@cache
def templates() -> Environment:
    """The templates and the filters that they use."""
    from jinja2 import ChainableUndefined, Environment, FileSystemLoader

    environment = Environment(  # imported records may lack fields
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_control_characters,
    )
    environment.filters |= {
        "number": number,
        "signed": signed,
        "percent": percent,
        "share": share,
        "between": between,
        "percents": percents,
        "seconds": seconds,
        "rank_range": lambda ranks: rank_range(ranks).replace(" .. ", "–"),
        "prose": prose,
        "label": label,
        "name": name,
        "text": text,
    }
    script = (HERE / "static" / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "version": importlib.metadata.version("genrebench"),
        "script": Markup(script),  # noqa: S704 - our own
        "script_source": f"'sha256-{digest}'",  # of all scripts a page runs this one only, wherever it lies
    }
    return environment


def number(value: Any, digits: int = 3) -> str:
    """A number with a minus sign that isn't torn off, and thousands apart; a dash for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return (f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}").replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def percent(value: Any, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * value:.{digits}f}{GLUE}%" if isinstance(value, int | float) else "–"


def share(part: int, whole: int) -> str:
    """A part of several tracks as a percentage without digits that so few tracks don't have."""
    return f"{100 * part / whole:.0f}{GLUE}%" if whole else "–"


def between(interval: Any, digits: int = 3) -> str:
    """An interval."""
    return f"{number(interval[0], digits)} to {number(interval[1], digits)}".replace(" ", GLUE) if interval else ""


def percents(interval: Any) -> str:
    """An interval of shares."""
    if not interval:
        return ""
    low, high = (f"{100 * end:.0f}" for end in interval)
    return f"{low}–{high}{GLUE}%" if low != high else f"{low}{GLUE}%"


def seconds(value: Any) -> str:
    """A duration."""
    if not isinstance(value, int | float):
        return "–"
    if value >= 90:
        return f"{value / 60:.1f}{GLUE}min" if value < 5400 else f"{value / 3600:.1f}{GLUE}h"
    return f"{value:.2g}{GLUE}s" if value < 10 else f"{value:.0f}{GLUE}s"


def prose(sentence: Any) -> Markup:
    """A sentence whose numbers stay with their signs and units, and whose names and ranges aren't broken at a dash."""
    return name(glued(_MINUS.sub("−", _visible(str(sentence)))))


def name(words: str) -> Markup:
    """A name, such as that of a genre, which is broken at blanks but not at a hyphen."""
    return Markup(" ").join(
        Markup('<span class="word">{}</span>').format(word) if _HYPHEN.search(word) and len(word) <= LONGEST_NAME else word
        for word in _visible(words).split(" ")
    )


def label(name: str) -> Markup:
    """The label of a row, which is broken between options, and in them only after "=" or "_" if they are long."""
    return Markup(" ").join(map(_word, _visible(name).split(" ")))


def _word(word: str) -> Markup:
    if len(word) <= LONGEST_WORD:
        return Markup('<span class="id">{}</span>').format(word)
    return Markup("<wbr>").join(_PARTS.findall(word))


def text(value: Any) -> str:
    """Text for display of any value in a record."""
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')} {text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _without_control_characters(value: Any) -> Any:
    """Every value that a template inserts, but for drawings, which are made without them; glue stays."""
    return _visible(value) if type(value) is str else value


def _visible(shown: str) -> str:
    if shown.isprintable() or shown.replace(GLUE, " ").isprintable():
        return shown
    return GLUE.join(map(printable, shown.split(GLUE)))
