"""Encoders: an ONNX file made here, tiny transformers with random weights, a file that a package ships; and what is refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genrebench.api import Clip, InputContext, UsageError
from genrebench_embeddings import Embeddings
from genrebench_embeddings.embeddings import prepare
from genrebench_embeddings.encoders import PACKAGES, require_encoder
from genrebench_embeddings.options import LinearOptions, trained_on

WINDOW, RATE = 1600, 8000


def write_onnx(path: Path, *, shape: tuple[Any, ...] = ("batch", WINDOW), metadata: str | None = str(RATE)) -> Path:
    """A network of two layers: 16 frames of 100 samples each, and the samples of the window as one frame."""
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Constant", [], ["frames"], value=helper.make_tensor("f", onnx.TensorProto.INT64, [3], [-1, 16, 100])),
        helper.make_node("Constant", [], ["flat"], value=helper.make_tensor("w", onnx.TensorProto.INT64, [2], [-1, WINDOW])),
        helper.make_node("Reshape", ["samples", "frames"], ["first"]),
        helper.make_node("Reshape", ["samples", "flat"], ["second"]),
    ]
    outputs = [
        helper.make_tensor_value_info("first", kind, [None, 16, 100]),
        helper.make_tensor_value_info("second", kind, [None, WINDOW]),
    ]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("samples", kind, list(shape))], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if metadata is not None:
        helper.set_model_props(model, {"sample_rate": metadata})
    onnx.save(model, path)
    return path


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Five clips of noise, of 0.05 to 1.7 s, and one of them twice."""
    result = []
    for i, n in enumerate((400, 1600, 2300, 2500, 13_600)):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, np.random.default_rng(i).uniform(-0.5, 0.5, n), RATE, subtype="FLOAT")
        result.append(Clip(str(i), path, f"{i:064d}"))
    return [*result, replace(result[0], id="again")]


@pytest.fixture(autouse=True)
def _hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrebench.audio.content_hash", lambda path: f"{int(path.stem):064d}")


def counted(folder: Path, counts: list[int]) -> InputContext:
    def progress(iterable: Any, description: str, total: int = 0) -> Any:
        counts.append(total)
        return iterable

    return InputContext(folder / "cache", progress=progress)


