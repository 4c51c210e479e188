"""Figures in pages: SVG that follows the reader's theme, and needs neither styles nor scripts of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from genrebench.tables import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = re.compile(rb'style="([^"]*)"')
_KEPT = ("fill", "stroke", "stroke-", "opacity", "fill-opacity", "font-size", "text-anchor", "clip-path")


def inline(figure: Figure, name: str, text: str) -> tuple[Markup, bytes]:
    """A figure as an element of a page, and as an SVG file.

    Parameters
    ----------
    figure : Figure
    name : str
        Ids begin with it, since a page has several figures.
    text : str
        Description for screen readers.
    """
    from genrebench.figures import as_svg
    from genrebench.figures.style import ACCENT, INK, LINE, MUTED, SOFT

    file = as_svg(figure)
    svg = re.sub(rb"<metadata>.*?</metadata>|<style.*?</style>", b"", file[file.index(b"<svg") :], flags=re.DOTALL)
    svg = _STYLE.sub(_as_attributes, svg)  # a page allows no styles within elements
    svg = re.sub(rb' id="(?![mp][0-9a-f]{10}")[^"]*"', b"", svg)
    svg = re.sub(rb'( id="|ref="#|url\(#)(?=[mp])', rb"\1" + f"{name}-".encode(), svg)
    for colour, variable in ((INK, "ink"), (SOFT, "soft"), (LINE, "line"), (ACCENT, "accent"), (MUTED, "muted")):
        svg = svg.replace(colour.encode(), f"var(--{variable})".encode())
    width, height = (float(size) for size in figure.get_size_inches())
    head = f'<svg role="img" aria-label="{escape(printable(text))}" viewBox="0 0 {72 * width:g} {72 * height:g}" '
    head += f'width="{96 * width:.0f}" height="{96 * height:.0f}" stroke-linejoin="round">'
    return Markup(head + svg[svg.index(b">") + 1 :].decode()), file  # noqa: S704 - matplotlib escapes texts


def write_files(figure: Figure, svg: bytes | None, stem: Path) -> None:
    """Write a figure as files to download, STEM.svg and STEM.pdf."""
    from genrebench.figures import as_pdf, as_svg

    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_name(f"{stem.name}.svg").write_bytes(as_svg(figure) if svg is None else svg)
    stem.with_name(f"{stem.name}.pdf").write_bytes(as_pdf(figure))


def _as_attributes(style: re.Match[bytes]) -> bytes:
    pairs = (part.partition(b":") for part in style[1].split(b";"))
    kept = ((name.strip(), value.strip()) for name, _, value in pairs if name.strip().decode().startswith(_KEPT))
    return b" ".join(b'%s="%s"' % pair for pair in kept)
