"""Published figures that stand beside every board. None of them can be compared with a row: the test sets differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HIDDEN = "the challenge's 35,000 hidden labels"
_REPORT = "Büchi 2018, Learning to Recognize Musical Genre"
_FMA = "Defferrard et al., FMA, github.com/mdeff/fma"


def _row(
    name: str, test_set: str, source: str, f1_micro: float | None, loss: float | None = None, note: str = ""
) -> Mapping[str, Any]:
    return {
        "name": name,
        "test_set": test_set,
        "source": source,
        "log_loss": loss,
        "f1_micro": f1_micro,
        "note": note,
        "comparable": False,
    }


def _medium(name: str, accuracy: float, columns: str = "518 features of full-length tracks") -> Mapping[str, Any]:
    return _row(name, "FMA medium, official split", _FMA, accuracy, note=columns)


REFERENCES: tuple[Mapping[str, Any], ...] = (
    _row("challenge's SVM", _HIDDEN, _REPORT, 0.6922, 0.985),
    _row("report's CNN, two epochs", _HIDDEN, _REPORT, 0.66723, 1.09868),
    _row("report's CNN, submission 7", _HIDDEN, _REPORT, 0.6719, 1.0670),
    _row("report's CNN, submission 14", _HIDDEN, _REPORT, 0.7036, 1.0155),
    _row("report's CNN, submission 23", _HIDDEN, _REPORT, 0.7232, 0.9452),
    _row("report's CNN, submission 32", _HIDDEN, _REPORT, 0.7279, 0.9367),
    _row("report's CNN, submission 42", _HIDDEN, _REPORT, 0.7329, 0.9181),
    _row(
        "best of the challenge's public board",
        _HIDDEN,
        "WWW 2018 challenge, arXiv 1803.05337",
        0.92,
        0.33,
        "artists and albums shared with training; on new tracks the same teams scored 1.31 .. 2.08 and 0.60 .. 0.64",
    ),
    _medium("SVC, rbf", 0.6288),
    _medium("logistic regression", 0.6110),
    _medium("linear SVC", 0.5865),
    _medium("MLP", 0.5814),
    _medium("kNN(200)", 0.5177),
    _medium("SVC on MFCC", 0.6098, "140 MFCC columns of full-length tracks"),
    _row("SVC on MFCC", "FMA small, official split", _FMA, 0.4638, note="140 MFCC columns of full-length tracks"),
)
"""In each: name, test_set, source, log_loss and f1_micro (None where not published), note, and comparable, always False."""
