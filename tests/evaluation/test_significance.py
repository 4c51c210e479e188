import numpy as np
import pytest
import scipy.stats

from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.significance import (
    detectable,
    holm,
    mcnemar,
    pair_errors,
    permutation_interval,
    permutation_test,
    tied,
)


def alone(n: int) -> object:
    return sampling_units(np.full(n, -1))


def test_few_units_are_tested_with_all_patterns() -> None:
    d = np.random.default_rng(0).normal(0.5, size=10)
    expected = scipy.stats.permutation_test(
        (d, np.zeros(10)),
        lambda x, y, axis: (x - y).sum(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert permutation_test(d[:, None], alone(10))[0] == pytest.approx(expected.pvalue)
    assert permutation_test(np.ones((3, 1)), alone(3))[0] == pytest.approx(2 / 8)  # by hand: all + or all -


def test_many_units_are_tested_with_random_patterns() -> None:
    d = np.random.default_rng(1).normal(0.1, size=400)
    (p,) = permutation_test(d[:, None], alone(400))
    assert p == pytest.approx(scipy.stats.ttest_1samp(d, 0).pvalue, abs=0.01)
    assert permutation_test(np.full((400, 1), 0.1), alone(400))[0] == pytest.approx(1 / 10_001)
    assert permutation_test(np.zeros((400, 1)), alone(400))[0] == 1


def test_copies_of_a_track_add_no_significance() -> None:
    d = np.random.default_rng(2).normal(0.3, size=50)
    one = permutation_test(d[:, None], sampling_units(np.arange(50)))
    many = permutation_test(np.repeat(d, 8)[:, None], sampling_units(np.repeat(np.arange(50), 8)))
    assert one == pytest.approx(many)


def test_false_alarms_come_at_their_rate() -> None:
    rng = np.random.default_rng(3)
    artist = np.arange(60) // 4
    d = rng.normal(size=(15, 2000))[artist] + rng.normal(size=(60, 2000))
    rate = (permutation_test(d, sampling_units(artist), n=500) <= 0.05).mean()
    assert 0.035 <= rate <= 0.065
    naive = (permutation_test(d, alone(60), n=500) <= 0.05).mean()
    assert naive > 0.15  # what artists are known for


def test_the_interval_is_what_the_test_does_not_reject() -> None:
    d = np.random.default_rng(8).normal(0.2, size=120)
    for units in (alone(120), sampling_units(np.arange(120) // 4)):
        low, high = permutation_interval(d, units)
        for value in (low, high):
            inside, outside = value - 1e-6 * np.sign(value - d.mean()), value + 1e-6 * np.sign(value - d.mean())
            p = permutation_test(np.stack([d - inside, d - outside], axis=1), units)
            assert p[0] > 0.05 >= p[1]
    np.testing.assert_allclose(
        permutation_interval(d, alone(120)), scipy.stats.t.interval(0.95, 119, d.mean(), scipy.stats.sem(d)), atol=0.01
    )


def test_intervals_of_too_little() -> None:
    assert permutation_interval(np.full(50, 0.3), alone(50)) == pytest.approx((0.3, 0.3))
    assert permutation_interval(np.array([0.1, 0.3, 0.2]), alone(3)) == (-np.inf, np.inf)  # p is never below 1/4


def test_mcnemar_is_the_binomial_test() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random(300) < 0.7, rng.random(300) < 0.6
    only_a, only_b, p = mcnemar(a, b)
    assert (only_a, only_b) == ((a & ~b).sum(), (b & ~a).sum())
    assert p == pytest.approx(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)
    assert mcnemar(a, a) == (0, 0, 1.0)
    assert mcnemar(np.ones(5, dtype=bool), np.zeros(5, dtype=bool))[2] == pytest.approx(2 / 32)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]


def test_errors_of_pairs_are_those_of_the_paired_t_test() -> None:
    losses = np.random.default_rng(5).exponential(size=(80, 4))
    difference, error = pair_errors(losses, alone(80))
    found = scipy.stats.ttest_rel(losses[:, 0], losses[:, 3])
    assert difference[0, 3] / error[0, 3] == pytest.approx(found.statistic)
    assert (np.diag(error) == 0).all()


def test_ties() -> None:
    rng = np.random.default_rng(6)
    base = rng.exponential(size=200)
    losses = np.stack([base, base + rng.normal(0, 0.3, 200), base + 0.5, base], axis=1)
    found = tied(losses, alone(200))
    assert found[0].tolist() == [False, True, False, True]
    assert found[2].tolist() == [False, False, False, False]
    np.testing.assert_array_equal(found, found.T)


def test_smallest_difference_is_found_four_times_out_of_five() -> None:
    rng = np.random.default_rng(7)
    size = detectable(1 / np.sqrt(200))
    d = rng.normal(size, 1, size=(200, 1000))
    assert (permutation_test(d, alone(200), n=500) <= 0.05).mean() == pytest.approx(0.8, abs=0.04)
