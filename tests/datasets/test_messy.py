"""Random combinations of what people's folders and tables have: nothing is misread, no dead end, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import genrebench as gb
from tests import messy
from tests.promise import SOUND, TABLE, check_and_run


def verify(recipe: messy.Recipe, place: Path) -> None:
    mess = recipe.make(place)
    music = gb.dataset(mess.folder)
    assert {track.id: track.genre for track in music.tracks} == mess.genres
    assert dict(music.official) == mess.parts
    summary = gb.describe(mess.folder).to_json()
    assert summary["tracks"] == len(mess.genres)
    outcome = check_and_run(mess.folder, place, model=TABLE if recipe.kind is messy.Features else SOUND)
    assert outcome.report is not None
    assert outcome.listed == set(mess.faults)
    for track, kind in mess.faults.items():
        assert kind in outcome.kinds(track), track
    assert mess.told <= outcome.kinds(), outcome.report.findings
    unexpected = outcome.kinds() - mess.told - {"layout", "left-out", "no-audio", "segments", "ids"}
    assert not unexpected, outcome.report.findings
    if "left-out" in mess.told:
        assert any("left out" in warning for warning in summary["warnings"])
        assert any(text.startswith("warning: music: left out") for text in outcome.said)
    else:
        assert not any("left out" in text for text in (*summary["warnings"], *outcome.said))
    assert bool(outcome.refusal) == bool(mess.faults or mess.refused), outcome.refusal
    if mess.refused:
        assert outcome.run is None
        assert mess.refused in outcome.refusal or mess.faults
    else:
        assert outcome.run is not None
        task = outcome.run.record.task
        assert task.n_training + task.n_validation + task.n_test == len(set(mess.genres) - set(mess.faults))


@settings(max_examples=messy.COUNT, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipe=messy.recipes())
def test_a_mess_is_read_right_and_check_and_run_agree(recipe: messy.Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    verify(recipe, tmp_path_factory.mktemp("mess"))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, one.__name__) for kind, several in messy.INGREDIENTS.items() for one in several]
)
def test_each_ingredient_alone(kind: type[messy.Mess], name: str, tmp_path: Path) -> None:
    one = next(one for one in messy.INGREDIENTS[kind] if one.__name__ == name)
    verify(messy.Recipe(kind, len(name), (one,)), tmp_path)
