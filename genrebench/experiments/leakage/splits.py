"""Two training sets for the same test set: without and with the test artists.

Half of each genre's artists are test artists, and half of their tracks are the test part. The training set "without" has only
tracks by other artists; in "with", some of these are replaced by the test artists' remaining tracks, with equal genre counts.
"""

from __future__ import annotations

from collections import defaultdict

from genrebench.errors import UsageError
from genrebench.records import Fold, Split, Task, Track
from genrebench.tasks.splits import seeded_order

WITHOUT, WITH = "leakage-without", "leakage-with"


def leakage_splits(task: Task, seed: int) -> tuple[Split, Split, int]:
    """Split the task's tracks without and with shared artists.

    Parameters
    ----------
    task : Task
    seed : int
        Decides which artists are tested.

    Returns
    -------
    without, with_ : Split
        Both have the same test part, training parts of the same size and genre counts, and no validation part.
    n_replaced : int
        Number of training tracks in "with" that are by test artists.

    Raises
    ------
    UsageError
        If no artist is known, or no genre has two artists, one of them with two tracks.
    """
    if not any(track.artist for track in task.dataset.tracks):
        raise UsageError(f"{task.dataset.name} has no artists, so leakage can't be measured; add a column artist")
    by_genre: dict[str, dict[str, list[Track]]] = defaultdict(lambda: defaultdict(list))
    used = set(task.split.ids)
    for track in task.dataset.tracks:
        if track.artist is not None and track.id in used:
            by_genre[track.genre][track.artist].append(track)
    main_genres = _main_genres(by_genre)
    test: list[str] = []
    shared: list[str] = []  # in both training sets
    replaced: list[str] = []  # by other artists, only in "without"
    replacing: list[str] = []  # by test artists, only in "with"
    for genre in task.genres:
        artists = sorted((a for a in by_genre[genre] if main_genres[a] == genre), key=lambda a: seeded_order(seed, a))
        tested = [a for a in artists if len(by_genre[genre][a]) > 1][: len(artists) // 2]
        tracks = {a: sorted(by_genre[genre][a], key=lambda t: seeded_order(seed, t.id)) for a in artists}
        spare = [t.id for a in tested for t in tracks[a][len(tracks[a]) // 2 :]]
        clean = sorted((t.id for a in artists if a not in tested for t in tracks[a]), key=lambda id_: seeded_order(seed, id_))
        n = min(len(spare), len(clean))
        if not tested or not n:
            shared += clean
            continue
        test += [t.id for a in tested for t in tracks[a][: len(tracks[a]) // 2]]
        replacing += spare[:n]
        replaced += clean[:n]
        shared += clean[n:]
    if not test:
        raise UsageError(
            f"no genre of {task.dataset.name} has two artists, one of them with two tracks, so leakage can't be measured"
        )
    without = Split(WITHOUT, seed, (Fold(tuple(shared + replaced), (), tuple(test)),))
    with_ = Split(WITH, seed, (Fold(tuple(shared + replacing), (), tuple(test)),))
    return without, with_, len(replacing)


def _main_genres(by_genre: dict[str, dict[str, list[Track]]]) -> dict[str, str]:
    """The genre in which each artist has the most tracks; tracks of other genres aren't used."""
    best: dict[str, tuple[int, str]] = {}
    for genre, artists in by_genre.items():
        for artist, tracks in artists.items():
            best[artist] = max(best.get(artist, (0, "")), (len(tracks), genre))
    return {artist: genre for artist, (_, genre) in best.items()}
