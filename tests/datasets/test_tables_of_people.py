"""Tables as programs and people save them: exclusion lists, FMA's tables by pandas, several genres in one cell."""

import numpy as np
import pandas as pd
import pytest

from genrebench.datasets import folder
from genrebench.datasets.exclusions import read_exclusions
from genrebench.datasets.feature_csv import read_features
from genrebench.datasets.several_genres import several_genres
from genrebench.errors import DataError, UsageError
from genrebench.records import Exclusion, Track


@pytest.mark.parametrize(
    "text",
    [
        "id,reason\nd1,bad\n2,\n",
        "id;reason\nd1;bad\n2;\n",
        "id\treason\r\nd1\tbad\r\n2\t\r\n",
        "sep=;\nid;reason\nd1;bad\n2\n",
        '\ufeffreason;"track_id";;\n"bad";"d1";;\n;" 2 ";;\n;;;\n',
        "ID;Reason\nd1;bad\n\n;\n2;\n",
    ],
)
def test_exclusion_lists_as_spreadsheets_write_them(text, tmp_path):
    (tmp_path / "list.csv").write_bytes(text.encode())
    assert read_exclusions(tmp_path / "list.csv") == [Exclusion("d1", "bad"), Exclusion("2", "left out by the user")]


def test_ids_of_an_exclusion_list_are_composed_as_those_of_tracks(tmp_path):
    (tmp_path / "list.csv").write_text("id;reason\ne\u0301te\u0301;a, b\n", encoding="utf-8")
    assert read_exclusions(tmp_path / "list.csv") == [Exclusion("\xe9t\xe9", "a, b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"track;reason\nd1;bad\n", "has no column 'id', only 'track', 'reason'.* has the columns id and reason"),
        (b"", "has no column 'id', only none"),
        (b"id;reason\n\xe9;x\n", "not UTF-8 .*save it as UTF-8"),
        (b'id,reason\n1,"x\n', "not valid CSV"),
        (b"reason,id\nbad\n", "line 2: 1 cells, but the column 'id' is number 2"),
    ],
)
def test_lists_that_cannot_be_read_say_why(text, message, tmp_path):
    (tmp_path / "list.csv").write_bytes(text)
    with pytest.raises(UsageError, match=message):
        read_exclusions(tmp_path / "list.csv")
    with pytest.raises(UsageError, match="no such file"):
        read_exclusions(tmp_path / "gone.csv")


# ------------------------------------------------------------------ FMA's tables, saved again


@pytest.fixture(scope="module")
def features(real_data):
    table = pd.read_csv(real_data / "fma/features_mfcc_2000.csv", index_col=0, header=[0, 1, 2], nrows=20)
    return table.dropna().copy()  # in one block, so that pandas doesn't warn of many


FORMS = {
    "as it was": lambda table, path: table.to_csv(path),
    "index as a column": lambda table, path: table.reset_index().to_csv(path, index=False),
    "levels without names": lambda table, path: table.rename_axis([None] * 3, axis=1).to_csv(path),
    "a level less": lambda table, path: table.droplevel(0, axis=1).to_csv(path),
    "one feature": lambda table, path: table["mfcc"].reset_index().to_csv(path, index=False),
    "one row": lambda table, path: table.set_axis(["/".join(names) for names in table.columns], axis=1).to_csv(path),
}


@pytest.mark.parametrize("form", FORMS)
def test_features_saved_by_pandas_have_the_same_values(form, features, tmp_path):
    FORMS[form](features, tmp_path / "features.csv")
    read = read_features(tmp_path / "features.csv", [str(id_) for id_ in features.index])
    assert read.ids == tuple(str(id_) for id_ in features.index)
    np.testing.assert_array_equal(read.values, features.to_numpy())
    assert tuple("/".join(column) for column in read.columns) in (
        tuple("/".join(names) for names in features.columns),
        tuple("/".join(names[1:]) for names in features.columns),
    )


def test_names_that_pandas_has_numbered_are_those_of_fma(real_data, features, tmp_path):
    pd.read_csv(real_data / "fma/features_mfcc_2000.csv", nrows=12, dtype=str).to_csv(tmp_path / "features.csv", index=False)
    assert "mfcc.1" in (tmp_path / "features.csv").read_text(encoding="utf-8")
    read = read_features(tmp_path / "features.csv", [str(id_) for id_ in features.index])
    assert read.columns == tuple(features.columns)
    np.testing.assert_array_equal(read.values, features.loc[[int(id_) for id_ in read.ids]].to_numpy())


