"""The two models through the contract: against scikit-learn, on real feature vectors, and in edge cases."""

import importlib.util
import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from genrebench.api import Context, DataError, Examples, FeatureTable, UsageError, log_loss
from genrebench.testing import assert_conforms
from genrebench_svm import SvmOptions, genrebench_models
from genrebench_svm.kernels import Kernel
from genrebench_svm.options import GroupedOptions
from genrebench_svm.solvers import solve

SPECS = {spec.name: spec for spec in genrebench_models()}
GENRES = ("Blues", "Jazz", "$Pop$", "Rock")
BOTH = ("svm-baseline", "svm-grouped")
HAS_PROBABILITY = "probability" in SVC().get_params()


def music(n=160, seed=0, n_genres=4, artist=0.8):
    """Tracks of 8 columns: genre centres, artists' own offsets, two tracks per artist."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(n_genres, 8))
    groups = np.repeat(np.arange(n // 2), 2)
    labels = np.repeat(rng.choice(n_genres, size=n // 2, p=np.arange(n_genres, 0, -1) / np.arange(n_genres + 1).sum()), 2)
    offsets = artist * np.repeat(rng.normal(size=(n // 2, 8)), 2, axis=0)
    table = centres[labels] + offsets + 0.7 * rng.normal(size=(n, 8))
    return Examples(50 * table + 3, labels, groups)


def take(examples, rows):
    return Examples(examples.inputs[rows], examples.labels[rows], examples.groups[rows])


def empty(examples):
    return take(examples, slice(0, 0))


def fit(examples, name="svm-baseline", seed=0, workers=1, genres=GENRES, columns=(), validation=None, **options):
    spec = SPECS[name]
    model = spec.build(Context(genres=genres, seed=seed, workers=workers, columns=columns), spec.options(**options))
    model.fit(examples, empty(examples) if validation is None else validation)
    return model


def reference(examples, seed=0, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated in scikit-learn 1.9: held against it while it is there
        gamma = 1 / examples.inputs.shape[1]
        machine = SVC(**{"gamma": gamma, "probability": True, "random_state": seed} | options)
        return make_pipeline(StandardScaler(), machine).fit(examples.inputs, examples.labels)


needs_probability = pytest.mark.skipif(not HAS_PROBABILITY, reason="this scikit-learn has no SVC(probability=True) any more")


@needs_probability
@pytest.mark.parametrize("options", [{}, {"kernel": "linear", "C": 0.1}, {"kernel": "poly"}, {"gamma": 0.5}])
def test_baseline_is_libsvm_seed_for_seed(options):
    train, test = music(), music(seed=1)
    for seed in (0, 7):
        expected = reference(train, seed, **options).predict_proba(test.inputs)
        assert fit(train, seed=seed, **options).predict_proba(test.inputs) == pytest.approx(expected, abs=2e-3)


@needs_probability
def test_baseline_is_near_libsvm_with_a_kernel_that_has_many_optima():
    train, test = music(), music(seed=1)
    expected = log_loss(test.labels, reference(train, kernel="sigmoid").predict_proba(test.inputs))
    assert log_loss(test.labels, fit(train, kernel="sigmoid").predict_proba(test.inputs)) == pytest.approx(expected, abs=0.03)


@needs_probability
def test_baseline_is_libsvm_with_class_weights_and_for_two_genres():
    train, test = music(), music(seed=1)
    expected = reference(train, class_weight="balanced").predict_proba(test.inputs)
    assert fit(train, class_weight="balanced").predict_proba(test.inputs) == pytest.approx(expected, abs=2e-3)
    two, genres = music(n_genres=2), GENRES[:2]
    expected = reference(two).predict_proba(test.inputs)
    assert fit(two, genres=genres).predict_proba(test.inputs) == pytest.approx(expected, abs=2e-3)


@needs_probability
def test_baseline_is_libsvm_over_seeds():
    train, test = music(), music(seed=1)
    theirs = [log_loss(test.labels, reference(train, seed).predict_proba(test.inputs)) for seed in range(10)]
    ours = [log_loss(test.labels, fit(train, seed=seed).predict_proba(test.inputs)) for seed in range(10)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.002)
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.1)


def test_ovr_is_scikit_learns_replacement():
    train, test = music(), music(seed=1)
    machine = SVC(gamma=1 / 8)
    pipeline = make_pipeline(StandardScaler(), CalibratedClassifierCV(machine, ensemble=False)).fit(train.inputs, train.labels)
    expected = pipeline.predict_proba(test.inputs)
    assert fit(train, probabilities="ovr").predict_proba(test.inputs) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", BOTH)
def test_predict_is_that_of_svc(name):
    train, test = music(), music(seed=1)
    machine = make_pipeline(StandardScaler(), SVC(gamma=1 / 8)).fit(train.inputs, train.labels)
    model = fit(train, name)
    assert (model.predict(test.inputs) == machine.predict(test.inputs)).all()
    if name == "svm-grouped":
        assert (model.predict_proba(test.inputs).argmax(axis=1) == machine.predict(test.inputs)).all()


def test_grouped_is_better_calibrated_where_artists_have_many_tracks():
    # the artists' own sound makes random inner folds overconfident for new artists
    def many(seed):
        rng = np.random.default_rng(seed)
        labels = np.repeat(rng.integers(0, 4, 30), 10)
        table = np.random.default_rng(99).normal(size=(4, 8))[labels] + 1.5 * np.repeat(rng.normal(size=(30, 8)), 10, axis=0)
        return Examples(table + 0.3 * rng.normal(size=table.shape), labels, np.repeat(np.arange(30), 10))

    train, test = many(0), many(1)
    losses = {name: log_loss(test.labels, fit(train, name).predict_proba(test.inputs)) for name in BOTH}
    assert losses["svm-grouped"] < losses["svm-baseline"] - 0.2


@pytest.mark.parametrize("name", BOTH)
def test_workers_and_memory_do_not_change_the_probabilities(name):
    train, test = music(), music(seed=1)
    expected = fit(train, name).predict_proba(test.inputs)
    assert (fit(train, name, workers=2).predict_proba(test.inputs) == expected).all()
    largest_pair = 4 * np.sort(np.bincount(train.labels))[-2:].sum() ** 2
    for memory in (largest_pair * 1.01e-9, largest_pair * 0.5e-9, 1e-9):
        for engine in ("scikit-learn", "auto"):
            probabilities = fit(train, name, memory=memory, engine=engine).predict_proba(test.inputs)
            assert probabilities == pytest.approx(expected, abs=5e-3), (memory, engine)


@pytest.mark.parametrize("options", [{"probabilities": p} for p in ("libsvm", "grouped", "ovr")])
def test_loaded_in_a_fresh_process_it_predicts_the_same(tmp_path, options):
    train, test = music(), music(seed=1)
    model = fit(train, **options)
    saved = tmp_path / "model"
    saved.mkdir()
    model.save(saved)
    np.save(tmp_path / "inputs.npy", test.inputs)
    code = (
        "import sys, json, numpy as np; from pathlib import Path\n"
        "from genrebench.api import Context; from genrebench_svm import SvmOptions, genrebench_models\n"
        f"model = genrebench_models()[0].build(Context(genres={GENRES!r}), SvmOptions())\n"
        "folder = Path(sys.argv[1]); model.load(folder / 'model')\n"
        "np.save(folder / 'probabilities.npy', model.predict_proba(np.load(folder / 'inputs.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert np.abs(np.load(tmp_path / "probabilities.npy") - model.predict_proba(test.inputs)).max() <= 1e-12
    assert sorted(p.name for p in saved.iterdir()) == ["model.json", "model.npz"]
    assert json.loads((saved / "model.json").read_text())["probabilities"] == options["probabilities"]


@pytest.mark.parametrize("options", [{"probabilities": p} for p in ("libsvm", "grouped", "ovr")])
@pytest.mark.parametrize("counts", [(20, 20, 20, 0), (20, 20, 1, 1), (1, 1, 1, 1), (3, 0, 0, 2), (0, 5, 0, 0), (4, 3, 2, 1)])
def test_small_and_missing_genres(counts, options):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), counts)
    examples = Examples(rng.normal(size=(len(labels), 8)) + labels[:, None], labels, np.arange(len(labels)) // 2)
    probabilities = fit(examples, **options).predict_proba(rng.normal(size=(7, 8)))
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert (probabilities > 0).all()
    missing = np.array(counts) == 0
    assert probabilities[:, missing] == pytest.approx(1 / (len(labels) + 4))
    assert fit(examples, **options).predict_proba(np.empty((0, 8))).shape == (0, 4)


def test_constant_columns_change_nothing():
    train, test = music(), music(seed=1)
    expected = fit(train, gamma=0.125).predict_proba(test.inputs)

    def padded(examples):
        constant = np.tile([0.0, 0.1, 1e9], (len(examples), 1))
        return Examples(np.hstack([examples.inputs, constant]), examples.labels, examples.groups)

    assert fit(padded(train), gamma=0.125).predict_proba(padded(test).inputs) == pytest.approx(expected, abs=1e-4)


def test_values_that_are_not_finite_are_named():
    train = music()
    train.inputs[3, 2] = np.nan
    with pytest.raises(DataError, match="1 feature values are not finite, the first is nan in column 'mfcc mean 03' of row 3"):
        fit(train, columns=tuple(("mfcc", "mean", f"{i + 1:02}") for i in range(8)))


def test_a_missing_engine_is_named(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearnex" else find_spec(name))
    with pytest.raises(UsageError, match="needs scikit-learn-intelex"):
        fit(music(), engine="intelex", memory=1e-9)
    assert fit(music(), memory=1e-9).predict_proba(music().inputs).shape == (160, 4)


@pytest.mark.parametrize("name", BOTH)
def test_contract(name):
    assert_conforms(SPECS[name])


def test_options_choose_the_columns():
    assert SvmOptions().table == FeatureTable()
    assert GroupedOptions(features="mfcc, spectral_contrast", source="extract").table == FeatureTable(
        ("mfcc", "spectral_contrast"), "extract"
    )


def test_figures_show_which_group_matters_for_a_genre():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 30)
    table = rng.normal(size=(120, 6))
    table[:, :2] += 3 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[labels]
    columns = (("mfcc", "mean", "01"), ("mfcc", "mean", "02"), *((f"noise{i}", "mean", "01") for i in range(4)))
    examples = Examples(table, labels, np.arange(120))
    model = fit(take(examples, slice(0, None, 2)), columns=columns, validation=take(examples, slice(1, None, 2)))
    (title, figure), *others = model.figures().items()
    assert "validation" in title
    assert not others
    axes = figure.axes[0]
    assert axes.get_yticklabels()[0].get_text() == "mfcc"
    values = np.asarray(axes.images[0].get_array())
    assert (values[0] > 1.0).all()
    assert np.abs(values[1:]).max() < 0.5
    figure.canvas.draw()
    assert fit(examples).figures() == {}


@pytest.mark.parametrize("name", BOTH)
def test_real_feature_vectors(real_data, name):
    features = pd.read_csv(real_data / "fma" / "features_mfcc_2000.csv", index_col=0, header=[0, 1, 2]).dropna()
    tracks = pd.read_csv(real_data / "fma" / "fma_small_labels.csv", index_col="track_id").loc[features.index]
    labels = (tracks["genre"] == "Rock").to_numpy().astype(np.int64)
    examples = Examples(features.to_numpy(dtype=float), labels, np.arange(len(labels)))
    parts = {part: take(examples, (tracks["split"] == part).to_numpy()) for part in ("training", "validation", "test")}
    assert len(parts["training"]) == 1593
    model = fit(parts["training"], name, genres=("Hip-Hop", "Rock"), workers=2)
    for part, accuracy in (("test", 0.935), ("validation", 0.919)):
        assert (model.predict(parts[part].inputs) == parts[part].labels).mean() == pytest.approx(accuracy, abs=5e-4)
    probabilities = model.predict_proba(parts["test"].inputs)
    assert 0.929 <= (probabilities.argmax(axis=1) == parts["test"].labels).mean() <= 0.936
    assert log_loss(parts["test"].labels, probabilities) == pytest.approx(0.189, abs=0.005)


def test_prints_nothing():
    code = (
        "import numpy as np; from genrebench.api import Context, Examples; from genrebench_svm import genrebench_models\n"
        "spec = genrebench_models()[0]; model = spec.build(Context(genres=('a', 'b')), spec.options())\n"
        "examples = Examples(np.arange(20.0).reshape(10, 2), np.arange(10) % 2, np.arange(10)); model.fit(examples, examples)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert done.stdout == b""


@pytest.mark.parametrize(("kernel", "gap"), [("rbf", 0.3), ("rbf", 0.0), ("linear", 0.3), ("poly", 0.3), ("sigmoid", 0.3)])
def test_the_solver_finds_what_libsvm_finds_bit_for_bit(kernel, gap):
    rng = np.random.default_rng(0)
    labels = (np.arange(1200) >= 700).astype(float)  # more than 1,000 rows are shrunk
    table = rng.normal(size=(1200, 20)) + gap * labels[:, None]
    values = Kernel(kernel, 1 / 20).square(table)
    penalties = rng.uniform(0.5, 2.0, 1200)
    in_double = values.matrix.astype(float)
    np.fill_diagonal(in_double, values.diagonal)
    machine = SVC(kernel="precomputed").fit(in_double, labels, penalties)
    support, coefficients, intercept = solve(values, np.arange(1200), labels, penalties)
    order = np.argsort(machine.support_)
    assert (support == machine.support_[order]).all()
    assert (coefficients == -machine.dual_coef_[0][order]).all()
    assert intercept == -machine.intercept_[0]


def test_parts_of_one_matrix_are_solved_as_problems_of_their_own():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 5))
    rows = np.concatenate([np.arange(0, 80, 2), np.arange(150, 250, 3)])
    labels = (rows >= 150).astype(float)
    whole = solve(Kernel("rbf", 0.2).square(table), rows, labels, np.ones(len(rows)))
    alone = solve(Kernel("rbf", 0.2).square(table[rows]), np.arange(len(rows)), labels, np.ones(len(rows)))
    assert (whole[0] == alone[0]).all()
    assert whole[1] == pytest.approx(alone[1], abs=1e-6)


def test_kernel_values_are_computed_once_and_rounded():
    table = np.random.default_rng(0).normal(size=(700, 6))  # three blocks
    kernel = Kernel("rbf", 0.2)
    matrix, diagonal = kernel.square(table, workers=2)
    assert (matrix == matrix.T).all()
    np.testing.assert_allclose(matrix, kernel(table, table), rtol=1e-7)
    np.testing.assert_allclose(diagonal, 1.0, rtol=1e-12)
    parts = table[:300], table[300:]
    joined = kernel.join(parts[0], kernel.square(parts[0]), parts[1], kernel.square(parts[1]))
    np.testing.assert_allclose(joined.matrix, matrix, rtol=1e-7)
    assert (joined.matrix == joined.matrix.T).all()
    assert joined.diagonal == pytest.approx(diagonal, rel=1e-12)
