"""Checks of kinds of input, on a few made audio files."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import GenrebenchError
from genrebench.plugin.hookspecs import INPUT
from genrebench.plugin.hosted_input import problem_of
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.plugin.lazy import LazyInputs
from genrebench.records import Excerpt
from genrebench.testing.apart import Outcome, Probe
from genrebench.testing.bench import Bench, watched
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.declarations import IMPORT, declaration_problem
from genrebench.testing.manners import manners

SAME = 1e-5
RATE = 22_050


class InputBench(Bench):
    """A kind of input; `requested` is a setting, by default the type without arguments."""

    @property
    def requested(self) -> Any:
        """What a model would ask for."""
        given = self.settings.get("requested")
        return self.spec.type() if given is None else given

    @property
    def prepared(self) -> Outcome:
        """Notes by name: (values per clip, problem)."""
        return self.outcome("prepared", _prepared)

    def values(self, name: str) -> list[NDArray[Any]]:
        """The values of some clips; a rule that needs them isn't about them being invalid."""
        values, problem = self.prepared[name]
        if problem:
            raise NotApplicable("there are no values to look at")
        found: list[NDArray[Any]] = values
        return found


def write_clips(folder: Path) -> list[Clip]:
    """Four clips: a tone, noise, both louder in stereo, at other rates."""
    import soundfile

    folder.mkdir(parents=True)
    rng = np.random.default_rng(6)
    clips = []
    for i, (rate, seconds) in enumerate(((RATE, 2.0), (44_100, 1.5), (RATE, 2.5), (16_000, 2.0))):
        t = np.arange(round(rate * seconds)) / rate
        tone = 0.3 * np.sin(2 * np.pi * 220 * 2**i * t) + rng.normal(0, 0.02 * (i + 1), len(t))
        clips.append(_clip(folder / f"clip-{i}.wav", tone if i != 2 else np.stack([tone, 0.5 * tone], axis=1), rate))
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "short.wav", 0.1 * np.ones(40), RATE)
    (folder / "broken.wav").write_bytes(b"this is no audio" * 20)
    return clips


def _clip(path: Path, samples: NDArray[np.float64] | None = None, rate: int = RATE) -> Clip:
    import soundfile

    if samples is not None:
        soundfile.write(path, samples, rate)
    return Clip(path.stem, path, audio.content_hash(path))


def _prepared(bench: InputBench, probe: Probe) -> None:
    folder = bench.folder / "audio"
    clips = write_clips(folder)
    elsewhere = _clip(Path(shutil.copy(clips[1].path, folder / "renamed.wav")))
    cases: dict[str, Sequence[Clip]] = {
        "usual": clips,
        "again": clips,
        "reversed": clips[::-1],
        "alone": clips[1:2],
        "silence": [_clip(folder / "silent.wav")],
        "short": [_clip(folder / "short.wav")],
    }
    cache = bench.folder / "cache"
    with watched(bench, probe, cache):
        for name, some in cases.items():
            with probe.step(name, final=name == "usual"):
                probe.note(name, _attempt(bench, some, InputContext(cache)))
        with probe.step("frame_rate"):
            rate = None if bench.spec.frame_rate is None else bench.spec.frame_rate(bench.requested)
            probe.note("frame_rate", rate if isinstance(rate, int | float | type(None)) else repr(rate)[:60])
        with probe.step("renamed"):
            probe.note("renamed", _attempt(bench, [elsewhere], InputContext(bench.folder / "cache" / "other")))
        with probe.step("without the cache"):
            probe.note("without the cache", _attempt(bench, clips, InputContext(cache, cached=False)))
        with probe.step("excerpt"):
            probe.note("excerpt", _attempt(bench, clips, InputContext(cache, Excerpt(0.5, slack=0.0))))
        with probe.step("broken"):
            broken = [clips[0], Clip("broken", folder / "broken.wav", "0")]
            try:
                prepared = bench.spec.prepare(bench.requested, broken, InputContext(cache))
                probe.note("broken", f"prepare returned {type(prepared).__name__} for a file that isn't audio")
            except GenrebenchError:
                probe.note("broken", None)
        with probe.step("example"):
            probe.note(
                "example",
                _example_problem(bench.spec, bench.requested, bench.spec.prepare(bench.requested, clips, InputContext(cache))),
            )
        with probe.step("lazy"):
            probe.note("lazy", _lazy_problem(bench.spec.prepare(bench.requested, clips, InputContext(cache)).inputs))