@pytest.mark.parametrize("shape", [("batch", WINDOW), ("batch", 1, WINDOW), ("batch", WINDOW, 1), (1, WINDOW), (WINDOW,)])
def test_an_onnx_file_gives_the_statistics_of_its_frames(shape: tuple[Any, ...], clips: list[Clip], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    file = write_onnx(tmp_path / "net.onnx", shape=shape)
    table = prepare(Embeddings(f"onnx:{file}", 0, "mean_std_max"), clips, counted(tmp_path, []))
    assert table.columns[:4] == (
        ("layer-00", "mean", "0000"),
        ("layer-00", "std", "0000"),
        ("layer-00", "max", "0000"),
        ("layer-00", "mean", "0001"),
    )
    # filled windows; a window that is filled by less than half is left out, and frames of the padding aren't counted
    n_frames = {"0": 4, "1": 16, "2": 16, "3": 16 + 9, "4": 8 * 16 + 8, "again": 4}
    for clip, row in zip(clips, np.asarray(table.inputs), strict=True):
        samples, _ = soundfile.read(clip.path, dtype="float32")
        frames = samples[: n_frames[clip.id] * 100].reshape(-1, 100)
        expected = np.stack([frames.mean(axis=0), frames.std(axis=0), frames.max(axis=0)], axis=1)
        np.testing.assert_allclose(row.reshape(100, 3), expected, atol=1e-6)


def test_a_track_is_encoded_once_for_all_layers_and_poolings(clips: list[Clip], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    counts: list[int] = []
    file = write_onnx(tmp_path / "net.onnx")
    context = counted(tmp_path, counts)
    encoder = f"onnx:{file}"
    whole = prepare(Embeddings(encoder), clips[:3], context)
    assert np.asarray(whole.inputs).shape == (3, 2 * (100 + WINDOW))
    for layer, width in ((0, 100), (1, WINDOW)):
        one = prepare(Embeddings(encoder, layer, "mean"), clips, context)
        assert np.asarray(one.inputs).shape == (6, width)
        assert {column[0] for column in one.columns} == {f"layer-{layer:02d}"}
    assert counts == [3, 2]
    with pytest.raises(UsageError, match="layers 0 to 1, so layer=2"):
        prepare(Embeddings(encoder, 2), clips, context)
    write_onnx(file, metadata="4000")  # another network under the same name
    prepare(Embeddings(encoder), clips[:1], context)
    assert counts == [3, 2, 1]


REFUSED: dict[str, tuple[str, str]] = {
    "no form": ("mert", "isn't of the form onnx:FILE"),
    "no name": ("hf:", "isn't of the form"),
    "no file": ("onnx:there-is-none.onnx", "there is no ONNX file"),
    "a folder": ("onnx:.", "there is no ONNX file"),
    "unknown package": ("package:openl3", "no encoder is known in the package 'openl3'; known: basic-pitch"),
    "not pinned": ("hf:m-a-p/MERT-v1-95M", "neither a folder nor of the form ID@REVISION"),
    "a branch": ("hf:m-a-p/MERT-v1-95M@main", "neither a folder nor of the form ID@REVISION"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_encoder_that_isnt_there_is_refused_before_any_work(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrebench_embeddings.encoders._require", lambda *_: None)
    encoder, said = REFUSED[case]
    with pytest.raises(UsageError, match=said):
        require_encoder(encoder)


def test_a_library_that_isnt_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for encoder, command in (
        (f"onnx:{tmp_path / 'net.onnx'}", r"genrebench-embeddings\[onnx\]"),
        (f"hf:{tmp_path}", r"genrebench-embeddings\[hf\]"),
        ("package:basic-pitch", "pip install --no-deps basic-pitch"),
    ):
        with pytest.raises(UsageError, match=command):
            require_encoder(encoder)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.write_bytes(b"no network"), "can't be read as an ONNX file"),
        (lambda path: write_onnx(path, shape=("batch", 80, 100)), "not samples"),
        (lambda path: write_onnx(path, shape=(7, WINDOW)), "batches of exactly 7 windows"),
        (lambda path: write_onnx(path, metadata=None), "doesn't say which sample rate it wants"),
    ],
)
def test_a_file_that_hears_no_samples_is_refused(
    write: Callable[[Path], Any], said: str, clips: list[Clip], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    write(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=said):
        prepare(Embeddings(f"onnx:{tmp_path / 'net.onnx'}"), clips, counted(tmp_path, []))


def write_wav2vec2(folder: Path) -> int:
    import transformers

    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7
    )
    transformers.Wav2Vec2Model(config).save_pretrained(folder, safe_serialization=True)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return 3  # the input of the first layer, and the output of both


def write_clap(folder: Path) -> int:
    import transformers

    audio = {"hidden_size": 32, "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 1], "spec_size": 64}
    audio |= {"num_mel_bins": 16, "projection_dim": 8, "enable_fusion": False}
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 20}
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    transformers.ClapModel(config).save_pretrained(folder, safe_serialization=True)
    transformers.ClapFeatureExtractor(
        feature_size=16, max_length_s=2, truncation="rand_trunc", padding="repeatpad"
    ).save_pretrained(folder)
    return 0


@pytest.mark.parametrize("write", [write_wav2vec2, write_clap])
def test_a_transformer_in_a_folder(write: Callable[[Path], int], clips: list[Clip], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    n_layers = write(tmp_path / "model")
    requested = Embeddings(f"hf:{tmp_path / 'model'}", window=0.5)
    table = np.asarray(prepare(requested, clips, counted(tmp_path, [])).inputs)
    columns = prepare(requested, clips, counted(tmp_path, [])).columns
    layers = {column[0] for column in columns}
    assert len(layers) == n_layers or (not n_layers and len(layers) > 1)
    assert np.isfinite(table).all()
    np.testing.assert_array_equal(table[0], table[5])
    assert len(np.unique(table[:5], axis=0)) == 5


def test_a_folder_with_code_of_its_own_or_without_a_model_is_refused(clips: list[Clip], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "model").mkdir()
    config = '{"model_type": "own", "auto_map": {"AutoModel": "code.Model", "AutoFeatureExtractor": "code.Extractor"}}'
    ran = tmp_path / "ran"
    for content in ("{}", config):
        (tmp_path / "model" / "config.json").write_text(content)
        (tmp_path / "model" / "preprocessor_config.json").write_text(content)
        (tmp_path / "model" / "code.py").write_text(f"open({str(ran)!r}, 'w')")
        with pytest.raises(UsageError, match="can't be loaded"):
            prepare(Embeddings(f"hf:{tmp_path / 'model'}"), clips, counted(tmp_path, []))
    assert not ran.exists()


def test_the_file_that_basic_pitch_ships(clips: list[Clip], tmp_path: Path) -> None:
    if importlib.util.find_spec("basic_pitch") is None or importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("basic-pitch or onnxruntime isn't installed")
    table = prepare(Embeddings("package:basic-pitch", None, "mean"), clips[3:5], counted(tmp_path, []))
    assert np.asarray(table.inputs).shape == (2, 88 + 88 + 264)
    assert 0 <= np.asarray(table.inputs).min() < np.asarray(table.inputs).max() <= 1


def test_what_an_encoder_was_trained_on() -> None:
    assert trained_on(LinearOptions()) == PACKAGES["basic-pitch"].trained_on
    assert trained_on(LinearOptions("onnx:x.onnx")) == ()
    assert trained_on(LinearOptions("onnx:x.onnx", trained_on=("fma-large",))) == ("fma-large",)
