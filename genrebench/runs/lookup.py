"""Finding the run that a name means: an id, the beginning of one, `latest`, or `MODEL@latest`."""

from __future__ import annotations

from collections.abc import Sequence

from genrebench.errors import StoreError, UsageError, similar
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore

LATEST = "latest"
MAX_CANDIDATES = 5


def find_run(stores: Sequence[RunStore], name: str) -> tuple[RunStore, str]:
    """Find the run that a name means.

    Parameters
    ----------
    stores : sequence of RunStore
        If several have the same id, the first takes precedence.
    name : str
        An id, a beginning that only one id has, "latest" for the newest run, or "MODEL@latest" for the newest of a model.

    Returns
    -------
    store : RunStore
    id : str

    Raises
    ------
    UsageError
        If several ids begin with the name; the message lists them.
    StoreError
        If there is no such run; the message names similar ones.
    """
    ids = {id_: store for store in reversed(stores) for id_ in store.ids()}
    if name in ids:
        return ids[name], name
    model, at, latest = name.rpartition("@")
    if latest == LATEST and (model or not at):
        return _newest(stores, model)
    matches = [id_ for id_ in ids if name and id_.startswith(name)]
    if len(matches) == 1:
        return ids[matches[0]], matches[0]
    if matches:
        raise UsageError(
            f"{name!r} begins {len(matches)} run ids: {candidates(matches)}; give more of the id{_or_latest(matches)}"
        )
    meant = [id_ for id_ in ids if name and name.lower() in id_] or similar(name, ids)
    if not meant:
        stores[0].folder(name)  # the error of a name that can't be an id
    hint = f"did you mean {candidates(meant, ' or ')}?" if meant else "list the runs with `genrebench runs list`"
    raise StoreError(f"there is no run {name!r:.250} in {_roots(stores)}; {hint}")


def candidates(ids: Sequence[str], between: str = ", ") -> str:
    """Ids in words, the newest first as far as their names tell, at most `MAX_CANDIDATES`."""
    newest = sorted(ids, key=lambda id_: id_.split("-")[-3:], reverse=True)
    more = len(newest) - MAX_CANDIDATES
    return between.join([*newest[:MAX_CANDIDATES], *([f"{more} more"] if more > 0 else [])])


def _newest(stores: Sequence[RunStore], model: str) -> tuple[RunStore, str]:
    runs: list[tuple[RunStore, Run]] = [(store, run) for store in stores for run in store.runs()]
    chosen = [(store, run) for store, run in runs if model in ("", run.model.name)]
    if chosen:
        store, run = max(chosen, key=lambda pair: (pair[1].started, pair[1].id))
        return store, run.id
    if not runs:
        raise StoreError(f"there are no runs in {_roots(stores)}; start with: genrebench run MODEL")
    models = sorted({run.model.name for _, run in runs})
    meant = similar(model, models, n=1)
    hint = f"did you mean {meant[0]}@{LATEST}?" if meant else f"there are runs of {', '.join(models)}"
    raise StoreError(f"there is no run of the model {model!r:.250}; {hint}")


def _or_latest(ids: Sequence[str]) -> str:
    """`MODEL@latest`, if all ids are of one model."""
    models = {id_.rsplit("-", 3)[0] for id_ in ids}
    return f", or {models.pop()}@{LATEST}" if len(models) == 1 else ""


def _roots(stores: Sequence[RunStore]) -> str:
    return " or ".join(str(store.root) for store in stores)