def _changed(bench: InputBench, probe: Probe) -> None:
    """Two files one after the other under the same path and id."""
    path = bench.folder / "clip.wav"
    for number, clip in enumerate(write_clips(bench.folder / "audio of others")[1:3]):
        shutil.copy(clip.path, path)
        with probe.step("prepare"):
            probe.note(f"file {number}", _attempt(bench, [_clip(path)], InputContext(bench.folder / "cache of others")))


def _prepared_elsewhere(bench: InputBench, probe: Probe) -> None:
    folder = bench.folder / "audio elsewhere"
    clips = write_clips(folder)
    with probe.step("prepare"):
        probe.note("usual", _attempt(bench, clips, InputContext(folder / "cache")))


def _attempt(bench: InputBench, clips: Sequence[Clip], context: InputContext) -> tuple[list[NDArray[Any]], str | None]:
    prepared = bench.spec.prepare(bench.requested, clips, context)
    problem = problem_of(prepared, [clip.id for clip in clips])
    if problem:
        return [], problem
    values = [np.asarray(entry) for entry in prepared.inputs]
    bad = next((clip.id for clip, entry in zip(clips, values, strict=True) if not np.isfinite(entry).all()), None)
    empty = next((clip.id for clip, entry in zip(clips, values, strict=True) if not entry.size), None)
    if bad or empty:
        return [], f"prepare returned {'values that are not finite' if bad else 'no values'} for clip {bad or empty!r}"
    return values, None


def _example_problem(spec: InputSpec, requested: Any, prepared: Prepared) -> str | None:
    if spec.example is None:
        return "the spec has no example"
    labels = np.array([2, 0, 1, -1, 0])
    made, again, other = (spec.example(requested, labels.copy(), seed, 1.0) for seed in (0, 0, 1))
    problem = problem_of(made, [str(i) for i in range(len(labels))])
    if problem:
        return problem.replace("prepare", "example")
    if isinstance(made.inputs, LazyInputs) != isinstance(prepared.inputs, LazyInputs):
        return "example returns an array and prepare lazy inputs, or the other way round"
    first, real = np.asarray(made.inputs[0]), np.asarray(prepared.inputs[0])
    trailing = slice(1, None) if isinstance(made.inputs, LazyInputs) else slice(None)
    if first.ndim != real.ndim or (spec.given is None and first.shape[trailing] != real.shape[trailing]):
        return f"example makes entries of shape {first.shape}, prepare of shape {real.shape}"
    if not all(np.array_equal(a, b) for a, b in zip(made.inputs, again.inputs, strict=True)):
        return "example makes other tracks for the same seed"
    if all(np.array_equal(a, b) for a, b in zip(made.inputs, other.inputs, strict=True)):
        return "example makes the same tracks for another seed"
    if len(spec.example(requested, labels[:0], 0, 1.0).inputs):
        return "example makes tracks where there are no labels"
    short, long = (spec.example(requested, labels[:1], 0, seconds).inputs for seconds in (0.001, 4.0))
    if isinstance(long, LazyInputs):
        if not len(short[0]):
            return "example makes a track without entries for a millisecond"
        if spec.frame_rate is not None and spec.frame_rate(requested) is not None and len(long[0]) <= len(made.inputs[0]):
            return f"example makes a track of {len(long[0])} entries for 4 s, and one of {len(made.inputs[0])} for 1 s"
    if _told_apart(spec, requested):
        return None
    return "example makes tracks of different labels that are alike, so that no model can learn from them"


def _told_apart(spec: InputSpec, requested: Any) -> bool:
    """Whether the nearest mean of each label tells tracks apart by their values, or by their level, spread and speed."""
    assert spec.example is not None  # noqa: S101, looked at before
    labels = np.tile(np.arange(3), 8)
    train, test = (_described(spec.example(requested, labels.copy(), seed, 1.0).inputs) for seed in (2, 3))
    scale = train.std(axis=0) + 1e-9
    means = np.stack([train[labels == label].mean(axis=0) for label in range(3)])
    nearest = (((test[:, None] - means) / scale) ** 2).sum(axis=2).argmin(axis=1)
    return bool((nearest == labels).sum() >= 14)  # of 24; 8 are by chance