@pytest.mark.parametrize(
    "save",
    [
        lambda table, path: table.reset_index().to_csv(path),
        lambda table, path: table.rename_axis(None).to_csv(path),
        lambda table, path: table.rename_axis(None).rename_axis([None] * 3, axis=1).to_csv(path),
        lambda table, path: table.droplevel(2, axis=1).to_csv(path),
        lambda table, path: table.set_axis(table.columns.get_level_values(0), axis=1).to_csv(path),
    ],
)
def test_other_forms_get_the_line_that_saves_them_right(save, features, tmp_path):
    save(features, tmp_path / "features.csv")
    with pytest.raises(DataError, match=r"save it with pd\.read_csv\(.*index_col=0, header=\[0, 1, 2\]\)\.to_csv"):
        read_features(tmp_path / "features.csv", ["2"])


@pytest.mark.parametrize(
    ("save", "is_read"),
    [
        (lambda table, path: table.reset_index().to_csv(path, index=False), True),
        (lambda table, path: table.rename_axis([None] * 2, axis=1).to_csv(path), True),
        (lambda table, path: table.reset_index().to_csv(path), False),
        (lambda table, path: table["track"].to_csv(path), False),
        (lambda table, path: table.droplevel(0, axis=1).to_csv(path), False),
        (lambda table, path: table.set_axis(["_".join(names) for names in table.columns], axis=1).to_csv(path), False),
    ],
)
def test_tracks_of_fma_saved_by_pandas(save, is_read, real_data, tmp_path):
    table = pd.read_csv(real_data / "fma/tracks_head.csv", index_col=0, header=[0, 1], low_memory=False)
    save(table, tmp_path / "tracks.csv")
    if is_read:
        music = folder.load(tmp_path)
        assert len(music.tracks) + len(music.faulty) == 631
        assert len(music.official) == len(music.tracks)
    else:
        with pytest.raises(DataError, match=r"a header row less; save it with pd\.read_csv\(.*header=\[0, 1\]\)"):
            folder.load(tmp_path)


# ------------------------------------------------------------------ several genres in one cell


@pytest.mark.parametrize(
    "cell", ["Rock|Pop", "Rock; Pop", "['Rock', 'Pop']", '["Rock"]', "{Rock}", "Rock, Pop", "Rock / Pop", "Rock+Pop"]
)
def test_several_genres_in_one_cell_are_a_warning(cell):
    (remark,) = several_genres([Track("1", "Rock"), Track("2", "Pop"), Track("3", cell), Track("4", cell)])
    assert (remark.kind, remark.severity) == ("several-genres", "warning")
    assert remark.detail.startswith(f"2 tracks seem to have several genres in one cell ({cell!r})")


@pytest.mark.parametrize(
    "genre",
    [
        "Old-Time / Historic",
        "Soul, RnB",
        "Drum & Bass",
        "R&B",
        "Rock and Roll",
        "",
        "Rock (live)",
        "/",
        "p:Rock",
        "[unknown]",
        "(none)",
    ],
)
def test_names_of_one_genre_are_no_list(genre):
    assert several_genres([Track("1", "Rock"), Track("2", "Pop"), Track("3", genre)]) == []


# ------------------------------------------------------------------ tables that are separated by something else


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("name", ["tracks.csv", "features.csv"])
def test_other_separators_get_advice(name, separator, tmp_path):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,Rock\n2,Pop\n")
    (tmp_path / "features.csv").write_text("track_id,a\n1,3\n2,4\n")
    (tmp_path / name).write_text((tmp_path / name).read_text().replace(",", separator))
    with pytest.raises(DataError, match=r"separate the columns by commas$"):
        folder.load(tmp_path)


def test_ids_that_are_not_in_front_are_found(tmp_path):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,Rock\n2,Pop\n")
    (tmp_path / "features.csv").write_text("a,track_id\n3,1\n4,2\n")
    with pytest.raises(DataError, match=r"move the column 'track_id', which is number 2, to the front$"):
        folder.load(tmp_path)


def test_a_path_that_is_too_long_is_one_missing_track(tmp_path):
    (tmp_path / "tracks.csv").write_text(f"track_id,genre,path\n1,Rock,a.wav\n2,Pop,{'x' * 5000}.wav\n")
    music = folder.load(tmp_path)
    assert len(music.tracks) == 2
    assert [(id_, remark.kind) for id_, remark in music.unusable.items()] == [("2", "missing")]
