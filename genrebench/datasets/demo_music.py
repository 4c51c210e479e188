"""The composer of the demo music: eight styles, and artists who each play a style with their own sound.

The styles come in pairs that share instruments, harmony and the number of notes but differ in the order of events: a model
that averages over time can identify the pair, but only a model of temporal order can identify the style.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.demo_sound import (
    RATE,
    RandomStream,
    Sound,
    Timbre,
    add,
    cymbal,
    drive,
    echoes,
    gain,
    kick,
    normalised_to,
    pitch,
    snare,
    tilt,
    tone,
)

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)

MIN_LEVEL_DB = {"kick": -12, "snare": -36, "hat": -36, "bass": -12, "chords": -9, "lead": -9}
"""Lowest level of each instrument in an artist's mix, in dB; with some artists the snare drum is barely audible."""


@dataclass(frozen=True)
class Style:
    """What the pieces of a genre have in common.

    A pattern is one bar with one character per step: ``x`` plays, ``o`` plays softly, ``.`` rests.

    Parameters
    ----------
    name : str
    tempo : tuple of float
        Slowest and fastest, in beats per minute; a beat has four steps.
    scale : tuple of int
        Semitones above the root.
    progression : tuple of int
        Scale degree of the root of each bar's chord.
    kick, snare, hat, bass, chords, lead : str
        Patterns.
    chord_steps : float
        Length of a chord, in steps.
    swell : bool
        Whether chords swell instead of decaying.
    run : int
        Direction in which the lead runs through the chord: 1 up, -1 down, 0 random.
    rolloff : float
        Mean spectral rolloff exponent of the artists' timbres; see `Timbre`.
    """

    name: str
    tempo: tuple[float, float]
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    kick: str = ""
    snare: str = ""
    hat: str = ""
    bass: str = ""
    chords: str = ""
    lead: str = ""
    chord_steps: float = 4
    swell: bool = False
    run: int = 0
    rolloff: float = 1.2


