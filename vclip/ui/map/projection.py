"""Projection of voices to the plane of the map: two principal axes, stretched where crowded."""

from dataclasses import dataclass

import numpy as np

from vclip.arrays import Floating

SIZE = (640, 520)  # of the map, SVG units
EDGE = 36  # no voice is drawn nearer to the frame
KNOTS, STRETCH = 33, 0.5  # STRETCH 0 keeps distances, 1 makes voices equally dense along an axis


@dataclass(frozen=True)
class MapProjection:
    """The two main axes of a model's voices; fitted once per model, so the map never jumps.

    Along each axis the crowded parts are stretched: where voices are many, each can be hit.
    """

    mean: Floating  # (D,)
    axes: Floating  # (D, 2), orthonormal columns
    knots: Floating  # (Q, 2), rising projected values
    shares: Floating  # (Q, 2), where between the edges they are put, 0 to 1

    @classmethod
    def fit(cls, bank_emb: Floating, generated_emb: Floating) -> "MapProjection":
        """Fit to voice_emb (N, D) of bank and generated voices; the whole bank is in the frame."""
        voice_emb = np.concatenate([bank_emb, generated_emb])
        mean = voice_emb.mean(0)
        _, _, rows = np.linalg.svd(voice_emb - mean, full_matrices=False)
        axes = rows[:2].T
        largest = np.abs(axes).argmax(0)
        axes = axes * np.sign(axes[largest, [0, 1]])  # SVD's signs are arbitrary
        bank_at, generated_at = (bank_emb - mean) @ axes, (generated_emb - mean) @ axes
        # without the outermost, of which a few would shrink all others
        low, high = np.percentile(generated_at, [0.2, 99.8], axis=0)
        low, high = np.minimum(low, bank_at.min(0)), np.maximum(high, bank_at.max(0))
        rank = np.linspace(0, 1, KNOTS)
        knots = (np.quantile(bank_at, rank, axis=0) + np.quantile(generated_at, rank, axis=0)) / 2
        knots[0], knots[-1] = low, high
        knots = np.clip(knots, low, high)
        even = (knots - low) / (high - low)
        return cls(mean, axes, knots, even + STRETCH * (rank[:, None] - even))

    def place(self, emb: Floating) -> Floating:
        """(N, D) to positions (N, 2) in SVG units; what falls outside is put on the edge."""
        at = (emb - self.mean) @ self.axes
        columns = zip(at.T, self.knots.T, self.shares.T, strict=True)
        share = np.stack([np.interp(*column) for column in columns], axis=1)
        share[:, 1] = 1 - share[:, 1]  # SVG's y grows downwards
        return np.asarray(EDGE + share * (np.array(SIZE) - 2 * EDGE))
