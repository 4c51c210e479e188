"""Leftovers of killed processes are recognised by their locks; those of living ones stay."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench import files, temporary

OWNER = """
import sys, time
from pathlib import Path
from genrebench import temporary
target = Path(sys.argv[1])
with temporary.owned(target) as (a, _), temporary.owned(target, folder=True) as (b, _):
    (b / "inside").touch()
    with temporary.exclusive(target.with_name("lock")), temporary.locked(target):
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_leftovers_are_removed_once_their_owner_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path / "target"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    temporary.sweep(tmp_path)
    temporary.sweep_lock(tmp_path / "target")
    assert len(list(tmp_path.glob(".target-*"))) == 2
    assert (tmp_path / ".target.lock").exists()
    with temporary.exclusive(tmp_path / "lock", wait=False) as held:
        assert not held
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    temporary.sweep(tmp_path, "another")
    assert len(list(tmp_path.glob(".target-*"))) == 2
    temporary.sweep(tmp_path)
    temporary.sweep_lock(tmp_path / "target")
    with temporary.exclusive(tmp_path / "lock") as held:
        assert held
    assert list(tmp_path.iterdir()) == []


def test_other_hidden_files_and_links_stay(tmp_path: Path) -> None:
    kept = [tmp_path / ".hidden", tmp_path / ".name-123", tmp_path / "name-0123456789ab"]
    for path in kept:
        path.touch()
    (tmp_path / ".link-0123456789ab").symlink_to(kept[0])
    temporary.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_write_is_tried_again_and_only_a_lasting_error_is_raised_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    file = tmp_path / "file"
    file.write_bytes(b"old")
    real, failures = os.fsync, [errno.EIO, errno.ESTALE]

    def failing(descriptor: int) -> None:
        if failures:
            raise OSError(failures.pop(0), "no")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    files.write(file, b"new")
    assert file.read_bytes() == b"new"
    failures += [errno.ENOSPC, errno.EIO]
    with pytest.raises(OSError, match="no") as error:
        files.write(file, b"newer")
    assert files.is_full_disk(error.value)
    assert failures == [errno.EIO]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_bytes() == b"new"
