"""Unpacking .tar.gz as careful as .zip: nothing outside the folder, no links, no bombs, and damage is named."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import tarfile
from pathlib import Path

import pytest

from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError


def packed(*members: tuple[str, bytes], **more: tarfile.TarInfo) -> bytes:
    """A .tar.gz of files, and of members that are no files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more.values():
            archive.addfile(info)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def archive(folder: Path, content: bytes, name: str = "top.tar.gz") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["top.tar.gz", "top.tgz"])
@pytest.mark.parametrize("prefix", ["top/", "./top/", "", "./"])
def test_a_folder_at_the_top_or_none(tmp_path: Path, name: str, prefix: str) -> None:
    content = packed((f"{prefix}a", b"aaa"), (f"{prefix}b/é", b"ccc"), folder=special(f"{prefix}b/", tarfile.DIRTYPE))
    told: list[tuple[int, int]] = []
    unpack(
        archive(tmp_path, content, name),
        tmp_path / "top",
        limit=100,
        progress=lambda _, done, total: told.append((done, total)),
    )
    assert files(tmp_path / "top") == {"a": "aaa", "b/é": "ccc"}
    assert told == [(3, 6), (6, 6)]


def test_the_modes_of_members_are_not_taken(tmp_path: Path) -> None:
    info = tarfile.TarInfo("top/a")
    info.mode, info.uid, info.size = 0o4777, 12345, 0
    unpack(archive(tmp_path, packed(("top/b", b""), a=info)), tmp_path / "top", limit=100)
    found = (tmp_path / "top/a").stat()
    assert found.st_mode == (tmp_path / "top/b").stat().st_mode and found.st_uid != 12345


def test_unpacking_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = archive(tmp_path, packed(("top/a", b"aaa"), ("top/b", b"bbb")))
    (tmp_path / "top.part").mkdir()
    (tmp_path / "top.part/a").write_text("AAA")  # of the right size, so not written again
    (tmp_path / "top.part/stranger").write_text("x")
    unpack(file, tmp_path / "top", limit=100)
    assert files(tmp_path / "top") == {"a": "AAA", "b": "bbb"}


@pytest.mark.parametrize("name", ["/etc/x", "../x", "top/../../x", "top/./x", "other/x", "x", "C:/x", "top/C:\\x", "top/a\nb"])
def test_no_member_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="isn't inside 'top'") as caught:
        unpack(archive(tmp_path, packed(("top/good", b"good"), (name, b"bad"))), tmp_path / "top", limit=1000)
    assert str(caught.value).isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["top.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    content = packed(("top/good", b"good"), link=special("top/link", kind, "/etc/passwd"))
    with pytest.raises(DataError, match="'top/link' is a link or a device"):
        unpack(archive(tmp_path, content), tmp_path / "top", limit=1000)
    assert not (tmp_path / "top").exists() and not (tmp_path / "top.part").exists()


def test_a_bomb_is_stopped_at_the_header_that_exceeds_the_limit(tmp_path: Path) -> None:
    content = packed(("top/a", bytes(10_000_000)), ("top/b", b"after"))
    assert len(content) < 20_000
    with pytest.raises(DataError, match=r"unpacks to 10,000,000 bytes, expected at most 1,000,000"):
        unpack(archive(tmp_path, content), tmp_path / "top", limit=1_000_000)


def test_doubled_nested_and_no_members_are_refused(tmp_path: Path) -> None:
    for members, message in (
        ((("top/a", b"1"), ("top/a", b"2")), "'a' appears twice"),
        ((("top/a", b"1"), ("./top/a", b"2")), "'a' appears twice"),
        ((("top/a", b"1"), ("top/a/b", b"2")), "'a/b' is inside another file"),
        ((), "contains no files"),
    ):
        with pytest.raises(DataError, match=message):
            unpack(archive(tmp_path, packed(*members)), tmp_path / "top", limit=1000)


@pytest.mark.parametrize("damage", ["not a tar", "cut", "flipped", "a zip"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    content = bytearray(packed(("top/a", random.Random(0).randbytes(5000))))
    if damage == "not a tar":
        content = bytearray(gzip.compress(b"hello" * 500))
    elif damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF  # a byte of the file: the checksum at the end tells
    else:
        content = bytearray(b"PK\x05\x06" + bytes(18))
    with pytest.raises(DataError, match=r"top\.tar\.gz"):
        unpack(archive(tmp_path, bytes(content)), tmp_path / "top", limit=100_000)
    assert not (tmp_path / "top").exists()


def test_damaged_archives_are_refused_or_whole(tmp_path: Path) -> None:
    rng = random.Random(1)
    whole = packed(("top/a", b"hello" * 500), ("top/b/é", rng.randbytes(300)))
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 2, 5, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            unpack(archive(tmp_path, bytes(content)), tmp_path / "top", limit=100_000)
        except DataError:
            assert not (tmp_path / "top").exists()
        assert {path.name for path in tmp_path.iterdir()} <= {"top.tar.gz", "top", "top.part"}
        for left in ("top", "top.part"):
            shutil.rmtree(tmp_path / left, ignore_errors=True)
