"""The model's options on the command line."""

import os
import subprocess
import sys

import pytest


def genrebench(*words, folder):
    return subprocess.run(
        [sys.executable, "-m", "genrebench", *words],
        env={**os.environ, "GENREBENCH_HOME": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


SETTINGS = ("coefficients=4", "sample_rate=4000", "hop_length=200", "n_fft=400", "crop_seconds=3", "epochs=1", "members=1")


@pytest.mark.parametrize("text", ["1,4", "[1, 4]", "2"])
def test_dilations_are_set_as_a_list(text, tmp_path):
    words = [word for setting in (*SETTINGS, f"dilations={text}") for word in ("--set", setting)]
    done = genrebench("plugins", "check", "mfcc-frames", *words, folder=tmp_path)
    assert done.returncode == 0, (done.stdout, done.stderr)


def test_a_bad_dilation_is_named(tmp_path):
    done = genrebench("run", "mfcc-frames", "--set", "dilations=1,x", folder=tmp_path)
    assert done.returncode == 2
    assert "dilations='x'" in done.stderr


def test_show_explains_how_dilations_are_written(tmp_path):
    done = genrebench("plugins", "show", "mfcc-frames", folder=tmp_path)
    assert "int >= 1, <= 1000; at least 1 and at most 12, separated by commas" in " ".join(done.stdout.split())
