"""Compiled loops over spectra: power, where a frame's magnitude lies, and its peaks.

They give what the NumPy expressions gave that they replace, bit for bit: sums are added in the same order and precision.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def powers(parts: Any, out: Any) -> None:
    """Squared absolute values of spectra.

    Parameters
    ----------
    parts : ndarray of float, shape (n_frames, 2 * n_bins)
        Real and imaginary parts alternate.
    out : ndarray of float32, shape (n_frames, n_bins)
    """
    n_frames, n_bins = out.shape
    for row in range(n_frames):
        for k in range(n_bins):
            real, imaginary = parts[row, 2 * k], parts[row, 2 * k + 1]
            out[row, k] = real * real + imaginary * imaginary


@_compiled
def rolloff_bins(magnitude: Any, share: Any, out: Any) -> None:
    """The lowest bin up to which at least a share of each frame's magnitude lies.

    Four frames at a time, since each addition waits for the one before it.

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
    share : float32
    out : ndarray of int, shape (n_frames,)
    """
    n_frames, n_bins = magnitude.shape
    for start in range(0, n_frames, 4):
        rows = min(4, n_frames - start)
        a, b, c, d = start, start + (rows > 1), start + 2 * (rows > 2), start + 3 * (rows > 3)
        total_a = total_b = total_c = total_d = np.float32(0)
        for k in range(n_bins):
            total_a += magnitude[a, k]
            total_b += magnitude[b, k]
            total_c += magnitude[c, k]
            total_d += magnitude[d, k]
        for row, total in ((a, total_a), (b, total_b), (c, total_c), (d, total_d)):
            threshold, below, k = share * total, np.float32(0), 0
            while k < n_bins:
                below += magnitude[row, k]
                if below >= threshold:
                    break
                k += 1
            out[row] = k if k < n_bins else 0


@_compiled
def peaks(spectra: Any, loudest: Any, least: Any, first: int, last: int, places: Any, strengths: Any) -> int:
    """Peaks of a range of bins: the vertices of parabolas through each and its neighbours.

    Parameters
    ----------
    spectra : ndarray of float32, shape (n_frames, n_bins)
    loudest : ndarray of float32, shape (n_frames,)
    least : float32
        Share of the frame's loudest bin from which on a bin counts.
    first, last : int
        The range.
    places : ndarray of float, shape (n,)
        Written: where the peaks are, in bins.
    strengths : ndarray of float32, shape (n,)
        Written: their heights.

    Returns
    -------
    int
        Number of peaks.
    """
    found = 0
    for row in range(len(spectra)):
        floor = least * loudest[row]
        for k in range(first, last):
            at = spectra[row, k]
            if at <= floor:
                continue
            below, above = spectra[row, k - 1], spectra[row, k + 1]
            if at > (below if below > floor else np.float32(0)) and at >= (above if above > floor else np.float32(0)):
                curvature = np.float64(above + below) - np.float64(np.float32(2) * at)
                slope = (above - below) / np.float32(2)
                flat = abs(np.float64(slope)) >= abs(curvature)
                shift = np.float32(0.0 if flat else -np.float64(slope) / curvature)
                places[found] = k + np.float64(shift)
                strengths[found] = at + np.float32(0.5) * slope * shift
                found += 1
    return found