def _described(inputs: Any) -> NDArray[np.float64]:
    """One row per track: the values of a table; level, spread and speed of each value of a track over time."""
    if not isinstance(inputs, LazyInputs):
        return np.asarray(inputs, dtype=np.float64)
    rows = []
    for track in inputs:
        values = np.asarray(track, dtype=np.float64).reshape(len(track), -1)
        speed = np.abs(np.diff(values, axis=0)).mean(axis=0) if len(values) > 1 else 0 * values[0]
        rows.append(np.concatenate([values.mean(axis=0), values.std(axis=0), speed]))
    return np.stack(rows)


def _lazy_problem(inputs: Any) -> str | None:
    if not isinstance(inputs, LazyInputs):
        return None
    for i, entry in enumerate(inputs):
        if len(entry) != inputs.lengths[i]:
            return f"lengths says {inputs.lengths[i]}, but a track has {len(entry)}"
        if entry.dtype != np.float32:
            return f"a track is an array of {entry.dtype}, not of float32"
        if not np.array_equal(inputs.read(i, 1, 3), entry[1:3]):
            return "read(index, start, stop) isn't that part of the track"
    if not np.array_equal(inputs.subset([2, 0])[0], inputs[2]):
        return "subset doesn't select the tracks in the order of the indices"
    if not np.array_equal(pickle.loads(pickle.dumps(inputs))[1], inputs[1]):  # noqa: S301, what was just written
        return "sent to another process, the inputs read something else"
    return None


def spec(bench: InputBench) -> str | None:
    """A frozen dataclass that can be asked for, and examples."""
    declared = bench.spec
    problem = declaration_problem(declared, INPUT)
    if problem:
        return problem
    kind: Any = declared.type
    if not dataclasses.is_dataclass(kind) or not vars(kind)["__dataclass_params__"].frozen:
        return f"{declared.name} isn't a frozen dataclass"
    if declared.example is None:
        return "the spec has no example, on which models could be tried"
    try:
        hash(bench.requested)
    except TypeError as error:
        return f"{declared.name}() can't be made or hashed: {error}"
    return None


def _valid(name: str) -> Any:
    def find(bench: InputBench) -> str | None:
        problem: str | None = bench.prepared[name][1]
        return problem

    return find


def _note(name: str) -> Any:
    def find(bench: InputBench) -> str | None:
        problem: str | None = bench.prepared[name]
        return problem

    return find


def _same(name: str, message: str, rows: Any) -> Any:
    def find(bench: InputBench) -> str | None:
        return _different(rows(bench.values("usual")), bench.values(name), message)

    return find


def _different(some: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]], message: str) -> str | None:
    """The message with how values differ; None if they don't."""
    for a, b in zip(some, others, strict=True):
        if a.shape != b.shape:
            return f"{message}: shapes {a.shape} and {b.shape}"
        if not np.allclose(a, b, rtol=SAME, atol=SAME):
            return f"{message}; they differ by up to {np.abs(a - b).max():.2g}"
    return None


def frame_rate(bench: InputBench) -> str | None:
    """The first axis has as many entries per second as the spec says, and follows the excerpt."""
    rate = bench.prepared["frame_rate"]
    if rate is None:
        raise NotApplicable("the input has no frame rate")
    if isinstance(rate, str) or not 0 < rate < float("inf"):
        return f"frame_rate returned {rate}, not how many entries there are per second"
    for seconds, entry in zip((2.0, 1.5, 2.5, 2.0), bench.values("usual"), strict=True):
        if abs(len(entry) - rate * seconds) > 3 + 0.05 * rate * seconds:
            return f"{seconds:g} s have {len(entry)} entries; with {rate:g} per second these are {rate * seconds:g}"
    return None


def repeated(bench: InputBench) -> str | None:
    """A clip has the same values again, in another process and with an empty cache too."""
    problem: str | None = _same("again", "prepared twice, a clip has other values", lambda v: v)(bench)
    if problem:
        return problem
    other, invalid = bench.outcome("elsewhere", _prepared_elsewhere, fresh=True)["usual"]
    told = "prepared in another process, a clip has other values"
    return invalid or _different(bench.values("usual"), other, told)


