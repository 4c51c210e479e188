"""Playlists as players write them."""

from pathlib import Path

import pytest

from genrebench.audio.playlists import entries, expand
from genrebench.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "sub/\u00e9 x.wav", "sub/#1.wav", "sub/100%.wav"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


SUB = "sub/\u00e9 x.wav"


@pytest.mark.parametrize(
    ("content", "files"),
    [
        ("a.wav\n" + SUB, ["a.wav", SUB]),
        ("#EXTM3U\r\n#EXTINF:12,Artist - Title\r\na.wav\r\n", ["a.wav"]),
        ("sub/#1.wav\rsub/100%.wav", ["sub/#1.wav", "sub/100%.wav"]),
        ("sub\\\u00e9 x.wav", [SUB]),
        ("sub/%C3%A9%20x.wav", [SUB]),
        ("sub/e\u0301 x.wav", [SUB]),
        ("nothing%20there.wav", ["nothing%20there.wav"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_entries_name_files(folder: Path, content: str, files: list[str], encoding: str) -> None:
    (folder / "list.m3u").write_bytes(content.encode(encoding))
    assert entries(folder / "list.m3u") == [folder / name for name in files]


def test_entries_of_windows_and_addresses(folder: Path) -> None:
    address = (folder / SUB).as_uri()
    (folder / "list.m3u").write_bytes(f"{SUB}\n{address}\n".encode("cp1252"))
    assert entries(folder / "list.m3u") == [folder / SUB, folder / SUB]


def test_a_name_that_is_too_long_is_a_file_that_is_not_there(folder: Path) -> None:
    (folder / "list.m3u").write_text("x" * 5000 + "\na.wav\n")
    found = expand([folder / "list.m3u"], lambda _: [])
    assert [path.name[:5] for path in found] == ["xxxxx", "a.wav"]


@pytest.mark.parametrize("content", ["", "#EXTM3U\n# nothing\n"])
def test_a_playlist_without_entries(folder: Path, content: str) -> None:
    (folder / "list.m3u").write_text(content)
    with pytest.raises(UsageError, match="names no file"):
        entries(folder / "list.m3u")
