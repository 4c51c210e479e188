"""Two training sets for one test set: without and with the test's artists.

Half of each genre's artists give half of their tracks to the test part. The training set "without" holds tracks of the other
artists only; in "with", some of them are replaced by the test artists' remaining tracks, genre by genre as many.
"""

from __future__ import annotations

from collections import defaultdict

from genrebench.errors import UsageError
from genrebench.records import Fold, Split, Task, Track
from genrebench.tasks.splits import seeded_order

WITHOUT, WITH = "leakage-without", "leakage-with"


def leakage_splits(task: Task) -> tuple[Split, Split, int]:
    """Cut the task's tracks with and without shared artists.

    Parameters
    ----------
    task : Task
        Its split's seed decides which artists are tested.

    Returns
    -------
    without, with_ : Split
        The same test part; training parts of the same size and genre counts; no validation.
    n_replaced : int
        How many training tracks of "with" are by artists of the test.

    Raises
    ------
    UsageError
        If no artist is known, or no genre has two artists of whom one has two tracks.
    """
    if not any(track.artist for track in task.dataset.tracks):
        raise UsageError(f"{task.dataset.name} names no artist, so the gain from shared artists can't be measured")
    seed = task.split.seed
    by_genre: dict[str, dict[str, list[Track]]] = defaultdict(lambda: defaultdict(list))
    used = {id_ for fold in task.split.folds for part in (fold.training, fold.validation, fold.test) for id_ in part}
    for track in task.dataset.tracks:
        if track.artist is not None and track.id in used:
            by_genre[track.genre][track.artist].append(track)
    main = _main_genres(by_genre)
    test: list[str] = []
    base: list[str] = []
    others: list[str] = []
    own: list[str] = []
    for genre in task.genres:
        artists = sorted((a for a in by_genre[genre] if main[a] == genre), key=lambda a: seeded_order(seed, a))
        tested = [a for a in artists if len(by_genre[genre][a]) > 1][: len(artists) // 2]
        tracks = {a: sorted(by_genre[genre][a], key=lambda t: seeded_order(seed, t.id)) for a in artists}
        spare = [t.id for a in tested for t in tracks[a][len(tracks[a]) // 2 :]]
        clean = sorted((t.id for a in artists if a not in tested for t in tracks[a]), key=lambda id_: seeded_order(seed, id_))
        n = min(len(spare), len(clean))
        if not tested or not n:
            base += clean
            continue
        test += [t.id for a in tested for t in tracks[a][: len(tracks[a]) // 2]]
        own += spare[:n]
        others += clean[:n]
        base += clean[n:]
    if not test:
        raise UsageError(
            f"no genre of {task.dataset.name} has two artists of whom one has two tracks, so the leak can't be measured"
        )
    without = Split(WITHOUT, seed, (Fold(tuple(base + others), (), tuple(test)),))
    with_ = Split(WITH, seed, (Fold(tuple(base + own), (), tuple(test)),))
    return without, with_, len(own)


def _main_genres(by_genre: dict[str, dict[str, list[Track]]]) -> dict[str, str]:
    """Genre in which an artist has most tracks; with the rest of their tracks an artist isn't used."""
    best: dict[str, tuple[int, str]] = {}
    for genre, artists in by_genre.items():
        for artist, tracks in artists.items():
            best[artist] = max(best.get(artist, (0, "")), (len(tracks), genre))
    return {artist: genre for artist, (_, genre) in best.items()}
