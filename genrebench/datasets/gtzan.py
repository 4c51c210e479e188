"""GTZAN, from the user's own copy: it has no licence, so it can't be downloaded.

G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", IEEE Transactions on Speech and Audio Processing
10(5), 2002. Its faults, repetitions, wrong labels and distortions, are catalogued by B. L. Sturm, "The GTZAN dataset: its
contents, its faults, their effects on evaluation, and its future use", arXiv 1306.1461.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from genrebench.datasets.table import clean, digest
from genrebench.errors import DataError
from genrebench.plugin.splits import SplitSpec
from genrebench.reading import UnsafeFileError, read_ordinary
from genrebench.records import PARTS, Dataset, Fold, Remark, Track

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
SUFFIXES = (".wav", ".au", ".flac", ".mp3", ".ogg")
PER_GENRE = 100
INDEX = "GTZANindex.txt"
"""Sturm's list of artists and titles, which is read where the user has it: "blues.00002.wav ::: John Lee Hooker ::: title"."""

MAX_INDEX = 2**24
"""Largest list of artists, in bytes."""

_FOLDERS = ("", "genres", "genres_original", "Data/genres_original", "gtzan/genres")
"""Where the folders of the genres are in the archives that are passed around."""

FAULT_FILTERED = "fault-filtered"

_FAULT_FILTERED: Mapping[str, str] = {
    "training": """
    29-49 73-97 130-133 143-148 150-167 180-199 219-226 228-229 265-299 305 315-320 322-337 339-345 347 349 353-354
    356-357 359 361 370 373-374 389 402-425 428-429 431-438 441-442 455-461 477-480 500-501 511-524 541 547-572 602-603
    605 621 624 635 646-657 659-666 669 671-672 679-680 684 686 689-699 702-709 711-712 716-720 723-729 731-736 738-742
    744 746 749-750 780 797-802 804 806 809 811-812 814-832 842-845 849-851 854-860 863 869 900-909 916-926 957-970
    991-999
    """,
    "validation": """
    0-11 50-60 100-110 168-176 200-207 209-218 227 241-242 245 249 300 302-304 306-314 346 348 352 367-368 372 375 390
    395 481-498 502-510 525-532 600-601 606-611 616-620 636-637 668 676-677 681-682 710 753 755 758-762 781 783-786
    861-862 870 872 874 876-878 885 892-899 938 949-956 971-985
    """,
    "test": """
    12-28 61-72 98-99 111-129 134-141 149 177-179 230-240 243-244 246-248 250-251 253-264 301 321 358 362-366 369
    376-388 391-394 396-397 399-400 426-427 430 440 443-445 451-454 462-475 499 573-599 612-615 622-623 625-633 638-639
    667 670 673-675 678 683 685 687-688 700-701 713-714 743 763-766 769-779 782 788-796 834-840 846-848 852-853 864-868
    871 879 882-884 887-890 910-915 927-937 939-948 986-990
    """,
}
"""Numbers of the tracks, 100 per genre in the order of `GENRES`: blues.00000 is 0, rock.00099 is 999.

The partition without Sturm's faults and with no artist in two parts by C. Kereliuk, B. L. Sturm and J. Larsen, "Deep Learning
and Music Adversaries", arXiv 1507.04761, in the lists of github.com/coreyker/dnn-mgr that others use, as torchaudio and
github.com/jongpillee/music_dataset_split have it: 443, 197 and 290 tracks.
"""

_REPETITIONS = """
    350 351 370, 355 360 389, 371 374, 398 399, 439 445, 476 478, 533 551, 534 553, 535 555, 536 558, 537 560, 538 562, 539
    565, 540 567, 542 568, 543 569, 544 570, 545 571, 546 572, 604 613, 634 694, 640 661, 641 662, 642 663, 643 664, 644
    665, 645 666, 658 916, 715 722, 730 731, 745 746, 747 780, 752 757, 754 760, 756 759, 767 771, 787 790, 803 854, 805
    856, 808 857, 810 860, 813 858, 841 869, 873 874, 880 881 882, 875 891 892
    """
"""Tracks that are the same samples: Sturm's 50 exact repetitions, as two independent public lists have them. In each group but
two, the fault-filtered split keeps one."""

_DISTORTED = 886
"""reggae.00086, of which Sturm says that 5 seconds can be used."""

CITATION = """@article{gtzan,
  title = {Musical genre classification of audio signals},
  author = {Tzanetakis, George and Cook, Perry},
  journal = {IEEE Transactions on Speech and Audio Processing},
  volume = {10},
  number = {5},
  pages = {293--302},
  year = {2002},
}

@misc{gtzan_faults,
  title = {The {GTZAN} dataset: Its contents, its faults, their effects on evaluation, and its future use},
  author = {Sturm, Bob L.},
  year = {2013},
  archiveprefix = {arXiv},
  eprint = {1306.1461},
}"""


