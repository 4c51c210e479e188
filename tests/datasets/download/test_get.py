"""From archives to a dataset on disk: verified, unpacked with care, never twice."""

import errno
import hashlib
import io
import os
import random
import shutil
import stat
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import genrebench as gb
from genrebench.datasets import download, fma_archives, resolve
from genrebench.datasets.download.unpack import unpack
from genrebench.errors import DataError, UsageError
from genrebench.plugin.datasets import DatasetSpec
from genrebench.plugin.registry import installed_plugins

METADATA = {
    "fma_metadata/tracks.csv": ",artist,set,set,track\n,id,split,subset,genre_top\ntrack_id,,,,\n2,1,training,small,Rock\n",
    "fma_metadata/genres.csv": "genre_id,#tracks,parent,title,top_level\n12,1,0,Rock,12\n",
    "fma_metadata/features.csv": "feature,mfcc\nstatistics,mean\nnumber,01\ntrack_id,\n2,1.5\n",
}
AUDIO = {"fma_small/README.txt": "read me", "fma_small/000/000002.mp3": "sound" * 1000}


def zipped(members, *, folders=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            archive.writestr(f"{folder}/", "")
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def get(name, home, *, archives=None, **options):
    """Get a subset of FMA, with small archives in place of its own."""
    spec = {"fma-small": fma_archives.SMALL, "fma-medium": fma_archives.MEDIUM}[name]
    files = tuple(archives.get(archive.folder, archive) for archive in spec) if archives else spec
    return download.get(DatasetSpec(name, "s", lambda home: None, folder="fma", get=files), home, **options)


@pytest.fixture
def mirror(tmp_path):
    """A local folder with two small archives, and the table that describes them."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    table = {}
    for name, members in (("fma_metadata", METADATA), ("fma_small", AUDIO)):
        content = zipped(members, folders=[name])
        (folder / f"{name}.zip").write_bytes(content)
        (own,) = [archive for archive in fma_archives.SMALL if archive.folder == name]
        sha1 = f"sha1:{hashlib.sha1(content).hexdigest()}"
        table[name] = replace(own, checksum=sha1, size=len(content), unpacked=100_000)
    return SimpleNamespace(folder=folder, archives=table)


def test_from_a_local_folder_to_a_dataset(mirror, tmp_path):
    got = get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives)
    assert got.unpacked == ("fma_metadata", "fma_small")
    assert got.bytes_fetched == 0
    music = resolve("fma-small", installed_plugins(), tmp_path)
    assert music.tracks[0].path.read_text() == "sound" * 1000
    assert music.load_features().values.tolist() == [[1.5]]
    assert (mirror.folder / "fma_small.zip").is_file()
    again = get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives)
    assert (again.unpacked, again.present) == ((), ("fma_metadata", "fma_small"))


def test_metadata_alone(mirror, tmp_path):
    assert get("fma-small", tmp_path, metadata_only=True, source=mirror.folder, archives=mirror.archives).unpacked == (
        "fma_metadata",
    )
    assert sorted(path.name for path in (tmp_path / "fma").iterdir()) == ["fma_metadata"]
    assert get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives).unpacked == ("fma_small",)


def test_from_a_mirror_that_breaks(mirror, tmp_path, serve):
    content = (mirror.folder / "fma_metadata.zip").read_bytes()
    url, _ = serve(content, dies_after=[100])
    seen = []
    got = get(
        "fma-small",
        tmp_path,
        metadata_only=True,
        source=url,
        archives=mirror.archives,
        progress=lambda what, done, total: seen.append((what, done, total)),
    )
    assert got.bytes_fetched == len(content)
    assert sorted(path.name for path in (tmp_path / "fma").iterdir()) == ["fma_metadata"]
    assert seen[-1][0] == "unpacking fma_metadata.zip"
    assert seen[-1][1] == seen[-1][2]


@pytest.mark.parametrize("broken", ["replace", "unlink"])
def test_the_archive_is_deleted_by_the_next_call_if_the_disk_failed_before_it_was(mirror, tmp_path, serve, monkeypatch, broken):
    """A replace that fails is that of the complete folder."""
    url, _ = serve((mirror.folder / "fma_metadata.zip").read_bytes())
    options = {"metadata_only": True, "source": url, "archives": mirror.archives}
    real = getattr(Path, broken)

    def fail(path, *others, **more):
        if path.name in ("fma_metadata.part", ".fma_metadata.zip.unpacked") and (broken == "unlink" or path.is_dir()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, *others, **more)

    with monkeypatch.context() as context:
        context.setattr(Path, broken, fail)
        with pytest.raises(DataError, match="Input/output error"):
            get("fma-small", tmp_path, **options)
    assert get("fma-small", tmp_path, **options).bytes_fetched == 0
    assert [path.name for path in (tmp_path / "fma").iterdir()] == ["fma_metadata"]


def test_an_archive_that_was_there_beside_its_folder_is_kept(mirror, tmp_path):
    get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives)
    (tmp_path / "fma" / "fma_small.zip").write_bytes(b"somebody's own")
    get("fma-small", tmp_path, archives=mirror.archives)
    assert (tmp_path / "fma" / "fma_small.zip").read_bytes() == b"somebody's own"


def test_a_changed_archive_is_refused(mirror, tmp_path):
    file = mirror.folder / "fma_small.zip"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"fma_small\.zip: SHA-1 is"):
        get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives)
    assert not (tmp_path / "fma/fma_small").exists()


def test_what_cannot_be_got_says_why(mirror, tmp_path):
    with pytest.raises(UsageError, match=r"'demo' can't be downloaded .*; choose one of fma-small"):
        gb.get_dataset("demo")
    with pytest.raises(UsageError, match="neither a URL nor a folder"):
        get("fma-small", tmp_path, source=tmp_path / "absent")
    with pytest.raises(UsageError, match="only http, https and local folders are supported"):
        get("fma-small", tmp_path, source="ftp://example.org/fma")
    with pytest.raises(DataError, match=r"has no fma_medium\.zip"):
        small = replace(fma_archives.MEDIUM[1], size=1, unpacked=1)
        get("fma-medium", tmp_path, source=mirror.folder, archives=mirror.archives | {"fma_medium": small})
    (tmp_path / "half/fma/fma_metadata").mkdir(parents=True)
    with pytest.raises(DataError, match=r"exists but lacks tracks\.csv, genres\.csv, features\.csv; move it away"):
        get("fma-small", tmp_path / "half", source=mirror.folder, archives=mirror.archives)


def test_a_disk_without_space_is_reported_before_the_first_byte(mirror, tmp_path, serve, monkeypatch):
    url, server = serve(b"")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 2**30))
    with pytest.raises(DataError, match=r"2\.0 GiB free and 2\.3 GiB are needed"):
        get("fma-small", tmp_path, metadata_only=True, source=url)
    assert server.requests == []


def test_a_disk_that_has_just_the_room_takes_an_interrupted_download_to_its_end(mirror, tmp_path, monkeypatch):
    unpacked = {"fma_metadata": METADATA, "fma_small": AUDIO}
    archives = {
        name: replace(archive, unpacked=sum(len(content.encode()) for content in unpacked[name].values()))
        for name, archive in mirror.archives.items()
    }
    room = sum(archive.unpacked for archive in archives.values())

    def usage(_):
        return SimpleNamespace(free=room - sum(path.stat().st_size for path in (tmp_path / "fma").rglob("*") if path.is_file()))

    def interrupt(what, done, total):
        if what == "unpacking fma_small.zip" and done < total:
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(KeyboardInterrupt):
        get("fma-small", tmp_path, source=mirror.folder, archives=archives, progress=interrupt)
    assert (tmp_path / "fma/fma_small.part/README.txt").is_file()
    got = get("fma-small", tmp_path, source=mirror.folder, archives=archives)
    assert (got.unpacked, got.present) == (("fma_small",), ("fma_metadata",))
    assert usage(None).free == 0


def test_a_folder_that_cannot_be_made(tmp_path, mirror):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't write below"):
        get("fma-small", tmp_path / "file", source=mirror.folder, archives=mirror.archives)


def test_two_at_once(mirror, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "fma").mkdir()
    with (tmp_path / "fma/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another genrebench process"):
            get("fma-small", tmp_path, source=mirror.folder, archives=mirror.archives)


# ------------------------------------------------------------------ unpacking


def archive(tmp_path, content):
    file = tmp_path / "top.zip"
    file.write_bytes(content)
    return file


def test_unpacking_goes_on_where_it_stopped(tmp_path):
    file = archive(tmp_path, zipped({"top/a": "aaa", "top/b/c": "ccc"}))
    (tmp_path / "top.part").mkdir()
    (tmp_path / "top.part/a").write_text("AAA")  # unpacked before: of the right size, so not written again
    unpack(file, tmp_path / "top", limit=100)
    assert (tmp_path / "top/a").read_text() == "AAA"
    assert (tmp_path / "top/b/c").read_text() == "ccc"
    assert not (tmp_path / "top.part").exists()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/x",
        "../x",
        "top/../../x",
        "top/./x",
        "top//x",
        "other/x",
        "x",
        "C:/x",
        "top/C:\\x",
        "top\\..\\x",
        "top/\x1bx",
        "top/a\nb",
        "",
    ],
)
def test_no_member_leaves_the_folder(tmp_path, name):
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # past what ZipInfo would tidy up
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("top/good", "good")
        opened.writestr(info, "bad")
    with pytest.raises(DataError, match="isn't inside 'top'") as caught:
        unpack(archive(tmp_path, buffer.getvalue()), tmp_path / "top", limit=1000)
    assert str(caught.value).isprintable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["top.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("top/link")
    info.external_attr = (kind | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="'top/link' is a link or a device"):
        unpack(archive(tmp_path, buffer.getvalue()), tmp_path / "top", limit=1000)


def test_a_bomb_is_stopped(tmp_path):
    file = archive(tmp_path, zipped({"top/a": "0" * 10_000_000}))
    assert file.stat().st_size < 20_000
    with pytest.raises(DataError, match=r"unpacks to 10,000,000 bytes, expected at most 1,000,000"):
        unpack(file, tmp_path / "top", limit=1_000_000)


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path):
    content = bytearray(zipped({"top/a": "0" * 10_000_000}))
    size = (10_000_000).to_bytes(4, "little")
    while (position := content.find(size)) >= 0:
        content[position : position + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(DataError, match="can't be unpacked"):
        unpack(archive(tmp_path, bytes(content)), tmp_path / "top", limit=1_000_000)
    assert not (tmp_path / "top").exists()
    assert all(path.stat().st_size < 10_000 for path in (tmp_path / "top.part").rglob("*") if path.is_file())


def test_doubled_and_nested_members_are_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("top/a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr("top/a", "2")
    with pytest.raises(DataError, match="'a' appears twice"):
        unpack(archive(tmp_path, buffer.getvalue()), tmp_path / "top", limit=1000)
    with pytest.raises(DataError, match="'a/b' is inside another file"):
        unpack(archive(tmp_path, zipped({"top/a": "1", "top/a/b": "2"})), tmp_path / "top", limit=1000)


@pytest.mark.parametrize("damage", ["not a zip", "cut", "flipped", "empty"])
def test_damage_is_named(tmp_path, damage):
    content = bytearray(zipped({"top/a": bytes(range(256)) * 40}))
    if damage == "not a zip":
        content = bytearray(b"hello")
    elif damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[60] ^= 0xFF
    else:
        content = bytearray(zipped({}, folders=["top"]))
    with pytest.raises(DataError, match=r"top\.zip"):
        unpack(archive(tmp_path, bytes(content)), tmp_path / "top", limit=100_000)
    assert not (tmp_path / "top").exists()


def test_damaged_archives_are_refused_or_whole(tmp_path):
    rng = random.Random(1)
    whole = zipped({"top/a": "hello" * 500, "top/b/é": rng.randbytes(300)}, folders=["top"])
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 2, 5, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            unpack(archive(tmp_path, bytes(content)), tmp_path / "top", limit=100_000)
        except DataError:
            assert not (tmp_path / "top").exists()
        assert {path.name for path in tmp_path.iterdir()} <= {"top.zip", "top", "top.part"}
        assert not list(tmp_path.rglob(".*"))
        for left in ("top", "top.part"):
            shutil.rmtree(tmp_path / left, ignore_errors=True)
