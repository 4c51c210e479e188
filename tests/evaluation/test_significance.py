"""Significance tests, against enumeration of all patterns by hand, exact fractions, and SciPy."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.significance import holm, mcnemar, permutation_interval, permutation_test
from genrebench.evaluation.variance import Trainings


def alone(n: int) -> object:
    return sampling_units(np.full(n, -1))


def enumerated_p(differences: list[Fraction], artists: list[int]) -> Fraction:
    """Share of all patterns of the artists' signs with a sum at least as far from 0, in exact arithmetic."""
    names = sorted(set(artists))
    sums = [sum(d for d, artist in zip(differences, artists, strict=True) if artist == name) for name in names]
    patterns = [abs(sum(sign * s for sign, s in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))]
    return Fraction(sum(pattern >= abs(sum(sums)) for pattern in patterns), len(patterns))


artists_and_tenths = st.integers(1, 8).flatmap(
    lambda m: st.lists(st.tuples(st.integers(0, m - 1), st.integers(-9, 9)), min_size=1, max_size=25)
)

# ------------------------------------------------------------------ the permutation test


@given(artists_and_tenths)
@settings(max_examples=60, deadline=None)
def test_p_is_that_of_all_patterns_in_exact_arithmetic(tracks: list[tuple[int, int]]) -> None:
    artists = [artist for artist, _ in tracks]
    (p,) = permutation_test(np.array([[tenths / 10] for _, tenths in tracks]), sampling_units(np.array(artists)))
    assert p == pytest.approx(float(enumerated_p([Fraction(tenths, 10) for _, tenths in tracks], artists)), rel=1e-12)


def test_p_by_hand() -> None:
    # sums 0.3, 0.1, 0.2, in all 0.6; only +++ and --- reach it
    assert permutation_test(np.array([[0.3], [0.1], [0.2]]), alone(3))[0] == 2 / 8
    # 0.3 - 0.1 - 0.2 = 0, and every pattern reaches that; 0.1 + 0.2 = 0.30000000000000004
    assert permutation_test(np.array([[0.3], [-0.1], [-0.2]]), alone(3))[0] == 1
    # -0.2 + 0.4 + 0.1 - 0.3 = 0, though not in floating point, and every pattern reaches that
    assert permutation_test(np.array([[-0.2], [0.4], [0.1], [-0.3]]), alone(4))[0] == 1
    # 0.3 + 0.1 - 0.2 = 0.2 is reached by all but the two patterns of sum 0
    assert permutation_test(np.array([[0.3], [0.1], [-0.2]]), alone(3))[0] == 6 / 8
    # artists weigh by their tracks: sums 6 and -1, so 5, 7, -7 and -5 all reach 5
    assert permutation_test(np.array([[2.0], [2], [2], [-1]]), sampling_units(np.array([0, 0, 0, 1])))[0] == 1


def test_sums_that_are_0_up_to_rounding_are_reached_by_all_patterns() -> None:
    v = np.random.default_rng(3).normal(size=5)
    d = np.random.default_rng(4).permutation(np.concatenate([v, -v]))
    assert permutation_test(d[:, None], alone(10))[0] == 1


def test_all_patterns_are_taken_if_there_are_no_more_than_asked_for() -> None:
    d = np.arange(1.0, 11)[:, None]  # ten units of one sign: 2 of 1024 patterns
    assert permutation_test(d, alone(10), n=1024)[0] == 2 / 1024
    (p,) = permutation_test(d, alone(10), n=1000)
    assert (p * 1001) % 1 == pytest.approx(0)
    assert 1 / 1001 <= p < 0.02


def test_random_patterns_follow_the_seed() -> None:
    d = np.random.default_rng(1).normal(0.1, size=(100, 1))
    p = [permutation_test(d, alone(100), n=500, seed=seed)[0] for seed in (0, 1, 2, 0)]
    assert p[0] == p[3]
    assert len(set(p)) > 1


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


