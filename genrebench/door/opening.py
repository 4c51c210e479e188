"""Conversion of the API's arguments to objects: sessions, datasets, tasks, models."""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from genrebench import launcher, mirror
from genrebench.datasets import resolve
from genrebench.datasets.exclusions import DEFAULT_REASON, read_exclusions
from genrebench.door.folders import Progress, open_progress
from genrebench.door.meant import refuse_datasets
from genrebench.door.splits import Split, open_split
from genrebench.environment import container_memory, cpus
from genrebench.errors import PluginError, UsageError
from genrebench.plugin.blame import blaming
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import OBSERVER
from genrebench.plugin.hosted import HostedModel
from genrebench.plugin.objects import registered_object
from genrebench.plugin.observers import Observer, ObserverSpec
from genrebench.plugin.one_file import is_file_name, models_of_file
from genrebench.plugin.options import parse_options
from genrebench.plugin.registry import Registered, Registry
from genrebench.records import Dataset, Excerpt, Exclusion, Task
from genrebench.runs import model_files
from genrebench.session import Session
from genrebench.tables import printable
from genrebench.tasks import task as tasks

Say = Callable[[str], None]


class GenrebenchWarning(UserWarning):
    """A warning about a result; the command line prints it on stderr."""


LITTLE_MEMORY = 1e9
"""Bytes of memory below which the system may kill a command; models on torch need about as much."""


def warn(text: str) -> None:
    """Issue messages that begin with "warning: " as Python warnings, and drop all others; the default for `say`."""
    if text.startswith("warning: "):
        warnings.warn(printable(text.removeprefix("warning: ")), GenrebenchWarning, stacklevel=_levels_to_caller())


def _levels_to_caller() -> int:
    """Frames from `warn` to the code that called genrebench, which is where a warning belongs."""
    package = Path(__file__).parents[1]
    frame, levels = sys._getframe(1), 1
    while frame.f_back is not None and Path(frame.f_code.co_filename).is_relative_to(package):
        frame, levels = frame.f_back, levels + 1
    return levels