STYLES = (
    Style(
        "House", (116, 132), MINOR, (0, 5, 3, 4), rolloff=1.0, swell=True,
        kick="x...x...x...x...",
        snare="....o.......o...",
        hat="..o...o...o...o.",
        bass="x...x...x...x...",
        chords="x...x...x...x...",
    ),
    Style(
        "Techno", (116, 132), MINOR, (0, 5, 3, 4), rolloff=1.0,
        kick="x...x...x...x...",
        snare="....o.......o...",
        hat="..o...o...o...o.",
        bass="x...x...x...x...",
        chords="x...x...x...x...",
    ),
    Style(
        "Rock", (130, 160), MAJOR, (0, 4, 5, 3), rolloff=0.8, chord_steps=2,
        kick="x.......x.......",
        snare="....x.......x...",
        hat="x.o.x.o.x.o.x.o.",
        bass="x.x.x.x.x.x.x.x.",
        chords="x...x...x...x...",
    ),
    Style(
        "Ska", (130, 160), MAJOR, (0, 4, 5, 3), rolloff=0.8, chord_steps=2,
        kick="x.......x.......",
        snare="....x.......x...",
        hat="x.o.x.o.x.o.x.o.",
        bass="x.x.x.x.x.x.x.x.",
        chords="..x...x...x...x.",
    ),
    Style(
        "Waltz", (140, 176), MAJOR, (0, 0, 4, 0), rolloff=1.35, chord_steps=2.5,
        kick="x...........",
        snare="....o...o...",
        hat="..o...o...o.",
        bass="x...........",
        chords="....x...x...",
        lead="x.......x...",
    ),
    Style(
        "Polka", (150, 184), MAJOR, (0, 3, 4, 0), rolloff=1.25, chord_steps=2.5,
        kick="x.......x.......",
        snare="....o.......o...",
        hat="..o...o...o...o.",
        bass="x.......x.......",
        chords="....x.......x...",
        lead="x.......x...x...",
    ),
    Style(
        "Fanfare", (92, 120), MAJOR, (0, 3, 4, 0), rolloff=1.1, chord_steps=8, run=1,
        kick="x.......x.......",
        snare="....o.......o...",
        hat="..o...o...o...o.",
        bass="x.......x.......",
        chords="x.......x.......",
        lead="x.x.x.x.x.x.x.x.",
    ),
    Style(
        "Lament", (84, 112), MINOR, (0, 3, 4, 0), rolloff=1.3, chord_steps=8, run=-1,
        kick="x.......x.......",
        snare="....o.......o...",
        hat="..o...o...o...o.",
        bass="x.......x.......",
        chords="x.......x.......",
        lead="x.x.x.x.x.x.x.x.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Artist:
    """What all tracks of an artist have in common: instruments, mix, room and timing."""

    root: int
    tempo: float
    bass: Timbre
    chords: Timbre
    lead: Timbre
    levels: dict[str, float]
    kick_hz: float
    snare_hz: float
    drum_seconds: float
    hiss: float
    tilt: float
    drive: float
    swing: float
    taps: tuple[tuple[int, float], ...]


def random_artist(style: Style, rng: RandomStream) -> Artist:
    """A random artist of a style."""

    def timbre() -> Timbre:
        return Timbre(
            rolloff=round(style.rolloff + rng.uniform(-0.5, 0.5), 3),
            even=round(rng.uniform(0.1, 1.0), 3),
            detune=rng.uniform(0.0, 0.012),
            attack=rng.uniform(0.002, 0.02),
        )

    low, high = style.tempo
    return Artist(
        root=int(rng.uniform(0, 12)),
        tempo=rng.uniform(low, high),
        bass=timbre(),
        chords=timbre(),
        lead=timbre(),
        levels={part: gain(rng.uniform(low, 3)) for part, low in MIN_LEVEL_DB.items()},
        kick_hz=rng.uniform(42, 70),
        snare_hz=rng.uniform(160, 260),
        drum_seconds=rng.uniform(0.08, 0.25),
        hiss=gain(rng.uniform(-70, -36)),
        tilt=rng.uniform(-0.6, 0.7),
        drive=rng.uniform(0.0, 2.0),
        swing=rng.uniform(0.0, 0.6),
        taps=tuple((int(rng.uniform(*span)), rng.uniform(-0.6, 0.6)) for span in ((8, 60), (60, 400), (2000, 9000))),
    )


def perform(style: Style, artist: Artist, rng: RandomStream, seconds: float) -> NDArray[np.int16]:
    """An excerpt from the middle of a random piece, shape (seconds x 44,100,), 16 bit, peak below 0.95 of full scale."""
    mix: Sound = np.zeros(int(seconds * RATE))
    step = 15 / (artist.tempo * rng.uniform(0.97, 1.03))
    bar_steps = len(style.chords)
    root = artist.root + rng.choice((0, 0, 5, 7))
    first_bar = int(rng.uniform(0, len(style.progression)))
    begin = -rng.uniform(1, 2) * bar_steps * step  # so that earlier notes still sound when the excerpt begins
    climb = int(rng.uniform(0, 8))
    for bar in range(int((seconds - begin) / (bar_steps * step)) + 1):
        degree = style.progression[(first_bar + bar) % len(style.progression)]
        for index in range(bar_steps):
            late = artist.swing * step if index % 4 == 2 else 0.0
            start = begin + (bar * bar_steps + index) * step + late + rng.uniform(0, 0.006)

            def plays(pattern: str, at: int = index) -> float:
                return {"x": 1.0, "o": 0.5}.get(pattern[at : at + 1], 0.0) * rng.uniform(0.8, 1.0)

            def note(above: int, octave: int, root_degree: int = degree) -> float:
                height = root_degree + above
                return pitch(root + 12 * (octave + height // 7) + style.scale[height % 7])

            levels = artist.levels
            if loud := plays(style.kick):
                add(mix, start, kick(artist.kick_hz, 0.1 + artist.drum_seconds), loud * levels["kick"])
            if loud := plays(style.snare):
                add(mix, start, snare(rng, artist.snare_hz, artist.drum_seconds), 0.6 * loud * levels["snare"])
            if loud := plays(style.hat):
                add(mix, start, cymbal(rng, 0.4 * artist.drum_seconds), 0.5 * loud * levels["hat"])
            if loud := plays(style.bass):
                add(mix, start, tone(note(0, 3), 2 * step, artist.bass), 0.6 * loud * levels["bass"])
            if loud := plays(style.chords):
                for above in (0, 2, 4):
                    sound = tone(note(above, 5), style.chord_steps * step, artist.chords, swell=style.swell)
                    add(mix, start, sound, 0.3 * loud * levels["chords"])
            if loud := plays(style.lead):
                climb = (climb + style.run) % 8 if style.run else int(rng.uniform(0, 8))
                sound = tone(note((0, 2, 4, 7, 9, 11, 14, 16)[climb], 5), 2 * step, artist.lead)
                add(mix, start, sound, 0.4 * loud * levels["lead"])
    return _master(mix, artist, rng)


def _master(mix: Sound, artist: Artist, rng: RandomStream) -> NDArray[np.int16]:
    """Apply the artist's overdrive, room, tone colour and noise, and a random level."""
    sound = drive(normalised_to(mix, 1.0), artist.drive)
    sound = tilt(echoes(sound, artist.taps), artist.tilt)
    sound = normalised_to(sound, rng.uniform(0.5, 0.9)) + artist.hiss * rng.noise(len(sound))
    return np.rint(sound * 32767).astype(np.int16)
