"""The map of the searched space as SVG: bank, generated cloud, face, numbered candidates.

Written by hand rather than by matplotlib: thread safe, small, every voice an element to click on.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vclip.pipeline import Candidate
from vclip.ui import texts

Array = npt.NDArray[np.floating]

WIDTH, HEIGHT = 640, 520  # SVG units
EDGE = 36  # nothing is drawn nearer to the frame
SPACING = 31.0  # between centres of numbered marks, so that none hides another
RAMP = ("#3d4d86", "#3f6fae", "#3d97b8", "#51bda4", "#a5d57f", "#ffe08a")
"""Poor to good fit, on the map's dark ground in both themes."""
NEUTRAL = "#5b6ca6"


@dataclass(frozen=True)
class Projection:
    """The two main axes of a model's voices; fitted once per model, so the map never jumps."""

    mean: Array  # (D,)
    axes: Array  # (D, 2), orthonormal columns
    low: Array  # (2,), of the projected voices
    high: Array

    @classmethod
    def fit(cls, bank_emb: Array, cloud: Array) -> "Projection":
        """From voice_emb (N, D) of bank and generated voices; the whole bank is in the frame."""
        voice_emb = np.concatenate([bank_emb, cloud])
        mean = voice_emb.mean(0)
        _, _, rows = np.linalg.svd(voice_emb - mean, full_matrices=False)
        axes = rows[:2].T
        largest = np.abs(axes).argmax(0)
        axes = axes * np.sign(axes[largest, [0, 1]])  # SVD's signs are arbitrary
        bank_at, cloud_at = (bank_emb - mean) @ axes, (cloud - mean) @ axes
        low, high = np.percentile(cloud_at, [0.2, 99.8], axis=0)  # a few would shrink all others
        low, high = np.minimum(low, bank_at.min(0)), np.maximum(high, bank_at.max(0))
        return cls(mean, axes, low, high)

    def place(self, emb: Array) -> Array:
        """(N, D) to positions (N, 2) in SVG units; what falls outside is put on the edge."""
        size = np.array([WIDTH, HEIGHT]) - 2 * EDGE
        share = ((emb - self.mean) @ self.axes - self.low) / (self.high - self.low)
        share[:, 1] = 1 - share[:, 1]  # SVG's y grows downwards
        return np.asarray(EDGE + np.clip(share, 0, 1) * size)


def spread(
    points: Array, obstacle: Array | None = None, spacing: float = SPACING, steps: int = 500
) -> Array:
    """Positions (K, 2) near the given ones, `spacing` apart, in the frame, off an obstacle (2,)."""
    n = np.arange(len(points))[:, None]
    # golden angle: equal points part in all directions
    placed = points + 0.5 * np.concatenate([np.cos(2.4 * n), np.sin(2.4 * n)], axis=1)
    low = 22 + 0.3 * n  # room for a ring; unequal, so that a corner makes no two marks equal
    high = np.array([WIDTH, HEIGHT]) - low
    fixed = np.empty((0, 2)) if obstacle is None else obstacle[None]
    for _ in range(steps):
        placed = np.clip(placed, low, high)
        gap = placed[:, None] - np.concatenate([placed, fixed])[None]  # (K, K or K + 1, 2)
        distance = np.linalg.norm(gap, axis=2) + np.eye(*gap.shape[:2]) * 1e9
        push = np.clip(spacing + 0.5 - distance, 0, None) / 2
        if not push.any():
            break
        placed = placed + (gap / np.maximum(distance, 1e-9)[..., None] * push[..., None]).sum(1)
    return np.asarray(np.clip(placed, low, high))


