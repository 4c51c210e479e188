"""Progress of work that mostly ends at once is shown only if it takes long."""

from __future__ import annotations

import pytest

from genrebench import progress


@pytest.mark.parametrize("n", [0, 1, 5])
def test_all_items_come_once_and_in_order(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for patience in (1e9, -1.0):
        monkeypatch.setattr(progress, "PATIENCE", patience)
        assert list(progress.late_progress(range(n), "work")) == list(range(n))
        assert list(progress.late_progress(iter(range(n)), "work", n)) == list(range(n))


def test_nothing_is_said_of_short_work_and_what_is_left_of_long_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 30))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(progress, "PATIENCE", 1e9)
    assert len(list(progress.late_progress(range(30), "reading"))) == 30
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 1.0)
    assert len(list(progress.late_progress(range(30), "reading"))) == 30
    assert "reading: 10 of 29, " in capsys.readouterr().err