def test_patterns_of_many_units_come_in_blocks() -> None:
    d = np.random.default_rng(4).normal(0.03, size=1000)
    columns = np.stack([d, np.full(1000, 0.1)], axis=1)
    p = permutation_test(columns, alone(1000))
    assert p == pytest.approx([scipy.stats.ttest_1samp(d, 0).pvalue, 1 / 10_001], abs=0.01)
    assert p[1] == pytest.approx(1 / 10_001)


@pytest.mark.parametrize("m", [97, 104])
def test_random_signs_are_the_bits_of_numpys_generator(m: int) -> None:
    d = np.random.default_rng(1).normal(0.1, size=m)
    bits = np.unpackbits(np.random.default_rng(7).integers(0, 256, size=(500, 13), dtype=np.uint8), axis=1)[:, :m]
    extreme = sum(abs(sum(value if bit else -value for value, bit in zip(d, row, strict=True))) >= abs(d.sum()) for row in bits)
    assert permutation_test(d[:, None], alone(m), n=500, seed=7)[0] == pytest.approx((1 + extreme) / 501)


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


# ------------------------------------------------------------------ its interval


def test_the_interval_of_six_units_is_that_of_their_means() -> None:
    # Of 64 patterns at least 4 have to reach what is observed. Between the second-largest mean and the largest, turning the
    # largest round does (and all signs changed: 4); above it, only the observed pattern and its mirror image do (2).
    d = np.array([0.4, -0.1, 0.25, 0.3, 0.9, 0.2])
    assert permutation_interval(d, alone(6)) == pytest.approx((-0.1, 0.9), rel=1e-10)
    assert permutation_interval(np.array([1.0, 2, 3, 3, 4, 5]), alone(6)) == pytest.approx((1, 5), rel=1e-10)
    groups, d = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 1]), np.array([5, 1, 3, -2, 0, -4, 0.5, 2, 2, 1])
    assert permutation_interval(d, sampling_units(groups)) == pytest.approx((-2, 5), rel=1e-10)
    assert permutation_interval(d, sampling_units(groups), level=0.97) == (-np.inf, np.inf)  # 2 / 64 is more than 0.03


@pytest.mark.parametrize(("level", "m"), [(0.95, 7), (0.95, 8), (0.8, 6), (0.75, 6), (0.5, 7), (0.99, 9)])
def test_the_interval_of_few_artists_is_what_enumeration_does_not_reject(level: float, m: int) -> None:
    rng = np.random.default_rng(m)
    artists = np.repeat(np.arange(m), rng.integers(1, 4, m)).tolist()
    d = [Fraction(int(value), 100) for value in rng.integers(-50, 100, len(artists))]
    low, high = permutation_interval(np.array([float(value) for value in d]), sampling_units(np.array(artists)), level=level)
    step = Fraction(1, 10**9)
    inside, outside = (Fraction(low) + step, Fraction(high) - step), (Fraction(low) - step, Fraction(high) + step)
    for value in inside:
        assert enumerated_p([difference - value for difference in d], artists) > 1 - Fraction(str(level))
    for value in outside:
        assert enumerated_p([difference - value for difference in d], artists) <= 1 - Fraction(str(level))


def test_the_interval_of_random_patterns_is_what_their_test_does_not_reject() -> None:
    d = np.random.default_rng(9).exponential(size=40) - 0.7
    units = sampling_units(np.repeat(np.arange(20), [1, 3] * 10))
    for seed, level in ((0, 0.95), (3, 0.95), (3, 0.8)):
        low, high = permutation_interval(d, units, n=300, seed=seed, level=level)
        values = np.array([low + 1e-9, high - 1e-9, low - 1e-9, high + 1e-9])
        p = permutation_test(d[:, None] - values, units, n=300, seed=seed)
        assert (p > 1 - level).tolist() == [True, True, False, False]


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
    d = np.arange(1.0, 8)
    assert permutation_interval(d[:5], alone(5)) == (-np.inf, np.inf)
    assert permutation_interval(d[:5], alone(5), level=0.8) == (-np.inf, np.inf)
    assert permutation_interval(d[:6], alone(6)) == pytest.approx((1, 6))
    assert permutation_interval(d[:6], alone(6), level=1 - 2 / 64) == pytest.approx((1, 6))  # 2/64 isn't above 1 - level
    assert permutation_interval(np.full(50, 0.5), alone(50)) == (0.5, 0.5)
    assert permutation_interval(d, alone(7), level=0.99) == (-np.inf, np.inf)  # p is never below 1/64
    assert permutation_interval(np.full(50, 0.3), alone(50)) == pytest.approx((0.3, 0.3))
    assert permutation_interval(np.array([0.1, 0.3, 0.2]), alone(3)) == (-np.inf, np.inf)  # p is never below 1/4