class VoiceMap:
    """Draws the map of one model; shared read-only by all visits."""

    def __init__(self, speaker_ids: Sequence[str], bank_emb: Array, cloud: Array) -> None:
        self.projection = Projection.fit(bank_emb, cloud)
        self._ids, self._bank_emb = list(speaker_ids), bank_emb
        self._bank_at = self.projection.place(bank_emb)

    def draw(
        self,
        cloud: Array,
        image_emb: Array | None = None,
        candidates: Sequence[Candidate] = (),
        picked: Candidate | None = None,
        source: str = "both",
    ) -> str:
        """HTML of the map with its legend. Elements of class `pt` carry an id in `data-id`."""
        levels, limits = self._levels(cloud, image_emb)
        parts = [self._cloud(cloud, levels[1], source), self._bank(levels[0], source)]
        if image_emb is not None:
            parts.append(self._star(image_emb))
        placed = self._place(candidates, image_emb)
        parts += self._marks(candidates, placed)
        if picked is not None:
            parts.append(self._picked(candidates, placed, picked))
        return _figure("".join(parts), limits)

    def nearest(self, cloud: Array, x: float, y: float, reach: float = 12.0) -> int | None:
        """Index of the generated voice within `reach` SVG units of a place, if any."""
        distance = np.linalg.norm(self.projection.place(cloud) - (x, y), axis=1)
        return int(distance.argmin()) if distance.min() <= reach else None

    def _levels(
        self, cloud: Array, image_emb: Array | None
    ) -> tuple[list[Array], tuple[float, float] | None]:
        """Steps of the colour ramp for bank and cloud (-1: no face yet), and the ramp's limits."""
        if image_emb is None:
            return [np.full(len(e), -1) for e in (self._bank_emb, cloud)], None
        scores = [self._bank_emb @ image_emb, cloud @ image_emb]
        low, high = (pick([pick(s) for s in scores]) for pick in (np.min, np.max))
        step = len(RAMP) / max(high - low, 1e-6)
        levels = [np.clip((s - low) * step, 0, len(RAMP) - 1).astype(int) for s in scores]
        return levels, (float(low), float(high))

    def _cloud(self, cloud: Array, levels: Array, source: str) -> str:
        """All generated voices: one path of dots per colour, a few bytes per voice."""
        at = self.projection.place(cloud).round().astype(int)
        dim = " dim" if source == "bank" else ""
        paths = []
        for level in np.unique(levels):
            spots = np.unique(at[levels == level], axis=0)
            dots = "".join(f"M{x} {y}h0" for x, y in spots)
            paths.append(f'<path class="cloud{dim}" stroke="{_colour(level)}" d="{dots}"/>')
        return "".join(paths)

    def _bank(self, levels: Array, source: str) -> str:
        dim = " dim" if source == "generated" else ""
        return "".join(
            f'<circle class="pt bank{dim}" data-id="{html.escape(name)}" cx="{x:.1f}" cy="{y:.1f}" '
            f'r="5" fill="{_colour(level)}"><title>{html.escape(name)}</title></circle>'
            for name, (x, y), level in zip(self._ids, self._bank_at, levels, strict=True)
        )

    def _star(self, image_emb: Array) -> str:
        x, y = self.projection.place(image_emb[None])[0]
        angles = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.where(np.arange(10) % 2, 6.5, 15.0)
        points = zip(x + radii * np.cos(angles), y + radii * np.sin(angles), strict=True)
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        return f'<polygon class="face" points="{path}"><title>{texts.FACE}</title></polygon>'

    def _place(self, candidates: Sequence[Candidate], image_emb: Array | None) -> Array:
        """Where the marks go, (K, 2)."""
        if not candidates:
            return np.empty((0, 2))
        star = None if image_emb is None else self.projection.place(image_emb[None])[0]
        return spread(self.projection.place(np.stack([c.voice_emb for c in candidates])), star)

    def _marks(self, candidates: Sequence[Candidate], placed: Array) -> list[str]:
        """Leader lines first, then the numbered marks above them."""
        lines = []
        for candidate, (u, v) in zip(candidates, placed, strict=True):
            x, y = self.projection.place(candidate.voice_emb[None])[0]
            lines.append(f'<path class="leader" d="M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}"/>')
        return lines + [_mark(c, u, v) for c, (u, v) in zip(candidates, placed, strict=True)]

    def _picked(self, candidates: Sequence[Candidate], placed: Array, picked: Candidate) -> str:
        """A ring about the picked voice: about its mark if it has one, else about its point."""
        ids = [c.speaker_id for c in candidates]
        if picked.speaker_id in ids:
            (x, y), radius = placed[ids.index(picked.speaker_id)], 17
        else:
            (x, y), radius = self.projection.place(picked.voice_emb[None])[0], 10
        name = html.escape(picked.speaker_id)
        return f'<circle class="ring" data-for="{name}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _mark(candidate: Candidate, x: float, y: float) -> str:
    """A numbered mark: round for a voice of the bank, square for a generated one."""
    if candidate.source == "bank":
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="12"/>'
    else:
        shape = f'<rect x="{x - 11:.1f}" y="{y - 11:.1f}" width="22" height="22" rx="4"/>'
    name = html.escape(candidate.speaker_id)
    return (
        f'<g class="pt mark" data-id="{name}">{shape}'
        f'<text x="{x:.1f}" y="{y:.1f}">{candidate.rank}</text>'
        f"<title>{html.escape(texts.voice(candidate))}</title></g>"
    )


def _colour(level: int) -> str:
    return NEUTRAL if level < 0 else RAMP[level]


def _figure(content: str, limits: tuple[float, float] | None) -> str:
    keys = [
        f'<span><i class="key-bank"></i>{texts.KEY_BANK}</span>',
        f'<span><i class="key-cloud"></i>{texts.KEY_CLOUD}</span>',
    ]
    if limits:
        low, high = (f"{value:+.2f}" for value in limits)
        ramp = "".join(f'<i style="background:{colour}"></i>' for colour in RAMP)
        keys.append(f'<span><i class="key-face">★</i>{texts.FACE}</span>')
        keys.append(f'<span class="ramp">{texts.FIT} {low} {ramp} {high}</span>')
    return (
        f'<figure class="voicemap"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{texts.MAP_LABEL}">{content}</svg>'
        f"<figcaption>{''.join(keys)}</figcaption></figure>"
    )
