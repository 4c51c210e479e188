"""Figures of what the network has learned: its filters, and the mean of its last feature maps by genre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_FFT = 512
"""Points of a filter's frequency response."""


def frequency_responses(kernels: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequency responses of first-layer filters, sorted by centre frequency.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, n_taps)
    sample_rate : int
        In Hz.

    Returns
    -------
    frequencies : ndarray of shape (257,)
        In Hz, from 0 to half the sample rate.
    responses : ndarray of shape (n_filters, 257)
        Magnitudes; the centre frequency of a filter is the mean of the frequencies, weighted by its squared magnitudes.
    """
    frequencies = np.fft.rfftfreq(N_FFT, 1 / sample_rate)
    responses = np.abs(np.fft.rfft(kernels.astype(np.float64), N_FFT, axis=1))
    power = responses**2
    centres = power @ frequencies / np.maximum(power.sum(axis=1), 1e-30)
    return frequencies, responses[np.argsort(centres, kind="stable")]


def draw_frequency_responses(kernels: NDArray[np.float32], sample_rate: int) -> Figure:
    """Draw the frequency responses of the first layer's filters, each relative to its maximum."""
    frequencies, responses = frequency_responses(kernels, sample_rate)
    decibels = 20 * np.log10(np.maximum(responses / np.maximum(responses.max(axis=1, keepdims=True), 1e-12), 1e-3))
    figure, axes = _canvas("Frequency responses of the first layer's filters")
    mesh = axes.pcolormesh(np.arange(len(responses)), frequencies / 1000, decibels.T, vmin=-40, vmax=0, cmap="magma")
    axes.set(xlabel="filter, sorted by centre frequency", ylabel="kHz")
    figure.colorbar(mesh, label="dB below the filter's maximum")
    figure.set_label(
        "Each column is a filter: bright where it lets sound through. Narrow bright bands that cover the range are a filter "
        "bank, as a spectrogram has; columns that are bright all over have learned little."
    )
    return figure


def draw_temporal_kernels(kernels: NDArray[np.float32], step_ms: float) -> Figure:
    """Draw the kernel of each filter of the third layer over time, for the input channel with the largest weights.

    Parameters
    ----------
    kernels : ndarray of shape (n_filters, n_channels, n_taps)
    step_ms : float
        Milliseconds from one tap to the next.
    """
    strongest = np.linalg.norm(kernels, axis=2).argmax(axis=1)
    rows = kernels[np.arange(len(kernels)), strongest].astype(np.float64)
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12)
    dominant = np.abs(np.fft.rfft(rows, axis=1)).argmax(axis=1)
    figure, axes = _canvas("Temporal kernels of the third layer")
    times = np.arange(rows.shape[1]) * step_ms
    mesh = axes.pcolormesh(
        times, np.arange(len(rows)), rows[np.argsort(dominant, kind="stable")], cmap="RdBu_r", vmin=-1, vmax=1
    )
    axes.set(xlabel="ms", ylabel="filter, sorted by its dominant frequency")
    figure.colorbar(mesh, label="weight of the strongest input channel, scaled to 1")
    figure.set_label(
        "Each row is a filter over time. Slow waves follow rhythm and envelope, fast ones the texture of the sound; rows "
        "without a pattern are noise that training has left."
    )
    return figure


def draw_activations(means: NDArray[np.float32], genres: tuple[str, ...]) -> Figure:
    """Draw the mean of each last feature map by genre, relative to its mean over the genres.

    Parameters
    ----------
    means : ndarray of shape (n_genres, n_maps)
        NaN for a genre without a track.
    genres : tuple of str
    """
    known = np.isfinite(means).all(axis=1)
    centred = means - means[known].mean(axis=0)
    centred = centred / np.maximum(means[known].std(axis=0), 1e-12)
    order = np.lexsort((-centred[known].max(axis=0), centred[known].argmax(axis=0)))
    figure, axes = _canvas("Mean activation by genre, over four training tracks per genre")
    mesh = axes.pcolormesh(
        np.arange(means.shape[1]),
        np.arange(len(genres)),
        np.ma.masked_invalid(centred[:, order]),
        cmap="RdBu_r",
        vmin=-3,
        vmax=3,
    )
    axes.set_yticks(np.arange(len(genres)), genres)
    axes.set(xlabel="feature map of the third layer, sorted by the genre with the highest activation")
    axes.invert_yaxis()
    figure.colorbar(mesh, label="standard deviations over the genres")
    figure.set_label(
        "Each column is a learned feature map: red for the genres that activate it more than others do. A genre with red "
        "blocks of its own has sounds that the network found; rows that look alike are genres that it may confuse."
    )
    return figure


def _canvas(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