# ------------------------------------------------------------------ McNemar and Holm


def test_mcnemar_by_hand() -> None:
    a, b = np.array([1, 1, 1, 1, 0, 1, 0], dtype=bool), np.array([0, 0, 0, 1, 1, 1, 0], dtype=bool)
    assert mcnemar(a, b) == (3, 1, pytest.approx(2 * (1 + 4) / 16))  # 0 or 1 heads of 4, and as many tails
    assert mcnemar(b, a) == (1, 3, pytest.approx(2 * (1 + 4) / 16))
    assert mcnemar(a[3:5], b[3:5]) == (0, 1, 1.0)
    assert mcnemar(np.array([True, False]), np.array([False, True])) == (1, 1, 1.0)  # twice 3/4, cut to 1


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
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.01, 0.011, 0.5, 0.2]) == pytest.approx([0.04, 0.04, 0.5, 0.4])  # 0.011 * 3 is less than 0.01 * 4
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1, 1]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=12), st.integers(1, 99))
@settings(max_examples=100, deadline=None)
def test_holm_rejects_what_the_stepwise_procedure_rejects(percent: list[int], level: int) -> None:
    rejected = 0  # the smallest p against level / m, the next against level / (m - 1), and so on, until one isn't rejected
    for step, p in enumerate(sorted(percent)):
        if p * (len(percent) - step) > level:
            break
        rejected += 1
    adjusted = holm([p / 100 for p in percent])
    assert sum(p <= level / 100 + 1e-9 for p in adjusted) == rejected
    for p, other in zip(percent, adjusted, strict=True):
        assert p / 100 <= other <= 1
    assert sorted(adjusted) == [adjusted[i] for i in np.argsort(percent, kind="stable")]


# ------------------------------------------------------------------ several trainings


def test_trainings_of_no_variance_change_nothing() -> None:
    d = np.random.default_rng(2).normal(0.2, size=(80, 1))
    plain = permutation_test(d, alone(80), n=500)
    assert permutation_test(d, alone(80), Trainings.of([[1.0], [2.0]]).difference(), n=500) == pytest.approx(plain)
    assert permutation_interval(d[:, 0], alone(80), Trainings.none(1), n=500) == permutation_interval(d[:, 0], alone(80), n=500)


def test_methods_whose_trainings_differ_are_equal() -> None:
    rng = np.random.default_rng(5)
    found, naive = 0, 0
    for i in range(200):
        moved = rng.normal(0, 0.3, (2, 4))
        d = rng.normal(size=(150, 1)) + moved[0].mean() - moved[1].mean()
        found += permutation_test(d, alone(150), Trainings.of(list(moved)).difference(), n=200, seed=i)[0] <= 0.05
        naive += permutation_test(d, alone(150), n=200, seed=i)[0] <= 0.05
    assert found <= 0.09 * 200  # two standard errors above 5 %
    assert naive > 0.3 * 200


def test_the_interval_over_trainings_is_what_their_test_does_not_reject() -> None:
    d, units = np.random.default_rng(9).exponential(size=40) - 0.7, sampling_units(np.repeat(np.arange(20), [1, 3] * 10))
    trainings = Trainings.of([[0.1, 0.3, 0.2], [0.0, 0.2, 0.05]]).difference()
    low, high = permutation_interval(d, units, trainings, n=300, seed=3)
    for value, held in ((low + 1e-9, True), (high - 1e-9, True), (low - 1e-9, False), (high + 1e-9, False)):
        # the error of the difference doesn't depend on the value
        assert (permutation_test((d - value)[:, None], units, trainings, n=300, seed=3)[0] > 0.05) == held
    assert high - low > np.subtract(*permutation_interval(d, units, n=300, seed=3)[::-1])
