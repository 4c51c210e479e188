"""The mutation check itself: its list fits the package, and it tells killed from surviving mutants."""

import shutil
from pathlib import Path

import pytest

from tests.mutants import ROOT, Mutant, MutantError, read_mutants, try_mutant

MUTANTS = read_mutants()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for file in {mutant.file for mutant in MUTANTS}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_every_mutant_changes_the_module_that_it_names(root: Path) -> None:
    for mutant in MUTANTS:
        mutant.apply(root)
        assert (root / mutant.file).read_text(encoding="utf-8") != (ROOT / mutant.file).read_text(encoding="utf-8")
        shutil.copy(ROOT / mutant.file, root / mutant.file)
        assert all((ROOT / test).is_file() for test in mutant.tests)
    assert len({(mutant.file, mutant.breaks) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("no such text", "", r"metrics.py: mutant 'nothing' replaces 'no such text', which is there 0 times, not once"),
        ("return", "return 1 +", r"which is there \d+ times, not once"),
        ("CLIP = 1e-15", "CLIP =", r"metrics.py: mutant 'nothing' is no Python"),
    ],
)
def test_a_mutant_that_does_not_fit_is_refused(root: Path, old: str, new: str, message: str) -> None:
    file = "genrebench/evaluation/metrics.py"
    with pytest.raises(MutantError, match=message):
        Mutant(file, (), "nothing", old, new).apply(root)
    assert (root / file).read_bytes() == (ROOT / file).read_bytes()


def test_a_mutant_is_killed_by_the_test_that_notices_and_survives_another() -> None:
    tests = "tests/tasks/test_audit.py::"
    mutant = next(mutant for mutant in MUTANTS if mutant.breaks == "audit: touched tracks counted, not their share")
    before = (ROOT / mutant.file).read_bytes()
    assert try_mutant(mutant, [f"{tests}test_audit_counts_by_hand"]).by == f"{tests}test_audit_counts_by_hand"
    assert try_mutant(mutant, [f"{tests}test_audit_without_artists_is_none"]).by is None
    assert (ROOT / mutant.file).read_bytes() == before


def test_a_mutant_of_a_plugin_is_killed_in_its_copy() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.breaks == "diagonal over the rows")
    assert str(try_mutant(mutant).by).startswith("plugins/genrebench-svm/tests/test_coupling.py::")