def load(home: Path) -> Dataset:
    """Read the copy in the folder ``gtzan`` of the data folder, which may be a link.

    Returns
    -------
    Dataset
        Ids are file names without the suffix: "blues.00000". Artists are known where the user has Sturm's list, `INDEX`, in
        the folder or in that of the genres.

    Raises
    ------
    DataError
        If there is no copy, two files have one id, or the list can't be read.
    """
    root = home / "gtzan"
    folder = next((root / name for name in _FOLDERS if all((root / name / genre).is_dir() for genre in GENRES)), None)
    if folder is None:
        raise DataError(
            f"gtzan isn't on this machine: {root} has no folders {', '.join(GENRES[:3])}, ...; GTZAN can't be downloaded, so "
            "move your copy there or link it: the folder with one subfolder per genre"
        )
    artists = _artists(next((file for file in (root / INDEX, folder / INDEX) if file.is_file()), None))
    tracks: dict[str, Track] = {}
    for genre in GENRES:
        for file in sorted((folder / genre).iterdir()):
            if file.suffix.lower() not in SUFFIXES or file.name.startswith("."):
                continue
            if file.stem in tracks:
                raise DataError(f"{folder / genre} has two files for {file.stem!r}; remove one")
            tracks[file.stem] = Track(file.stem, genre, artists.get(file.stem), file)
    if not tracks:
        raise DataError(f"the folders of the genres in {folder} have no audio files")
    return Dataset(
        name="gtzan",
        version=f"gtzan-{digest(list(tracks.values()))}",
        tracks=tuple(tracks.values()),
        genres=GENRES,
        note="GTZAN, without a licence; for research with your own copy",
        remarks=tuple(_remarks(tracks)),
    )


def _remarks(tracks: Mapping[str, Track]) -> Iterator[Remark]:
    known = {id_ for ids in fault_filtered_ids().values() for id_ in ids}
    faulty = [id_ for id_ in tracks if id_ not in known]
    if faulty:
        yield Remark(
            "faults",
            "warning",
            f"{len(faulty)} of {len(tracks)} tracks aren't in the fault-filtered split, which follows Sturm's catalogue of "
            f"repetitions, wrong labels and distortions, for example {faulty[0]!r}; --split {FAULT_FILTERED} leaves them out",
        )
    groups = [there for group in repetitions() if len(there := [id_ for id_ in group if id_ in tracks]) > 1]
    if groups:
        mixed = [group for group in groups if len({tracks[id_].genre for id_ in group}) > 1]
        yield Remark(
            "repetitions",
            "warning",
            f"{sum(map(len, groups)) - len(groups)} tracks repeat another one exactly, for example {' and '.join(groups[0])}"
            + (f"; {' and '.join(mixed[0])} do so in two genres" if mixed else ""),
        )
    if (distorted := _id(_DISTORTED)) in tracks:
        yield Remark("distortion", "warning", f"{distorted} is distorted but for 5 seconds")
    missing = len(GENRES) * PER_GENRE - len(tracks)
    if missing:
        yield Remark("missing", "warning", f"the copy has {len(tracks)} tracks instead of {len(GENRES) * PER_GENRE}")


def _artists(index: Path | None) -> dict[str, str]:
    """Artist by track id, from Sturm's list; a track whose artist isn't known isn't in it."""
    if index is None:
        return {}
    try:
        lines = read_ordinary(index, MAX_INDEX).decode(errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"can't read {index}: {error.strerror}") from None
    except UnsafeFileError as error:
        raise DataError(f"can't read {index}: {error}") from None
    artists = {}
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in line.split(":::")]
        if len(cells) > 1 and cells[1]:
            artists[Path(cells[0]).stem] = clean(cells[1], "artist", f"{index}, line {number}")
    return artists


def fault_filtered_ids() -> dict[str, tuple[str, ...]]:
    """Ids of the tracks of each part of the fault-filtered split."""
    return {part: tuple(map(_id, _numbers(text))) for part, text in _FAULT_FILTERED.items()}


def repetitions() -> list[tuple[str, ...]]:
    """Groups of tracks that are the same samples."""
    return [tuple(map(_id, _numbers(group))) for group in _REPETITIONS.split(",")]


def _numbers(text: str) -> Iterator[int]:
    for item in text.split():
        first, _, last = item.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _id(number: int) -> str:
    return f"{GENRES[number // PER_GENRE]}.{number % PER_GENRE:05d}"


def _fault_filtered(dataset: Dataset, seed: int) -> tuple[list[Fold], list[str]]:  # noqa: ARG001 - nothing is random
    there = {track.id for track in dataset.tracks}
    parts = fault_filtered_ids()
    missing = [id_ for part in PARTS for id_ in parts[part] if id_ not in there]
    warnings = [f"{len(missing)} tracks of the split aren't in {dataset.name}, for example {missing[0]!r}"] if missing else []
    return [Fold(*(tuple(id_ for id_ in parts[part] if id_ in there) for part in PARTS))], warnings


SPLITS = (
    SplitSpec(
        FAULT_FILTERED,
        "443, 197 and 290 tracks without Sturm's faults and shared artists (Kereliuk et al. 2015)",
        _fault_filtered,
    ),
)
