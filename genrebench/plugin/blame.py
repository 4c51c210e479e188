"""Errors of plugins, told so that they name the plugin and the step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from genrebench.environment import without_home
from genrebench.errors import GenrebenchError, PluginError


@contextlib.contextmanager
def blaming(label: str, step: str, *, kept: type[GenrebenchError] | tuple[()] = ()) -> Iterator[None]:
    """Convert exceptions raised by a plugin into errors that name it; expected errors keep their class, `kept` stay as is."""
    try:
        yield
    except kept:
        raise
    except GenrebenchError as error:
        raise type(error)(f"{label}: {error}") from error
    except (Exception, SystemExit) as error:  # sys.exit in a plugin must not end the program
        raise PluginError(f"{label} raised {type(error).__name__} in {step}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line, without the user's home folder."""
    if isinstance(error, MemoryError):
        return "the memory isn't enough; use fewer --workers, a shorter --excerpt or a smaller model"
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, GenrebenchError):
        text = f"{type(error).__name__}: {text}" if str(error) else text
    return without_home(text)
