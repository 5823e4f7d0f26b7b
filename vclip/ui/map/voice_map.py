"""Map of the voices: density of generated ones, the bank coloured by fit, face, numbered marks."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from vclip.arrays import Floating
from vclip.speakers.candidates import Candidate
from vclip.ui.map import density, labels, svg
from vclip.ui.map.projection import SIZE, MapProjection
from vclip.ui.templates import render
from vclip.ui.texts import Texts

STEPS = 8  # of the colour scale
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
class ColourScale:
    """Colour scale of fits: classes f0 to f7, each for an eighth of the bank's voices."""

    edges: Floating  # (STEPS + 1,), rising

    @classmethod
    def fit(cls, scores: Floating, others: Floating) -> "ColourScale":
        """Fit the scale to the cosines of bank and generated voices with the face."""
        edges = np.quantile(scores, np.linspace(0, 1, STEPS + 1))
        edges[0], edges[-1] = min(edges[0], others.min()), max(edges[-1], others.max())
        return cls(edges)

    def css(self, score: float) -> str:
        """The class of a fit."""
        return f"f{np.searchsorted(self.edges[1:-1], score, side='right')}"


class VoiceMap:
    """Draws the map of one model; shared read-only by all visits."""

    def __init__(
        self, speaker_ids: Sequence[str], bank_emb: Floating, generated_emb: Floating
    ) -> None:
        self.projection = MapProjection.fit(bank_emb, generated_emb)
        self._ids, self._bank_emb = list(speaker_ids), bank_emb
        self._bank_at = self.projection.place(bank_emb)

    def draw(
        self,
        texts: Texts,
        generated_emb: Floating,
        image_emb: Floating | None = None,
        candidates: Sequence[Candidate] = (),
        picked: Candidate | None = None,
        source: str = "both",
    ) -> str:
        """HTML of the map with its legend. Shapes of class `pt` are voices, id in `data-id`.

        The same arguments give the same bytes.
        """
        scores, colours, star = np.full(len(self._ids), np.nan), None, None
        if image_emb is not None:
            scores = self._bank_emb @ image_emb
            colours = ColourScale.fit(scores, generated_emb @ image_emb)
            star = self.projection.place(image_emb[None])[0]
        figure = svg.SvgFigure(*SIZE)
        heights = density.estimate(self.projection.place(generated_emb), SIZE)
        shades = [{"class": f"d{n}"} for n in range(len(density.SHARES))]
        figure.heights("density", heights.x, heights.y, heights.z, heights.levels, shades)
        at = self._place(candidates)
        placed = labels.place(at, self._bank_at, star, SIZE)
        named = {c.speaker_id: c for c in (*candidates, picked) if c}
        _leaders(figure, candidates, at, placed, picked)
        self._points(figure, scores, colours, named.values(), {c.speaker_id for c in candidates})
        if star is not None:
            face = {"class": "face", "data-name": texts.face}
            figure.points("star", star[None], svg.STAR, STAR, [face])
        _marks(figure, candidates, placed)
        if picked is not None:
            self._ring(figure, candidates, placed, picked)
        drawn = figure.markup(role="img", **{"aria-label": texts.map_label})
        sources = {voice.source for voice in named.values()}
        edges = colours.edges.tolist() if colours else []
        return render("voice_map.figure", texts, drawn, source, sources, SHAPES, shades, edges)

    def nearest(
        self, generated_emb: Floating, x: float, y: float, reach: float = 12.0
    ) -> int | None:
        """Index of the generated voice within `reach` SVG units of a place, if any."""
        if not (0 <= x <= SIZE[0] and 0 <= y <= SIZE[1]):  # nor is "not a number" or 10**400
            return None
        distance = np.linalg.norm(self.projection.place(generated_emb) - (x, y), axis=1)
        return int(distance.argmin()) if distance.min() <= reach else None

    def _place(self, voices: Sequence[Candidate]) -> Floating:
        """Positions (N, 2) of N voices, or of none."""
        if not voices:
            return np.empty((0, 2))
        return self.projection.place(np.stack([voice.voice_emb for voice in voices]))

    def _points(
        self,
        figure: svg.SvgFigure,
        scores: Floating,
        colours: ColourScale | None,
        named: Collection[Candidate],
        best: set[str],
    ) -> None:
        """The whole bank, then the voices that are named here and are not of it."""
        shapes = [
            _point(name, float(score), colours, "bank", "best" if name in best else "")
            for name, score in zip(self._ids, scores, strict=True)
        ]
        figure.points("voices", self._bank_at, "o", BANK, shapes)
        for kind in ("generated", "shaped"):
            mine = [c for c in named if c.source == kind]
            shapes = [_point(c.speaker_id, c.score, colours, "best", SHAPES[kind]) for c in mine]
            figure.points("found", self._place(mine), MARKERS[kind], POINT * SCALE[kind], shapes)

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


def _leaders(
    figure: svg.SvgFigure,
    candidates: Sequence[Candidate],
    at: Floating,
    placed: Floating,
    picked: Candidate | None,
) -> None:
    chosen = picked.speaker_id if picked else None
    shapes = [
        {"class": _css("leader", "picked" * (c.speaker_id == chosen)), "data-for": c.speaker_id}
        for c in candidates
    ]
    figure.lines("leaders", at, placed, shapes)


def _marks(figure: svg.SvgFigure, candidates: Sequence[Candidate], placed: Floating) -> None:
    """Numbered marks: round for a voice of the bank, square generated, diamond changed by hand."""
    for source, marker in MARKERS.items():
        mine = [i for i, c in enumerate(candidates) if c.source == source]
        shapes = [_mark(candidates[i]) for i in mine]
        figure.points("marks", placed[mine], marker, MARK * SCALE[source], shapes)
    numbers = [{"class": "number", "data-for": c.speaker_id} for c in candidates]
    figure.words("numbers", placed, [str(c.rank) for c in candidates], numbers)


def _point(
    speaker_id: str, score: float, colours: ColourScale | None, *classes: str
) -> dict[str, str]:
    """Attributes of a voice; without a face it has no fit and no colour."""
    if colours is None or math.isnan(score):
        return {"class": _css("pt", *classes), "data-id": speaker_id}
    css = _css("pt", *classes, colours.css(score))
    return {"class": css, "data-id": speaker_id, "data-fit": f"{score:.2f}"}


def _mark(candidate: Candidate) -> dict[str, str]:
    return {
        "class": _css("pt", "mark", SHAPES[candidate.source]),
        "data-id": candidate.speaker_id,
        "data-fit": f"{candidate.score:.2f}",
        "data-rank": str(candidate.rank),
    }


def _css(*classes: str) -> str:
    return " ".join(filter(None, classes))
