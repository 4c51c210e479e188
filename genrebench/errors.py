"""Expected errors.

Every expected error is a `GenrebenchError`. The command line prints its message as one line and exits with its `exit_code`;
any other exception is a bug and is shown with its traceback. Messages quote the invalid value and name the next step.
"""

from __future__ import annotations

from collections.abc import Iterable


class GenrebenchError(Exception):
    """Base class of all expected errors."""

    exit_code = 2


class UsageError(GenrebenchError):
    """A name, an option or a value is invalid."""


class DataError(GenrebenchError):
    """A dataset or a file is missing, malformed or inconsistent."""


class AudioError(DataError):
    """An audio file can't be decoded."""

    def reason(self, path: object) -> str:
        """The message without the path at its beginning, for use where the file is already named."""
        return str(self).removeprefix(f"{path}: ")


class StoreError(GenrebenchError):
    """A run on disk is missing, damaged or can't be written."""


class PluginError(GenrebenchError):
    """A plugin can't be loaded or breaks the model contract; the message names it."""

    exit_code = 1


class RunError(GenrebenchError):
    """A run failed after it had begun; its record has the status "failed"."""

    exit_code = 1


def similar(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Names that may be meant by a word, at most `n`: the same in other case, names that begin so or contain it, and typos."""
    import difflib  # only when there is an error, so that the command line starts fast

    names = sorted(known)
    wanted = word.casefold()
    exact = [name for name in names if name.casefold() == wanted]
    begun = [name for name in names if len(wanted) > 1 and name.casefold().startswith(wanted)]
    inside = [name for name in names if len(wanted) > 2 and wanted in name.casefold()]
    folded = {name.casefold(): name for name in names}
    close = [folded[name] for name in difflib.get_close_matches(wanted, folded, n=n)]
    return (exact or begun or close or inside)[:n]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint for an error message: similar names if there are any, else all known names."""
    names = sorted(known)
    meant = similar(word, names)
    if meant:
        return f"did you mean {' or '.join(meant)}?"
    return f"known: {', '.join(names)}" if names else "there are none"
