"""The Sphinx extension: puts what the blocks print, display and draw below them."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from docs.running.outputs import KEPT, PageError, outputs
from docs.running.pages import DOCS, Page

DRAWN = DOCS / "_drawn"
"""The pictures of the pages; Sphinx wants them below its source."""

AT_ONCE = 2
"""Pages that are run side by side; each needs about one processor."""

MAX_LINES = 60
_PICTURES = {"image/svg+xml": "svg", "image/png": "png"}


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("source-read", _insert)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": False}


def _page(app: Any, name: str) -> Page | None:
    path = Path(app.env.doc2path(name))
    page = Page(path)
    return page if path.suffix == ".md" and any(_shown(block) for block in page.played) else None


def _outdated(app: Any, *_: Any) -> list[str]:
    """Pages with outputs are read in each build, since what they print may have changed; the outputs are kept by content."""
    names = [name for name in sorted(app.env.found_docs) if _page(app, name)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(_run, (_page(app, name) for name in names)))
    return names


def _run(page: Page) -> None:
    """Run a page, which keeps its outputs; errors come up again where the page is read."""
    with suppress(PageError):
        outputs(page)


def _insert(app: Any, name: str, source: list[str]) -> None:
    page = _page(app, name)
    if page is None:
        return
    text, end = "", 0
    for number, (block, step) in enumerate(zip(page.played, outputs(page), strict=True)):
        text += page.text[end : block.end]
        end = block.end
        if _shown(block):
            text += "\n\n" + "\n\n".join(_below(page, number, block, step))
    source[0] = text + page.text[end:]


def _shown(block: Any) -> bool:
    return any(mark == "output" or mark.startswith("figure ") for mark in block.marks)


def _below(page: Page, number: int, block: Any, step: dict[str, Any]) -> list[str]:
    """What stands below a block, as MyST."""
    parts = []
    if block.mark("output") is not None and step["text"].strip():
        lines = step["text"].strip("\n").splitlines()
        if len(lines) > MAX_LINES:
            lines = [*lines[:MAX_LINES], f"... {len(lines) - MAX_LINES} more lines"]
        parts.append("```{code-block} text\n:class: printed\n\n" + "\n".join(lines) + "\n```")
    if (drawn := block.mark("figure ")) is not None:
        file, _, alternative = drawn.partition(": ")
        content = (KEPT / page.name / file).read_bytes()
        parts.append(_picture(page, f"{number}{Path(file).suffix}", content, alternative))
    for i, output in enumerate(step["outputs"] if block.mark("output") is not None else []):
        kind = next((kind for kind in _PICTURES if kind in output), None)
        if kind is not None:
            content = output[kind].encode() if kind == "image/svg+xml" else base64.b64decode(output[kind])
            parts.append(_picture(page, f"{number}-{i}.{_PICTURES[kind]}", content, "the figure that this cell draws"))
        elif "text/html" in output:
            parts.append(f'```{{raw}} html\n<div class="displayed">{output["text/html"]}</div>\n```')
        elif "text/plain" in output:
            parts.append(f"```text\n{output['text/plain']}\n```")
    return parts


def _picture(page: Page, name: str, content: bytes, alternative: str) -> str:
    file = DRAWN / page.name / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    up = "../" * (len(page.path.relative_to(DOCS).parts) - 1)
    return f"![{alternative}]({up}{DRAWN.name}/{page.name}/{name})"
