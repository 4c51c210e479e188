"""The blocks of code of a page, and what the comments before them say.

A comment on the line before a block, with an empty line between, has marks, separated by semicolons:

- ``output``: the built page shows what the block prints;
- ``figure FILE: what one sees``: the built page shows this picture, which the block has written;
- ``file NAME``: the block isn't run, but is the content of this file;
- ``exit 1``: the last command of the block is expected to end with this code;
- ``tested as COMMAND``: this is run instead, since the real thing takes hours or another machine;
- ``needs FOLDER``: the block isn't run without this folder of real data;
- ``not run: why``: the block isn't run.

A comment ``<!-- page: ... -->`` speaks of the whole page: ``starts empty`` or ``starts after PAGE`` (others start with the runs
with which the tutorial ends), and ``runs python`` (the blocks of Python are one notebook; elsewhere they are only compiled).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<marks>(?!page:)[^\n]*) -->\n\n?)?^```(?P<language>sh|python)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
_PAGE = re.compile(r"^<!-- page: (.*) -->$", re.MULTILINE)
_KINDS = ("output", "figure ", "file ", "exit ", "tested as ", "needs ", "not run: ")


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Parameters
    ----------
    language : {"sh", "python"}
    code : str
    marks : tuple of str
    line : int
        Its line in the page, from 1.
    end : int
        Where its text ends in the page, in characters.
    """

    language: str
    code: str
    marks: tuple[str, ...]
    line: int
    end: int

    def mark(self, kind: str) -> str | None:
        """What follows the name of a mark, or None without it."""
        return next((mark.removeprefix(kind).strip(" :") for mark in self.marks if mark.startswith(kind)), None)


@dataclass(frozen=True)
class Page:
    """A page of the docs.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def name(self) -> str:
        """Its path without suffix, as a name of a file."""
        return "-".join(self.path.relative_to(ROOT).with_suffix("").parts)

    @cached_property
    def text(self) -> str:
        """The page as it is written."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """What the page says of itself."""
        found = _PAGE.search(self.text)
        return tuple(setting.strip() for setting in found[1].split(";")) if found else ()

    @property
    def start(self) -> Page | None:
        """The page with whose runs this one starts; None if it starts without."""
        if "starts empty" in self.settings:
            return None
        after = next(
            (setting.removeprefix("starts after ") for setting in self.settings if setting.startswith("starts after ")), None
        )
        return Page(TUTORIAL if after is None else DOCS / after)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks of shell commands and Python, in order."""
        blocks = []
        for found in _BLOCK.finditer(self.text):
            marks = tuple(mark.strip() for mark in (found["marks"] or "").split("; ") if mark.strip().startswith(_KINDS))
            line = self.text.count("\n", 0, found.start("code")) + 1
            blocks.append(Block(found["language"], found["code"], marks, line, found.end()))
        return tuple(blocks)

    @cached_property
    def played(self) -> tuple[Block, ...]:
        """The blocks that are run."""
        languages = {"sh", *(["python"] if "runs python" in self.settings else [])}
        return tuple(
            block
            for block in self.blocks
            if block.mark("not run") is None and (block.language in languages or block.mark("file "))
        )


def pages() -> list[Page]:
    """All pages, README and CONTRIBUTING among them."""
    found = [path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts and not path.name.startswith("_")]
    return [Page(path) for path in (*found, ROOT / "README.md", ROOT / "CONTRIBUTING.md")]
