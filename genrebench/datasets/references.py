"""Published scores on FMA's subsets, for scale; their test sets or features differ from a board's."""

from __future__ import annotations

from genrebench.plugin.datasets import Reference

_HIDDEN = "the challenge's 35,000 hidden labels"
_REPORT = "Büchi 2018, Learning to Recognize Musical Genre"
_FMA = "Defferrard et al., FMA, github.com/mdeff/fma"
_OFFICIAL = "FMA medium, official split"
_ALL_COLUMNS = "518 features of full-length tracks"
_MFCC = "140 MFCC columns of full-length tracks"

FMA_MEDIUM = (
    Reference("challenge's SVM", _HIDDEN, _REPORT, 0.985, 0.6922),
    Reference("report's CNN, two epochs", _HIDDEN, _REPORT, 1.09868, 0.66723),
    Reference("report's CNN, submission 7", _HIDDEN, _REPORT, 1.0670, 0.6719),
    Reference("report's CNN, submission 14", _HIDDEN, _REPORT, 1.0155, 0.7036),
    Reference("report's CNN, submission 23", _HIDDEN, _REPORT, 0.9452, 0.7232),
    Reference("report's CNN, submission 32", _HIDDEN, _REPORT, 0.9367, 0.7279),
    Reference("report's CNN, submission 42", _HIDDEN, _REPORT, 0.9181, 0.7329),
    Reference(
        "best of the challenge's public board",
        _HIDDEN,
        "WWW 2018 challenge, arXiv 1803.05337",
        0.33,
        0.92,
        "artists and albums shared with training; on new tracks the same teams scored 1.31 .. 2.08 and 0.60 .. 0.64",
    ),
    Reference("SVC, rbf", _OFFICIAL, _FMA, None, 0.6288, _ALL_COLUMNS),
    Reference("logistic regression", _OFFICIAL, _FMA, None, 0.6110, _ALL_COLUMNS),
    Reference("linear SVC", _OFFICIAL, _FMA, None, 0.5865, _ALL_COLUMNS),
    Reference("MLP", _OFFICIAL, _FMA, None, 0.5814, _ALL_COLUMNS),
    Reference("kNN(200)", _OFFICIAL, _FMA, None, 0.5177, _ALL_COLUMNS),
    Reference("SVC on MFCC", _OFFICIAL, _FMA, None, 0.6098, _MFCC),
)
FMA_SMALL = (Reference("SVC on MFCC", "FMA small, official split", _FMA, None, 0.4638, _MFCC),)
