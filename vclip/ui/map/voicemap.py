"""The map of the searched space: generated voices as density, bank by fit, face, numbered marks."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vclip.arrays import Floating
from vclip.speakers.candidates import Candidate
from vclip.ui.map import density, labels, svg
from vclip.ui.texts import Texts

WIDTH, HEIGHT = SIZE = (640, 520)  # SVG units
EDGE = 36  # no voice is drawn nearer to the frame
STEPS = 8  # of the colour ramp
KNOTS, STRETCH = 33, 0.5  # STRETCH 0 keeps distances, 1 makes voices equally dense along an axis
MARKERS: dict[str, svg.Marker] = {
    "bank": "o",
    "generated": svg.SQUARE,
    "shaped": svg.DIAMOND,
}  # by the source of a voice
SHAPES = {"bank": "round", "generated": "square", "shaped": "diamond"}  # their classes
SCALE = {"bank": 1.0, "generated": 0.9, "shaped": 1.2}  # to look equally large
BANK, POINT, MARK, STAR = 9.0, 9.0, 2 * labels.RADIUS, 32.0  # diameters
RING_OF_MARK, RING_OF_POINT = 33.0, 20.0


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
    def fit(cls, bank_emb: Floating, cloud: Floating) -> "MapProjection":
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
        rank = np.linspace(0, 1, KNOTS)
        knots = (np.quantile(bank_at, rank, axis=0) + np.quantile(cloud_at, rank, axis=0)) / 2
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


@dataclass(frozen=True)
class ColourScale:
    """From fit to colour: classes f0 to f7, each for an eighth of the bank's voices."""

    edges: Floating  # (STEPS + 1,), rising

    @classmethod
    def fit(cls, scores: Floating, others: Floating) -> "ColourScale":
        """From the cosines of bank and generated voices with the face."""
        edges = np.quantile(scores, np.linspace(0, 1, STEPS + 1))
        edges[0], edges[-1] = min(edges[0], others.min()), max(edges[-1], others.max())
        return cls(edges)

    def css(self, score: float) -> str:
        """The class of a fit."""
        return f"f{np.searchsorted(self.edges[1:-1], score, side='right')}"


class VoiceMap:
    """Draws the map of one model; shared read-only by all visits."""

    def __init__(self, speaker_ids: Sequence[str], bank_emb: Floating, cloud: Floating) -> None:
        self.projection = MapProjection.fit(bank_emb, cloud)
        self._ids, self._bank_emb = list(speaker_ids), bank_emb
        self._bank_at = self.projection.place(bank_emb)

    def draw(
        self,
        texts: Texts,
        cloud: Floating,
        image_emb: Floating | None = None,
        candidates: Sequence[Candidate] = (),
        picked: Candidate | None = None,
        source: str = "both",
    ) -> str:
        """HTML of the map with its legend. Shapes of class `pt` are voices, id in `data-id`.

        The same arguments give the same bytes.
        """
        scores, ramp, star = np.full(len(self._ids), np.nan), None, None
        if image_emb is not None:
            scores = self._bank_emb @ image_emb
            ramp = ColourScale.fit(scores, cloud @ image_emb)
            star = self.projection.place(image_emb[None])[0]
        figure = svg.SvgFigure(WIDTH, HEIGHT)
        _density(figure, self.projection.place(cloud))
        at = self._place(candidates)
        placed = labels.place(at, self._bank_at, star, SIZE)
        _leaders(figure, candidates, at, placed, picked)
        self._bank(figure, scores, ramp, {c.speaker_id for c in candidates})
        self._others(figure, ramp, candidates, picked)
        if star is not None:
            face = {"class": "face", "data-name": texts.face}
            figure.points("star", star[None], svg.STAR, STAR, [face])
        _marks(figure, candidates, placed)
        if picked is not None:
            self._ring(figure, candidates, placed, picked)
        drawn = figure.markup(role="img", **{"aria-label": texts.map_label})
        sources: set[str] = {voice.source for voice in (*candidates, picked) if voice}
        return _figure(texts, drawn, ramp, source, sources)

    def nearest(self, cloud: Floating, x: float, y: float, reach: float = 12.0) -> int | None:
        """Index of the generated voice within `reach` SVG units of a place, if any."""
        distance = np.linalg.norm(self.projection.place(cloud) - (x, y), axis=1)
        return int(distance.argmin()) if distance.min() <= reach else None

    def _place(self, voices: Sequence[Candidate]) -> Floating:
        """Positions (N, 2) of N voices, or of none."""
        if not voices:
            return np.empty((0, 2))
        return self.projection.place(np.stack([voice.voice_emb for voice in voices]))

    def _bank(
        self, figure: svg.SvgFigure, scores: Floating, ramp: ColourScale | None, best: set[str]
    ) -> None:
        names = [
            _point(speaker_id, float(score), ramp, "bank", "best" if speaker_id in best else "")
            for speaker_id, score in zip(self._ids, scores, strict=True)
        ]
        figure.points("voices", self._bank_at, "o", BANK, names)

    def _others(
        self,
        figure: svg.SvgFigure,
        ramp: ColourScale | None,
        candidates: Sequence[Candidate],
        picked: Candidate | None,
    ) -> None:
        """Points of the voices that are named here and are not of the bank."""
        shown = {c.speaker_id: c for c in (*candidates, picked) if c and c.source != "bank"}
        for source in ("generated", "shaped"):
            voices = [c for c in shown.values() if c.source == source]
            names = [_point(c.speaker_id, c.score, ramp, "best", SHAPES[source]) for c in voices]
            figure.points(
                "found", self._place(voices), MARKERS[source], POINT * SCALE[source], names
            )

    def _ring(
        self,
        figure: svg.SvgFigure,
        candidates: Sequence[Candidate],
        placed: Floating,
        picked: Candidate,
    ) -> None:
        """About the picked voice's mark if it has one, else about its point."""
        ids = [c.speaker_id for c in candidates]
        name = {"class": "ring", "data-for": picked.speaker_id}
        if picked.speaker_id in ids:
            at, size = placed[[ids.index(picked.speaker_id)]], RING_OF_MARK
            name["class"] += " large"
        else:
            at, size = self._place([picked]), RING_OF_POINT
        figure.points("picked", at, "o", size, [name])


