"""What all figures are: matplotlib's, and shown by notebooks."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

DPI = 110
"""Resolution in notebooks."""


class Picture(Figure):
    """A figure that a notebook shows as the last line of a cell.

    Of matplotlib's own, a notebook shows only those of a session that has imported pyplot; of others it prints the type.
    """

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", dpi=DPI)
        return out.getvalue()