def cache(bench: InputBench) -> str | None:
    """Without the cache, and for another file under the same name, values are those of the clip."""
    problem: str | None = _same("without the cache", "without the cache, a clip has other values", lambda v: v)(bench)
    if problem:
        return problem
    changed = bench.outcome("changed", _changed)
    (first, invalid), (second, _) = changed["file 0"], changed["file 1"]
    if invalid or _different(first, second, ""):
        return None if invalid is None else str(invalid)
    return "another file under the path and the id of a clip got the values of the old one"


def excerpt(bench: InputBench) -> str | None:
    """Half a second of a clip isn't the whole of it."""
    whole, part = bench.values("usual"), bench.values("excerpt")
    same = [a.shape == b.shape and np.allclose(a, b) for a, b in zip(whole, part, strict=True)]
    return "the values of an excerpt of half a second are those of the whole clip" if all(same) else None


_ROWS = "Models are blamed for what is missing or not finite in their inputs."

RULES = (
    Rule("spec", spec, "Models ask for the input with this type.", "InputSpec(type, summary, prepare, example); see its page."),
    IMPORT,
    Rule(
        "prepare",
        _valid("usual"),
        _ROWS,
        "Return Prepared with one entry per clip, in their order, all finite.",
        needs=("spec",),
        owns=("prepared.usual", "prepared.start"),
    ),
    *manners(lambda bench: bench.prepared, "context.cache"),
    Rule(
        "repeated values",
        repeated,
        "A run could not be repeated.",
        "Seed what is random by the content of the clip; hash() of a text differs between processes.",
        needs=("prepare", "random state"),
        owns=("prepared.again", "elsewhere.prepare"),
    ),
    Rule(
        "clip order",
        _same("reversed", "the values depend on the order of the clips", lambda v: v[::-1]),
        "Entries would belong to other tracks.",
        "Return the entries in the order of the clips.",
        needs=("repeated values",),
        owns=("prepared.reversed",),
    ),
    Rule(
        "one clip",
        _same("alone", "the values of a clip depend on the other clips", lambda v: v[1:2]),
        "Training, test and later prediction would not be comparable, and test tracks would affect the training.",
        "Compute each clip by itself; normalise in the model, over the training part.",
        needs=("clip order",),
        owns=("prepared.alone",),
    ),
    Rule(
        "content",
        _same("renamed", "the same audio under another name has other values", lambda v: v[1:2]),
        "Paths and ids may hold the genre, and differ between machines.",
        "Use the samples only, and clip.content_hash as the key of a cache.",
        needs=("one clip",),
        owns=("prepared.renamed",),
    ),
    Rule(
        "cache",
        cache,
        "--no-cache would change scores, or old values be used for new files.",
        "Follow context.cached, and keep values under clip.content_hash; best with cached_arrays.",
        needs=("repeated values", "excerpt"),
        owns=("prepared.without the cache", "changed.prepare"),
    ),
    Rule(
        "excerpt",
        excerpt,
        "The excerpt is part of the task: models that hear more are not comparable.",
        "Decode with context.excerpt, best with cached_arrays.",
        needs=("prepare",),
        owns=("prepared.excerpt",),
    ),
    Rule(
        "silence",
        _valid("silence"),
        _ROWS,
        "Add a small number before a logarithm or a division.",
        ("prepare",),
        ("prepared.silence",),
    ),
    Rule("short clips", _valid("short"), _ROWS, "Pad clips that are shorter than a frame.", ("prepare",), ("prepared.short",)),
    Rule(
        "broken files",
        _note("broken"),
        "One such file is in most collections; the message has to name it.",
        "Let AudioError pass, which decoding raises; don't put zeros in place of the values.",
        ("prepare",),
        ("prepared.broken",),
    ),
    Rule(
        "frame rate",
        frame_rate,
        "ablate cuts inputs by it.",
        "Correct InputSpec(frame_rate=...).",
        ("prepare",),
        ("prepared.frame_rate",),
    ),
    Rule(
        "lazy inputs",
        _note("lazy"),
        "Models read parts of tracks, in other processes.",
        "Return cached_arrays or ListInputs, or correct your LazyInputs.",
        ("prepare",),
        ("prepared.lazy",),
    ),
    Rule(
        "example",
        _note("example"),
        "The kit tries models on these tracks.",
        "Return Prepared like that of prepare: one entry per label, other values for another seed.",
        ("prepare",),
        ("prepared.example",),
    ),
)