def _density(figure: svg.SvgFigure, at: Floating) -> None:
    found = density.estimate(at, SIZE)
    names = [{"class": f"d{n}"} for n in range(len(found.levels))]
    figure.heights("density", found.x, found.y, found.z, found.levels, names)


def _leaders(
    figure: svg.SvgFigure,
    candidates: Sequence[Candidate],
    at: Floating,
    placed: Floating,
    picked: Candidate | None,
) -> None:
    chosen = picked.speaker_id if picked else None
    names = [
        {"class": _css("leader", "picked" * (c.speaker_id == chosen)), "data-for": c.speaker_id}
        for c in candidates
    ]
    figure.lines("leaders", at, placed, names)


def _marks(figure: svg.SvgFigure, candidates: Sequence[Candidate], placed: Floating) -> None:
    """Numbered marks: round for a voice of the bank, square generated, diamond changed by hand."""
    for source, marker in MARKERS.items():
        mine = [i for i, c in enumerate(candidates) if c.source == source]
        names = [_mark(candidates[i]) for i in mine]
        figure.points("marks", placed[mine], marker, MARK * SCALE[source], names)
    numbers = [{"class": "number", "data-for": c.speaker_id} for c in candidates]
    figure.words("numbers", placed, [str(c.rank) for c in candidates], numbers)


def _point(
    speaker_id: str, score: float, ramp: ColourScale | None, *classes: str
) -> dict[str, str]:
    """Attributes of a voice; without a face it has no fit and no colour."""
    if ramp is None or math.isnan(score):
        return {"class": _css("pt", *classes), "data-id": speaker_id}
    css = _css("pt", *classes, ramp.css(score))
    return {"class": css, "data-id": speaker_id, "data-fit": f"{score:.2f}"}


def _mark(candidate: Candidate) -> dict[str, str]:
    return {
        "class": _css("pt", "mark", SHAPES[candidate.source]),
        "data-id": candidate.speaker_id,
        "data-fit": f"{candidate.score:.2f}",
        "data-rank": str(candidate.rank),
    }


def _css(*classes: str) -> str:
    return " ".join(name for name in classes if name)


def _figure(
    texts: Texts, drawn: str, ramp: ColourScale | None, source: str, sources: set[str]
) -> str:
    """The picture, room for the name of what is pointed at, the legend."""
    css = "voicemap" if ramp else "voicemap faceless"
    return (
        f'<figure class="{css}" data-source="{html.escape(source)}" data-fit="{texts.fit}">'
        f'<div class="ground">{drawn}<div class="tip" aria-hidden="true"></div></div>'
        f"<figcaption>{_legend(texts, ramp, sources)}</figcaption></figure>"
    )


def _legend(texts: Texts, ramp: ColourScale | None, sources: set[str]) -> str:
    """What shapes and colours mean, and whether pointing at a voice plays it."""
    shades = "".join(f'<i class="d{n}"></i>' for n in range(len(density.SHARES)))
    keys = [
        f'<b class="shape round"></b>{texts.key_bank}',
        f'<b class="shades">{shades}</b>{texts.key_cloud}',
    ]
    for source, said in (("generated", texts.key_generated), ("shaped", texts.key_shaped)):
        if source in sources:
            keys.append(f'<b class="shape {SHAPES[source]}"></b>{said}')
    if ramp:
        keys += [
            f'<b class="star">★</b>{texts.face}',
            f'<span class="ramp">{texts.fit} {_scale(ramp)}</span>',
        ]
    hear = f'<label class="key hear"><input type="checkbox">{texts.hear}</label>'
    return "".join(f'<span class="key">{key}</span>' for key in keys) + hear


def _scale(ramp: ColourScale) -> str:
    """The ramp with the numbers at its ends and in its middle."""
    colours = [f'<i class="f{n}"></i>' for n in range(STEPS)]
    halves = "".join(colours[: STEPS // 2]), "".join(colours[STEPS // 2 :])
    low, middle, high = (f"{fit:+.2f}".replace("-", "−") for fit in ramp.edges[:: STEPS // 2])
    return f"{low} <b>{halves[0]}</b> {middle} <b>{halves[1]}</b> {high}"
