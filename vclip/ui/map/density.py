"""Density of the generated voices: a smoothed 2-D histogram with contours of given shares."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from vclip.arrays import Floating

CELL = 5  # width of a bin, SVG units
SHARES = (0.97, 0.88, 0.72, 0.52, 0.32, 0.15)  # of the voices within each contour
WIDTHS = (5.0, 13.0)  # of the smoothing, at least and at most, SVG units


@dataclass(frozen=True)
class DensityGrid:
    """Heights z (Y, X) at x (X,) and y (Y,); above levels (L,), rising, lie the SHARES."""

    x: Floating
    y: Floating
    z: Floating
    levels: Floating


def estimate(at: Floating, size: tuple[int, int]) -> DensityGrid:
    """Density of places (N, 2) in a frame of this size."""
    edges = [np.arange(0, length + CELL, CELL, dtype=np.float64) for length in size]
    counts, _ = np.histogramdd(at, bins=edges)  # (X, Y)
    # Scott's rule, which would smooth away what several groups have between them
    width = np.clip(at.std(axis=0) * len(at) ** (-1 / 6), *WIDTHS)
    z = gaussian_filter(counts.T, width[::-1] / CELL, mode="constant")
    x, y = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
    return DensityGrid(x, y, z, _levels(z, counts.T))


def _levels(z: Floating, counts: Floating) -> Floating:
    """Heights above which SHARES of the voices lie, all below the peak."""
    order = np.argsort(-z, axis=None)
    share = np.cumsum(counts.ravel()[order]) / counts.sum()
    heights = z.ravel()[order[np.searchsorted(share, SHARES)]]
    return np.asarray(np.minimum(heights, 0.95 * z.max()))
