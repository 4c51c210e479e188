"""Words that mean nothing in place of a genre or an artist, and spellings that differ by a trifle."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench.records import Dataset, Track
from genrebench.tasks.words import label_remarks, names_no_artist, names_no_genre, similar_names, spelling_key

NO_ARTISTS = [
    *(
        "nan",
        "NaN",
        "None",
        "NA",
        "<NA>",
        "NULL",
        "n/a",
        "N.A.",
        "-",
        "--",
        "?",
        "???",
        "[unknown]",
        "unknown",
        "Unknown Artist",
        "Unknown / Various",
        "Various Artists; Unknown",
        "Original Soundtrack",
    ),
    *(
        "UNKNOWN_ARTIST",
        "<unknown>",
        "Various",
        "Various Artists",
        "various  artists",
        "V.A.",
        "VA",
        "v/a",
        "AA.VV.",
        "[no artist]",
    ),
    *(
        "Unbekannter Künstler",
        "Verschiedene Interpreten",
        "Artiste inconnu",
        "Artista desconocido",
        "Varios Artistas",
        "未知艺术家",
    ),
    *("Vários intérpretes", "Неизвестный исполнитель", "Разные исполнители", "\u200b", "\u00a0", "ＵＮＫＮＯＷＮ"),
]
ARTISTS = [
    *(
        "The Unknown",
        "Unknown Mortal Orchestra",
        "Various Cruelties",
        "Nana",
        "Va Va Voom",
        "!!!",
        "U2",
        "A",
        "NoneSuch",
        "1999",
    ),
    *("+/-", "$", "Nadia", "Known Unknowns", "The Nullset", "Ärzte", "Unknown Artist 7"),
]


@pytest.mark.parametrize("name", NO_ARTISTS)
def test_a_name_that_names_no_artist(name):
    assert names_no_artist(name)


@pytest.mark.parametrize("name", ARTISTS)
def test_a_name_of_an_artist(name):
    assert not names_no_artist(name)


@pytest.mark.parametrize("name", ["nan", "None", "<NA>", "unknown", "[Unknown]", "various", "Other", "misc.", "-", "?", "n/a"])
def test_a_genre_that_means_nothing(name):
    assert names_no_genre(name)


@pytest.mark.parametrize(
    "name", ["", "Rock", "Old-Time / Historic", "No Wave", "Traditional", "Easy Listening", "Nu Jazz", "!!!"]
)
def test_a_genre_that_means_something(name):
    assert not names_no_genre(name)


@given(st.sampled_from(NO_ARTISTS), st.sampled_from(["", " ", "\u00a0", "\u200b"]), st.sampled_from(["NFC", "NFD", "NFKC"]))
def test_neither_case_nor_blanks_nor_unicode_form_make_an_artist(name, blank, form):
    for written in (name.upper(), name.lower(), name.title()):
        assert names_no_artist(blank + unicodedata.normalize(form, written) + blank)


# ------------------------------------------------------------------ spellings

TRIFLES = ["", "-", " ", "\u00a0", "\u200b", "\u2011", "\u2013", "_", "  ", "\ufeff", "\u2009"]


@given(st.lists(st.text("abcäöß1&", min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_spellings_of_one_name_have_one_key(parts, data):
    spellings = []
    for _ in range(2):
        text = "".join(part + data.draw(st.sampled_from(TRIFLES)) for part in parts)
        spellings.append(unicodedata.normalize(data.draw(st.sampled_from(["NFC", "NFD"])), text))
    assert spelling_key(spellings[0].upper().lower()) == spelling_key(spellings[1].upper().lower())


@given(st.text("ab12", min_size=1), st.text("ab12", min_size=1))
def test_other_names_have_other_keys(one, other):
    assert (spelling_key(one) == spelling_key(other)) == (one == other)


def test_similar_names_with_their_counts():
    counts = {"Hip-Hop": 4, "hip-hop": 5, "Hip Hop": 1, "Rock": 9, "R\u200bock": 1, "Folk": 3}
    assert similar_names(counts) == [("Rock", "R\u200bock"), ("hip-hop", "Hip-Hop", "Hip Hop")]
    assert similar_names({"Rock": 1, "Pop": 1, "-": 1, " ": 1}) == []


def dataset(*tracks):
    made = tuple(Track(str(i), genre, artist) for i, (genre, artist) in enumerate(tracks))
    return Dataset("music", "1", made, tuple(sorted({track.genre for track in made})))


def test_remarks_show_spellings_and_counts():
    remarks = label_remarks(
        dataset(
            ("Hip-Hop", "Ann"), ("hip\u00a0hop", "ann"), ("hip\u00a0hop", "Bob"), ("nan", "N/A"), ("Rock", "n/a"), ("", None)
        )
    )
    assert [remark.kind for remark in remarks] == ["placeholder", "placeholder", "similar-labels", "similar-labels"]
    genre, artist, genres, artists = (remark.detail for remark in remarks)
    assert genre.startswith("the genre 'nan' (one track) ")
    assert artist.startswith("the artist 'N/A' (one track), 'n/a' (1) is no artist's name")
    assert genres.startswith(r"the genres 'hip\xa0hop' (2 tracks), 'Hip-Hop' (1) differ only by case, hyphens or blanks")
    assert artists.startswith("the artists 'Ann' (one track), 'ann' (1) differ only")


def test_ordinary_labels_give_no_remark():
    assert label_remarks(dataset(("Hip-Hop", "Ann"), ("Rock", "Bob"), ("Rock", None))) == []


def test_many_similar_artists_are_counted():
    names = [(name, f"{name}{i}") for i in range(6) for name in ("a", "A")]
    remarks = label_remarks(dataset(*[("Rock", artist) for _, artist in names], ("Pop", None)))
    assert len(remarks) == 4
    assert remarks[-1].detail.startswith("3 more sets of artists")
