"""Files of models that this user has named: code of no other file is run because a record, perhaps a stranger's, names it."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from genrebench import files
from genrebench.errors import UsageError
from genrebench.session import data_home

_named: set[Path] = set()
"""By this process: the data folder may not be writable."""


def remember(file: str | Path) -> None:
    """Note that the user has named a file, so that their runs can be reproduced and predict."""
    path = Path(file).expanduser().resolve()
    _named.add(path)
    with contextlib.suppress(OSError, UsageError):
        note = _note(path)
        if not note.exists():
            note.parent.mkdir(parents=True, exist_ok=True)
            files.write(note, str(path).encode(errors="surrogateescape"), durable=False)


def require_named(run_id: str, file: str | None) -> None:
    """Check that the user has named the file of a run's model.

    Raises
    ------
    UsageError
        If not; the message says how to.
    """
    if file is None:
        return
    path = Path(file).expanduser().resolve()
    with contextlib.suppress(OSError, UsageError):
        if path in _named or not path.exists() or _note(path).exists():
            return
    raise UsageError(
        f"the record of {run_id} names the file {file}, which you haven't run here, and its code isn't run because a record "
        f"says so; read the file and, if you trust it, allow it with: genrebench plugins show {file}"
    )


def _note(path: Path) -> Path:
    name = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:32]
    return data_home() / "model-files" / name
