"""Forest plots within tables: a small drawing per row, all on one axis; positions in per cent fit any width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

MARGIN = 5.0
"""Per cent of the width on each side that stay free for the marks and labels at the ends."""


@dataclass(frozen=True)
class Strips:
    """The axis of a column.

    Parameters
    ----------
    low, high : float
        Values outside lie at its ends.
    ticks : tuple of float
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], highest: float = math.inf) -> Strips:
        """The axis of values; those above `highest` don't stretch it."""
        finite = [min(value, highest) for value in values if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        if high <= low:
            low, high = low - 0.5, high + 0.5
        return cls(low, high, tuple(_ticks(low, high)))

    @classmethod
    def of_ranks(cls, n: int) -> Strips:
        """The axis of ranks up to n."""
        step = max(1, -(-(n - 1) // 4))
        ticks = [1.0, *(float(rank) for rank in range(1 + step, n + 1, step))]
        return cls(0.5, n + 0.5, tuple(ticks))

    def axis(self) -> Markup:
        """The labels of the ticks."""
        digits = 0 if all(tick == int(tick) for tick in self.ticks) else max(1, -math.floor(math.log10(self._step)))
        labels = (f'<text x="{self._at(tick)}" y="12">{tick:.{digits}f}</text>' for tick in self.ticks)
        return Markup(f'<svg class="strip axis" width="100%" height="15" aria-hidden="true">{"".join(labels)}</svg>')  # noqa: S704

    def interval(self, value: float, ends: tuple[float, float] | None, mark: str = "") -> Markup:
        """A value with its interval."""
        line = "" if ends is None else f'<line class="bar" x1="{self._at(ends[0])}" x2="{self._at(ends[1])}" y1="9" y2="9"/>'
        beyond = value > self.high
        dot = '<text class="beyond" x="100%" y="13">›</text>' if beyond else f'<circle cx="{self._at(value)}" cy="9" r="4"/>'
        return self._strip(mark + line + dot)

    def beside(self, value: float, ends: tuple[float, float] | None, expected: float) -> Markup:
        """A value with its interval, and a mark at what it should be."""
        mark = f'<line class="expected" x1="{self._at(expected)}" x2="{self._at(expected)}" y1="2" y2="16"/>'
        return self.interval(value, ends, mark)

    def span(self, first: float, last: float) -> Markup:
        """A range of ranks, as a bar that fills their places."""
        ends = self._at(first - 0.4), self._at(last + 0.4)
        return self._strip(f'<line class="span" x1="{ends[0]}" x2="{ends[1]}" y1="9" y2="9"/>')

    def _strip(self, marks: str) -> Markup:
        grid = "".join(
            f'<line class="grid" x1="{self._at(tick)}" x2="{self._at(tick)}" y1="0" y2="18"/>' for tick in self.ticks
        )
        return Markup(f'<svg class="strip" width="100%" height="18" aria-hidden="true">{grid}{marks}</svg>')  # noqa: S704

    @property
    def _step(self) -> float:
        return min((b - a for a, b in zip(self.ticks, self.ticks[1:], strict=False)), default=self.high - self.low)

    def _at(self, value: float) -> str:
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{MARGIN + (100 - 2 * MARGIN) * part:.2f}%"


def _ticks(low: float, high: float) -> list[float]:
    """Three to five round values in a range."""
    size = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(factor * size for factor in (1, 2, 5, 10, 20) if (high - low) / (factor * size) <= 4.5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]
