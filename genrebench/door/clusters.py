"""The `cluster` argument of the functions that take one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from genrebench.errors import UsageError
from genrebench.records import Dataset
from genrebench.session import Session


@contextlib.contextmanager
def on_cluster(address: str | None, session: Session) -> Iterator[Session]:
    """Yield the session with the workers of a cluster while the body runs; unchanged if `address` is None.

    Parameters
    ----------
    address : str or None
        The address of a Dask scheduler, its scheduler file, or "local:N" for N processes of this machine.
    session : Session

    Raises
    ------
    UsageError
        If dask isn't installed, the cluster can't be used, or its workers don't see the folder of data and caches.
    """
    if address is None:
        yield session
        return
    if session.jobs != 1:
        raise UsageError("use either jobs or a cluster, not both: a cluster does as many runs at a time as it has workers")
    try:
        from genrebench.cluster import connected
    except ImportError as error:
        raise UsageError(f"a cluster needs dask ({error}); install it with: pip install 'genrebench[cluster]'") from None
    with connected(address, session.say) as cluster:
        cluster.require(folders=[session.home])
        yield replace(session, cluster=cluster, jobs=cluster.n_workers, workers=cluster.n_workers * cluster.threads)


def require_audio_on_cluster(dataset: Dataset, session: Session) -> None:
    """Raise a `UsageError` if workers of the session's cluster don't see the audio of a dataset."""
    if session.cluster is not None:
        session.cluster.require(audio=[track.path for track in dataset.tracks])