def open_session(
    *,
    device: str = "auto",
    devices: int | None = 1,
    workers: int | None = None,
    jobs: int = 1,
    cache: bool = True,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Session:
    """Create a session.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:N", "mps"}
        "cuda:1" is the second GPU.
    devices : int, optional
        Number of devices that train one model together, with models that can; None for as many as a launcher such as torchrun
        has started processes, and one without a launcher.
    workers : int, optional
        Number of processes; by default the number of processors that this process may use.
    jobs : int
        Number of runs at the same time, in processes of their own, among which the workers are shared out.
    cache : bool
        Whether decoded audio is cached; if not, it is decoded on every access.
    progress : bool or callable
        True shows progress on stderr; a callable is called as ``progress(iterable, description, total)`` and yields the items.
    say : callable, optional
        Called with each message; by default warnings are issued as Python warnings, and other messages are dropped.
    follow_links : bool
        Whether links in a folder of music may lead out of it, to another folder or disk. If not, linked folders outside are
        refused, and tracks whose file is a link to the outside can't be used.
    """
    started = launcher.size()
    if started > 1 and devices not in (None, started):
        what = "this command uses one of them" if devices == 1 else f"--devices is {devices}; leave it out"
        raise UsageError(f"a launcher such as torchrun has started {started} processes, but {what}")
    progress = open_progress(progress)
    for name, value in (("progress", progress), ("say", say or warn)):
        if not callable(value):
            raise UsageError(f"{name}={value!r} isn't a function")
    session = Session(
        device=device,
        devices=started if devices is None else devices,
        workers=cpus() if workers is None else workers,
        jobs=jobs,
        progress=progress,
        cached=cache,
        say=say or warn,
        follow_links=follow_links,
    )
    if (memory := container_memory()) < LITTLE_MEMORY:
        session.say(
            f"warning: this container has {memory / 1e6:.0f} MB of memory; if the command ends without a word, the system "
            "has killed it for want of it. Use --workers 1, or allow 2 GB or more"
        )
    return session


def open_dataset(dataset: str | Path | Dataset | Task, session: Session, *, labelled: bool = True) -> Dataset:
    """Read a dataset by its registered name or from a folder; a `Dataset`, or that of a `Task`, is returned unchanged."""
    if isinstance(dataset, Dataset | Task):
        return dataset if isinstance(dataset, Dataset) else dataset.dataset
    return resolve(
        str(dataset),
        session.registry,
        session.home,
        session.progress,
        labelled=labelled,
        workers=session.workers,
        follow_links=session.follow_links,
    )


def open_task(
    dataset: str | Path | Dataset | Task,
    session: Session,
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    extra_training: str | Path | Dataset | None = None,
    segments: str = "together",
) -> Task:
    """Create a task and report the warnings of its dataset and of its split; a `Task` is returned unchanged."""
    excluded = open_exclusions(exclude)
    if isinstance(dataset, Task):
        given = (split, split_file, split_seed, excerpt, extra_training, segments)
        if given != (None, None, 0, 30, None, "together") or excluded:
            raise UsageError("a task already has a split, an excerpt and exclusions; pass these arguments to gb.task instead")
        return dataset
    opened = open_dataset(dataset, session)
    for remark in opened.remarks:  # before the split may be refused: what is left out may be the reason
        if remark.severity == "warning":
            session.say(f"warning: {opened.name}: {remark.detail}")
    if opened.load_features is None:  # the task is made from the audio
        mirror.fetch([track.path for track in opened.tracks if track.path is not None], session.progress)
    task = tasks.make_task(
        opened,
        session.home,
        split=open_split(split, split_file, opened, session),
        split_seed=split_seed,
        excerpt=Excerpt.parse(excerpt),
        exclude=excluded,
        source=dataset.name if isinstance(dataset, Dataset) else str(dataset),
        extra_dataset=None if extra_training is None else open_dataset(extra_training, session),
        extra_source="" if extra_training is None else str(getattr(extra_training, "name", extra_training)),
        segments=segments,
        heard=listen(opened, session),
    )
    for text in task.split.warnings:
        session.say(f"warning: {text}")
    return task


def listen(dataset: Dataset, session: Session) -> dict[str, str]:
    """Recordings of which short clips of unknown artist are segments, by track id; see `heard_recordings`."""
    from genrebench.datasets.check import heard_recordings  # here, since boards and records of runs need no data check

    return heard_recordings(dataset, home=session.home, workers=session.workers, progress=session.progress)


def open_exclusions(exclude: str | Path | Iterable[Exclusion | str] | None) -> list[Exclusion]:
    """Read exclusions from a file, or convert ids, which may be numbers, to exclusions."""
    if exclude is None:
        return []
    if isinstance(exclude, str | Path):
        return read_exclusions(Path(exclude))
    return [one if isinstance(one, Exclusion) else Exclusion(str(one), DEFAULT_REASON) for one in exclude]


def open_models(models: Any, options: Mapping[str, Any] | None, session: Session) -> list[HostedModel]:
    """Look up models by name, or wrap model objects, and set their options.

    Parameters
    ----------
    models : str, ModelSpec or scikit-learn classifier, a mapping of name to such an object, or a list of all these
        A name may be qualified, "DISTRIBUTION:MODEL", or the path of a file, "./model.py", with all its models.
    options : mapping, optional
        Option name to value, for all models; or model name, as given or without its distribution, to such a mapping.
    session : Session

    Raises
    ------
    UsageError
        If a model is unknown, two models have the same name, or an option is invalid.
    """
    options = _mapping(options)
    requested: list[tuple[str | None, Any]] = []
    for model in models if isinstance(models, list | tuple) else [models]:
        requested += model.items() if isinstance(model, Mapping) else [(None, model)]
    renamed = next((model for name, model in requested if name is not None and isinstance(model, str)), None)
    if renamed is not None:
        raise UsageError(f"a mapping gives names to objects; {renamed!r} has a name already, so pass it in a list")
    if not requested:
        raise UsageError("name a model to run; list the installed models with 'genrebench plugins list'")
    refuse_datasets([model for _, model in requested if isinstance(model, str)], session.registry)
    found = [(model, one) for name, model in requested for one in _registered(model, name, session.registry)]
    names = [one.spec.name for _, one in found if one.origin == "object"]
    taken = [one.spec.name for _, one in found]
    duplicate = next((name for name in names if taken.count(name) > 1), None)
    if duplicate is not None:  # a repeated name runs once
        raise UsageError(f"two models are called {duplicate!r}; name them with a mapping, such as {{'my-name': model}}")
    once = {(one.spec.name, one.plugin.distribution, one.plugin.file): (model, one) for model, one in found}
    aliases = [{one.spec.name, *([model] if isinstance(model, str) else [])} for model, one in once.values()]
    by_model = _options_by_model(aliases, options)
    return [HostedModel(one, settings) for (_, one), settings in zip(once.values(), by_model, strict=True)]


def join_first_process(models: Sequence[HostedModel], session: Session) -> None:
    """Take part in the trainings of a launcher's first process, where this is another one of its processes.

    Raises
    ------
    SystemExit
        With code 0, when the first process has ended.
    """
    if launcher.rank() == 0:
        return
    joining = next((model for model in models if model.spec.join is not None), None)
    if joining is not None:
        joining.join(session.context(()))
    raise SystemExit(0)


def open_observers(
    observe: str | Observer | Sequence[str | Observer], options: Mapping[str, Any] | None, session: Session
) -> tuple[Session, dict[str, Any]]:
    """Find the observers of the coming runs, and make each once, to see that it can be made.

    Parameters
    ----------
    observe : str or Observer, or a list of them
        Names of installed observers, or objects, which follow all the runs.
    options : mapping, optional
        Those under the name of an observer are its own.
    session : Session

    Returns
    -------
    session : Session
        With the observers.
    options : dict
        The others.

    Raises
    ------
    UsageError
        If an observer is unknown, one of its options is invalid, or it can't be made.
    """
    rest = dict(_mapping(options))
    makers: list[tuple[str, Callable[[], Observer]]] = []
    for one in observe if isinstance(observe, list | tuple) else [observe]:
        if isinstance(one, Observer):
            makers.append((type(one).__name__, partial(_same, one)))
        elif isinstance(one, str):
            registered = session.registry.get(OBSERVER, one)
            settings = parse_options(one, registered.spec.options, rest.pop(one, {}))
            makers.append((one, partial(_made, registered, settings)))
            makers[-1][1]()
        else:
            raise UsageError(f"{one!r:.60} isn't an observer; pass a name or an object of a class derived from Observer")
    return replace(session, observers=tuple(makers)), rest


def _mapping(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise UsageError(f"the options {options!r:.60} aren't a mapping of names to values")
    return options or {}


def _same(observer: Observer) -> Observer:
    return observer


def _made(registered: Registered[ObserverSpec], options: Any) -> Observer:
    plugin = registered.plugin
    label = f"the observer {registered.spec.name} ({plugin.distribution} {plugin.version})"
    with blaming(label, "make"):
        observer = registered.spec.make(options)
    if not isinstance(observer, Observer):
        raise PluginError(f"{label}: make returned {type(observer).__name__}, which isn't a genrebench.api.Observer")
    return observer


def _registered(model: Any, name: str | None, registry: Registry) -> list[Registered[ModelSpec]]:
    """The model of a name, of an object, or all those of a file."""
    if not isinstance(model, str | Path):
        return [registered_object(model, name)]
    if is_file_name(str(model)):
        model_files.remember(model)
        return models_of_file(model, registry)
    return [registry.model(str(model))]


def open_seeds(seed: int | None, seeds: Iterable[int] | None) -> list[int]:
    """Return one seed or several, without duplicates.

    Raises
    ------
    UsageError
        If both arguments are used, a seed is negative, or there are no seeds.
    """
    if seed is not None and seeds is not None:
        raise UsageError("use either seed or seeds, not both")
    given: Any = [seed or 0] if seeds is None else seeds
    try:
        all_seeds = list(dict.fromkeys(operator.index(number) for number in given))  # NumPy's integers, too
    except TypeError:
        wrong = seeds if seed is None else seed
        raise UsageError(f"seeds are whole numbers such as 0, 1, 2, not {wrong!r}") from None
    negative = next((number for number in all_seeds if number < 0), None)
    if negative is not None or not all_seeds:
        raise UsageError(f"seeds are whole numbers from 0 on, not {negative if all_seeds else 'an empty list'}")
    return all_seeds


def _options_by_model(aliases: Sequence[set[str]], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options of each model, which has one or more names."""
    result: list[dict[str, Any]] = [{} for _ in aliases]
    for key, value in options.items():
        if isinstance(value, Mapping):
            owners = [settings for names, settings in zip(aliases, result, strict=True) if key in names]
            if not owners:
                known = ", ".join(sorted(set().union(*aliases)))
                raise UsageError(f"there are options for {key!r}, which isn't among the models ({known})")
            for settings in owners:
                settings |= value
        else:
            for settings in result:
                settings.setdefault(key, value)
    return result
