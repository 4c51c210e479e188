"""The model's options on the command line."""

import os
import subprocess
import sys

import pytest

from genrebench.plugin.options import parse_options
from genrebench_mfcc import genrebench_models


def genrebench(*words, folder):
    return subprocess.run(
        [sys.executable, "-m", "genrebench", *words],
        env={**os.environ, "GENREBENCH_HOME": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("text", "dilations"), [("1,4", (1, 4)), ("[1, 4]", (1, 4)), ("2", (2,))])
def test_dilations_are_set_as_a_list(text, dilations):
    (spec,) = genrebench_models()
    assert parse_options(spec.name, spec.options, {"dilations": text}).dilations == dilations


def test_a_bad_dilation_is_named(tmp_path):
    done = genrebench("run", "mfcc-frames", "--set", "dilations=1,x", folder=tmp_path)
    assert done.returncode == 2
    assert "dilations='1,x'" in done.stderr


def test_show_explains_how_dilations_are_written(tmp_path):
    done = genrebench("plugins", "show", "mfcc-frames", folder=tmp_path)
    assert "int >= 1, <= 1000; at least 1 and at most 12, separated by commas" in " ".join(done.stdout.split())
