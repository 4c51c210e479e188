"""The difference that a test set can show, against simulation with the tests themselves."""

import numpy as np
import pytest

from genrebench.evaluation.differences import mean_difference
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.power import Typical, artists_for, detectable


@pytest.mark.parametrize(("n_artists", "n_tracks", "correlation"), [(150, 1, 0.0), (40, 5, 0.5), (12, 8, 0.3)])
def test_the_difference_is_found_four_times_out_of_five(n_artists: int, n_tracks: int, correlation: float) -> None:
    typical = Typical(0.7, correlation)
    difference = detectable([n_tracks] * n_artists, typical)
    artist = np.repeat(np.arange(n_artists), n_tracks)
    rng = np.random.default_rng(0)
    found = 0
    for i in range(150):
        of_artist, of_track = rng.normal(size=n_artists)[artist], rng.normal(size=len(artist))
        d = 0.7 * (np.sqrt(correlation) * of_artist + np.sqrt(1 - correlation) * of_track) + difference
        found += mean_difference(d, sampling_units(artist), n=199, seed=i).found
    assert found / 150 == pytest.approx(0.8, abs=0.12)


def test_by_hand() -> None:
    # 100 tracks: z of 0.975 and 0.8 for about 99 degrees, times 1 / 10, times 1.013
    assert detectable([1] * 100, Typical(1.0, 0.9)) == pytest.approx((1.9842 + 0.8453) / 10 * 1.013, rel=1e-3)
    assert detectable([1] * 5, Typical(1.0, 0.0)) is None
    # an artist's tracks that are all alike count as one
    assert detectable([7] * 100, Typical(1.0, 1.0)) == pytest.approx(detectable([1] * 100, Typical(1.0, 1.0)))


def test_half_the_difference_takes_four_times_the_artists() -> None:
    sizes, typical = [3] * 100, Typical(0.8, 0.5)
    assert artists_for(sizes, typical, detectable(sizes, typical) / 2) == pytest.approx(400, rel=0.06)
    assert artists_for(sizes, typical, 1.0) == 100
    assert artists_for(sizes, typical, 1e-9) is None
