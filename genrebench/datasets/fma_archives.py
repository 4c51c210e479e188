"""FMA's archives, its licence and what to cite."""

from __future__ import annotations

from genrebench.plugin.datasets import Archive

_URL = "https://os.unil.cloud.switch.ch/fma"
_GIB = 2**30

FOLDER = "fma"

_METADATA = Archive(
    f"{_URL}/fma_metadata.zip",
    "sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    size=343 * 2**20,
    folder="fma_metadata",
    unpacked=2 * _GIB,
    files=("tracks.csv", "genres.csv", "features.csv"),
    metadata=True,
)


def _audio(subset: str, sha1: str, size: float, unpacked: float) -> Archive:
    folder = f"fma_{subset}"
    return Archive(f"{_URL}/{folder}.zip", f"sha1:{sha1}", int(size * _GIB), folder, int(unpacked * _GIB))


SMALL = (_METADATA, _audio("small", "ade154f733639d52e35e32f5593efe5be76c6d70", 7.3, 7.6))
MEDIUM = (_METADATA, _audio("medium", "c67b69ea232021025fca9231fc1c7c1a063ab50b", 22.6, 23.5))
LARGE = (_METADATA, _audio("large", "497109f4dd721066b5ce5e5f250ec604dc78939e", 94, 97))
"""Metadata and audio of each subset; SHA-1 from github.com/mdeff/fma."""

LICENCE = "metadata CC BY 4.0, each track under its artist's Creative Commons licence"
CITATION = """@inproceedings{fma_dataset,
  title = {{FMA}: A Dataset for Music Analysis},
  author = {Defferrard, Micha{\\"e}l and Benzi, Kirell and Vandergheynst, Pierre and Bresson, Xavier},
  booktitle = {18th International Society for Music Information Retrieval Conference (ISMIR)},
  year = {2017},
  archiveprefix = {arXiv},
  eprint = {1612.01840},
  url = {https://arxiv.org/abs/1612.01840},
}"""
