"""Small datasets without audio, for the tests of splits."""

from genrebench.records import Dataset, Track


def dataset(*tracks: Track, official: dict[str, str] | None = None) -> Dataset:
    return Dataset("music", "1", tracks, tuple(sorted({track.genre for track in tracks})), official or {})


def genre(name: str, n: int, *, artists: int = 0, start: int = 0) -> tuple[Track, ...]:
    """`n` tracks of a genre, given in turn to so many artists."""
    return tuple(Track(f"{name}{i + start}", name, f"{name} artist {i % artists}" if artists else None) for i in range(n))
