"""The page of the docs that says more on each command; its help names it."""

PAGES = {
    "ablate": "howto/compare.md",
    "cache": "install.md",
    "cite": "howto/paper.md",
    "compare": "howto/compare.md",
    "data": "howto/folder.md",
    "data features": "howto/folder.md",
    "data get": "howto/fma.md",
    "data list": "howto/other-datasets.md",
    "data split": "howto/split.md",
    "leaderboard": "howto/board.md",
    "leakage": "howto/compare.md",
    "plugins": "howto/plugin.md",
    "plugins check": "howto/kit.md",
    "plugins list": "install.md",
    "plugins show": "tutorial.md",
    "predict": "howto/predict.md",
    "report": "howto/board.md",
    "reproduce": "howto/runs.md",
    "run": "tutorial.md",
    "runs": "howto/runs.md",
    "runs export": "howto/bundle.md",
    "runs import": "howto/bundle.md",
    "score": "howto/predict.md",
    "submission": "howto/predict.md",
}
"""By command, or by group for those of its commands that have no page of their own."""


def page_of(*words: str) -> str:
    """The page of a command, given its words after ``genrebench``; the tutorial for ``genrebench`` itself."""
    return PAGES.get(" ".join(words)) or PAGES.get(words[0] if words else "", "tutorial.md")
