"""cnn-report trains and predicts as the report did, and each of its differences from cnn-raw is an option."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

import genrebench as gb
from genrebench.api import Context, Examples, LazyInputs, UsageError, Waveforms
from genrebench.testing import ListInputs, assert_conforms, tiny_examples
from genrebench_cnn import genrebench_models
from genrebench_cnn.clips import Clips
from genrebench_cnn.options import CnnOptions, ReportOptions
from genrebench_cnn.prediction import window_probabilities
from genrebench_cnn.training import Training

RAW, REPORT = genrebench_models()
QUICK = ReportOptions(sample_rate=14_100, clip_seconds=2.5, batch_size=9, epochs=1)
GENRES = ("low", "high", "noise")


def tracks(*lengths: int, rates: list[int] | None = None) -> ListInputs:
    noise = np.random.default_rng(0).normal(0, 0.1, max(lengths)).astype(np.float32)
    return ListInputs([noise[:n] for n in lengths], None if rates is None else np.array(rates))


def labelled(inputs: LazyInputs) -> Examples[LazyInputs]:
    return Examples(inputs, np.arange(len(inputs)) % len(GENRES), np.arange(len(inputs)))


def training(inputs: LazyInputs, options: CnnOptions) -> Training:
    spec = RAW if type(options) is CnnOptions else REPORT
    model = spec.build(Context(GENRES, device="cpu"), options)
    return Training(model.network, options, model.context, model.device, labelled(inputs), None)


@pytest.mark.parametrize("seconds", [30, 30.0027, 31, 29.977, 6.2, 0.4, 75])
def test_each_track_has_116_training_and_30_prediction_windows(seconds: float) -> None:
    inputs = tracks(round(seconds * 44_100), rates=[44_100])
    windows = training(inputs, ReportOptions()).windows
    (step,) = windows.epoch(0, 0, 1000, "remainder")
    assert sorted(windows.stretches(step).starts.tolist()) == [11_025 * i for i in range(116)]
    (audio,) = [batch.audio for batch in map(training(inputs, ReportOptions()).read, [step[step.argsort()]])]
    padded = np.pad(inputs[0], (0, 1_323_000))[:1_323_000]
    np.testing.assert_array_equal(audio[115], padded[115 * 11_025 :][:44_100])


def test_a_prediction_averages_30_windows_of_zero_padded_audio() -> None:
    network = REPORT.build(Context(GENRES, device="cpu"), ReportOptions()).network
    inputs = tracks(2 * 44_100 + 30_000, rates=[44_100])
    (windows,) = window_probabilities(network, inputs, ReportOptions(), torch.device("cpu"), 44_100)
    assert windows.shape == (30, 3)
    padded = torch.from_numpy(np.pad(inputs[0], (0, 88_200))[: 4 * 44_100]).view(-1, 44_100)
    with torch.no_grad():
        expected = torch.softmax(network(padded), dim=1).numpy()
    np.testing.assert_allclose(windows[:3], expected[:3], atol=1e-5)
    np.testing.assert_allclose(windows[3:], np.broadcast_to(windows[3], (27, 3)), atol=1e-6)  # silence


def test_files_are_cut_to_their_first_30_s_at_their_own_rate() -> None:
    """And to 1,323,000 samples, where a rate above 44.1 kHz has more of them in 30 s."""
    rates = [44_100, 22_050, 48_000, 22_050]
    inputs = tracks(1_323_119, 1_400_000, 1_500_000, 300_000, rates=rates)
    clips = Clips.of(inputs, ReportOptions())
    assert clips.audio.tolist() == [1_323_000, 661_500, 1_323_000, 300_000]
    assert clips.padded.tolist() == [1_323_000] * 4
    assert Clips.of(inputs, CnnOptions()).audio.tolist() == inputs.lengths.tolist()
    windows = training(inputs, ReportOptions())
    last = windows.read(np.array([116 + 115]))  # of the second track, all beyond its 30 s
    assert not last.audio.any()


def test_the_last_step_takes_the_remainder() -> None:
    windows = training(tracks(*[1000] * 20, rates=[44_100] * 20), ReportOptions()).windows
    steps = windows.epoch(0, 0, 1000, "remainder")
    assert [len(step) for step in steps] == [1000, 1000, 320]
    assert sorted(np.concatenate(steps)) == list(range(2320))


def test_gamma_is_drawn_from_0_to_1_and_the_rest_is_as_ever() -> None:
    drawn, plain = (spec.build(Context(GENRES, seed=5, device="cpu"), spec.options()).network for spec in (REPORT, RAW))
    gammas = torch.cat([norm.weight for norm in drawn.norms()]).detach()
    assert len(gammas) == 32 + 64 + 128 + 70 + 30
    assert gammas.min() >= 0
    assert gammas.max() <= 1
    assert abs(gammas.mean() - 0.5) < 0.06
    assert abs(gammas.std() - 12**-0.5) < 0.03
    assert all((norm.weight == 1).all() for norm in plain.norms())
    torch.testing.assert_close(drawn.conv3.weight, plain.conv3.weight)


def sequential(window: int) -> nn.Sequential:
    """The report's network as one would write it down."""
    n = 128 * ((((((window - 4) // 4 - 4) // 4 - 100) // 20 + 1) - 40) // 30 + 1)
    return nn.Sequential(
        *(nn.Conv1d(1, 32, 5), nn.ReLU(), nn.BatchNorm1d(32), nn.AvgPool1d(4)),
        *(nn.Conv1d(32, 64, 5), nn.ReLU(), nn.BatchNorm1d(64), nn.AvgPool1d(4)),
        *(nn.Conv1d(64, 128, 100, stride=20), nn.ReLU(), nn.BatchNorm1d(128), nn.AvgPool1d(40, stride=30)),
        *(nn.Flatten(), nn.Linear(n, 70), nn.ReLU(), nn.BatchNorm1d(70)),
        *(nn.Linear(70, 30), nn.ReLU(), nn.BatchNorm1d(30), nn.Linear(30, 3)),
    )


def test_training_is_the_reports_written_out_in_plain_pytorch() -> None:
    """Same first weights and same order of the windows: same weights, statistics and probabilities after the epoch."""
    inputs = tracks(50_000, 20_000, 35_250, rates=[14_100] * 3)
    model = REPORT.build(Context(GENRES, seed=1, device="cpu"), QUICK)
    plain = sequential(14_100)
    plain.load_state_dict(dict(zip(plain.state_dict(), model.network.state_dict().values(), strict=True)))
    order = training(inputs, QUICK).windows.epoch(1, 0, 9, "remainder")
    model.fit(labelled(inputs), labelled(inputs.subset([])))

    clips = [np.pad(track, (0, 35_250))[:35_250] for track in inputs]
    windows = np.stack([clip[start:][:14_100] for clip in clips for start in range(0, 35_250 - 14_100, 3_525)])
    labels = np.repeat(np.arange(3), len(windows) // 3)
    assert [len(step) for step in order] == [9, 9]
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.001)
    for step in order:
        optimiser.zero_grad()
        probabilities = torch.softmax(plain(torch.from_numpy(windows[step])[:, None]), dim=1)
        wanted = nn.functional.one_hot(torch.from_numpy(labels[step]), 3).float()
        loss = -(wanted * probabilities.log() + (1 - wanted) * (1 - probabilities).log()).mean()
        loss.backward()
        optimiser.step()
    for (name, ours), theirs in zip(model.network.state_dict().items(), plain.state_dict().values(), strict=True):
        if (
            name != "conv1.bias"
        ):  # where ReLU lets all through, batch norm cancels it: its gradient is rounding, blown up by Adam
            assert (ours - theirs).abs().float().mean() < 5e-5, name  # an epoch changes them by about 0.001
    plain.eval()
    pieces = torch.from_numpy(np.stack([np.pad(clip, (0, 14_100))[: 3 * 14_100].reshape(3, 1, -1) for clip in clips]))
    with torch.no_grad():
        expected = torch.stack([torch.softmax(plain(track), dim=1).mean(dim=0) for track in pieces])
    np.testing.assert_allclose(model.predict_proba(inputs), expected, atol=2e-3)


def test_each_difference_is_an_option_of_both_models() -> None:
    names = {field.name for field in dataclasses.fields(CnnOptions)}
    assert names == {field.name for field in dataclasses.fields(ReportOptions)}
    changed = {n: getattr(ReportOptions(), n) for n in names if getattr(ReportOptions(), n) != getattr(CnnOptions(), n)}
    assert changed == {
        "stretch_seconds": 1.0,
        "resample": False,
        "clip_seconds": 30.0,
        "batches": "remainder",
        "norm_statistics": "running",
        "gamma": "uniform",
    }
    assert (CnnOptions(**changed).hop, ReportOptions().hop, ReportOptions(sample_rate=16_000).hop) == (11_025, 11_025, 4_000)
    assert RAW.inputs(CnnOptions()) == Waveforms(44_100)
    assert RAW.inputs(CnnOptions(resample=False)) == REPORT.inputs(ReportOptions()) == Waveforms(None)
    with pytest.raises(UsageError, match=r"cnn-report: clip_seconds=0\.5 is shorter than a window of 1 s"):
        ReportOptions(clip_seconds=0.5)


def test_stretches_can_be_shuffled_freely() -> None:
    options = CnnOptions(sample_rate=16_000, batch_size=100)
    windows = training(tracks(*[480_000] * 12), options).windows
    assert windows.stretch == 4

    def spread(batches: str) -> float:
        steps = windows.epoch(0, 0, 100, batches)
        assert sorted(np.concatenate(steps)) == list(range(12 * 31))
        counts = [np.bincount(windows.stretches(step).tracks % 3, minlength=3) for step in steps]
        sizes = {len(step) for step in steps[:-1]}
        assert len(sizes) == 1 if batches == "remainder" else max(sizes) - min(sizes) <= 1
        return float(np.std(counts, axis=0).mean())

    assert spread("stratified") < 1 < spread("even")
    assert spread("remainder") > 1


def test_it_keeps_the_model_contract() -> None:
    learns = {"batch_size": 8, "epochs": 4, "learning_rate": 0.01, "gamma": "ones", "norm_statistics": "settled"}
    assert_conforms(REPORT, sample_rate=14_100, clip_seconds=1.5, hop_seconds=0.5, **learns)


def test_saved_resumed_and_along_a_timeline(tmp_path) -> None:
    examples = tiny_examples(Waveforms(None), seconds=1)
    model = REPORT.build(Context(GENRES, device="cpu", checkpoints=tmp_path), QUICK)
    model.fit(examples, examples)
    resumed = REPORT.build(Context(GENRES, device="cpu", checkpoints=tmp_path), QUICK)  # nothing is left to be trained
    resumed.fit(examples, examples)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded = REPORT.build(Context(GENRES, device="cpu"), QUICK)
    loaded.load(tmp_path / "model")
    for other in (resumed, loaded):
        np.testing.assert_array_equal(other.predict_proba(examples.inputs), model.predict_proba(examples.inputs))
    slow, fast = model.predict_timeline(examples.inputs)[:2]  # 44,100 and 48,000 samples, in windows of 14,100
    np.testing.assert_allclose(slow.seconds, np.arange(3) * 14_100 / 44_100)
    np.testing.assert_allclose(fast.seconds, np.arange(3) * 14_100 / 48_000)
    assert len(model.figures()) == 3


def test_a_run_over_files_of_several_rates(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        file = tmp_path / "music" / ("a", "b")[number % 2] / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        rate = (16_000, 22_050)[number // 2 % 2]
        soundfile.write(file, rng.normal(0, 0.1, 2 * rate), rate)
    options = {"sample_rate": 14_100, "clip_seconds": 3, "batch_size": 20, "epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
        (run,) = gb.run("cnn-report", dataset=str(tmp_path / "music"), options=options, runs=tmp_path / "runs", workers=1)
        (predicted,) = gb.predict([tmp_path / "music" / "a" / "0.wav"], run, timeline=True)
    assert run.status == "finished"
    assert sum(run.record.facts["training_sample_rates"].values()) == 16
    assert set(run.record.facts["training_sample_rates"]) == {"16000", "22050"}
    assert predicted.timeline.seconds.tolist() == pytest.approx([0, 14_100 / 16_000])
