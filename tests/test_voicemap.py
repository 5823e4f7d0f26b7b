"""The map: what it shows, that it never jumps, that no mark hides another, that it stays small."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from vclip.pipeline import Candidate
from vclip.ui import voicemap

D = 16
IDS = [f"p{i}" for i in range(40)]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def embs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(D, D)) * np.linspace(3, 0.1, D)
    return unit(rng.normal(size=(40, D)) @ mix.T), unit(rng.normal(size=(5000, D)) @ mix.T)


@pytest.fixture(scope="module")
def drawn(embs: tuple[np.ndarray, np.ndarray]) -> voicemap.VoiceMap:
    return voicemap.VoiceMap(IDS, *embs)


def candidate(rank: int, name: str, emb: np.ndarray) -> Candidate:
    source = "generated" if name.startswith("gen-") else "bank"
    return Candidate(rank, name, source, 0.5, np.zeros(4, np.float32), emb)


def elements(svg: str, tag: str, kind: str) -> list[ET.Element]:
    root = ET.fromstring(re.search(r"<svg.*</svg>", svg, re.S)[0])
    return [e for e in root.iter(tag) if kind in (e.get("class") or "").split()]


def test_projection_is_pca(embs: tuple[np.ndarray, np.ndarray]) -> None:
    voices = np.concatenate(embs)
    projection = voicemap.Projection.fit(*embs)
    values = np.linalg.eigvalsh(np.cov(voices.T))[::-1][:2]
    variances = ((voices - projection.mean) @ projection.axes).var(axis=0, ddof=1)
    assert np.allclose(variances, values, rtol=1e-3)
    assert np.allclose(projection.axes.T @ projection.axes, np.eye(2), atol=1e-5)


def test_projection_does_not_depend_on_order(embs: tuple[np.ndarray, np.ndarray]) -> None:
    voices = np.concatenate(embs)
    one, other = (
        voicemap.Projection.fit(*embs),
        voicemap.Projection.fit(embs[0][::-1], embs[1][::-1]),
    )
    assert np.allclose(one.place(voices), other.place(voices), atol=0.5)
    assert len(np.unique(one.place(embs[0]), axis=0)) == len(IDS)  # none is pushed to the edge


def test_everything_is_inside_the_frame(drawn: voicemap.VoiceMap) -> None:
    far = 100 * np.random.default_rng(1).normal(size=(50, D))
    at = drawn.projection.place(far)
    assert (at >= voicemap.EDGE).all()
    assert (at <= np.array([voicemap.WIDTH, voicemap.HEIGHT]) - voicemap.EDGE).all()


@pytest.mark.parametrize("n", [1, 2, 10, 20])
def test_marks_never_hide_each_other(n: int) -> None:
    rng = np.random.default_rng(n)
    for points in (np.full((n, 2), 300.0), np.full((n, 2), 26.0), rng.normal(300, 5, (n, 2))):
        placed = voicemap.spread(points)
        gaps = np.linalg.norm(placed[:, None] - placed[None], axis=2) + 1e9 * np.eye(n)
        assert gaps.min() > voicemap.SPACING - 2
        assert placed.min() >= 0 and (placed <= (voicemap.WIDTH, voicemap.HEIGHT)).all()


def test_marks_keep_off_the_face() -> None:
    face = np.array([200.0, 200.0])
    placed = voicemap.spread(np.full((10, 2), 200.0), face)
    assert np.linalg.norm(placed - face, axis=1).min() > voicemap.SPACING - 2


def test_marks_stay_where_there_is_room() -> None:
    points = np.array([[100.0, 100.0], [300.0, 300.0]])
    assert np.abs(voicemap.spread(points) - points).max() < 1


def test_every_voice_can_be_picked(
    drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]
) -> None:
    bank, cloud = embs
    found = [candidate(1, "gen-0-7", cloud[7]), candidate(2, "p3", bank[3])]
    svg = drawn.draw(cloud, bank[0], found, found[1])
    assert [e.get("data-id") for e in elements(svg, "circle", "bank")] == IDS
    marks = elements(svg, "g", "mark")
    assert [e.get("data-id") for e in marks] == ["gen-0-7", "p3"]
    assert [e.find("text").text for e in marks] == ["1", "2"]
    assert [e[0].tag for e in marks] == ["rect", "circle"]  # generated and bank look different
    assert len(elements(svg, "polygon", "face")) == len(elements(svg, "circle", "ring")) == 1


def test_colour_follows_the_score(
    drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]
) -> None:
    bank, cloud = embs
    points = elements(drawn.draw(cloud, bank[0]), "circle", "bank")
    levels = [voicemap.RAMP.index(e.get("fill")) for e in points]
    order = np.argsort(bank @ bank[0])
    assert (np.diff(np.array(levels)[order]) >= 0).all()
    assert levels[0] == len(voicemap.RAMP) - 1  # the face's own point fits best
    neutral = elements(drawn.draw(cloud), "circle", "bank")
    assert {e.get("fill") for e in neutral} == {voicemap.NEUTRAL}


def test_positions_do_not_depend_on_the_face(
    drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]
) -> None:
    bank, cloud = embs
    places = [
        [(e.get("cx"), e.get("cy")) for e in elements(drawn.draw(cloud, face), "circle", "bank")]
        for face in (None, bank[0], bank[1])
    ]
    assert places[0] == places[1] == places[2]


def test_small_and_complete(drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]) -> None:
    svg = drawn.draw(embs[1], embs[0][0])
    assert len(svg) < 150_000
    dots = sum(e.get("d").count("M") for e in elements(svg, "path", "cloud"))
    spots = np.unique(drawn.projection.place(embs[1]).round(), axis=0)
    assert len(spots) <= dots <= 5000  # dots of one colour on one pixel are drawn once


def test_source_dims_what_is_not_searched(
    drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]
) -> None:
    for source, dim_bank, dim_cloud in [("both", 0, 0), ("bank", 0, 1), ("generated", 1, 0)]:
        svg = drawn.draw(embs[1], source=source)
        assert bool(elements(svg, "circle", "dim")) == dim_bank
        assert bool(elements(svg, "path", "dim")) == dim_cloud


def test_ids_are_escaped(embs: tuple[np.ndarray, np.ndarray]) -> None:
    ids = ['"><script>', *IDS[1:]]
    svg = voicemap.VoiceMap(ids, *embs).draw(embs[1])
    assert "<script" not in svg
    assert elements(svg, "circle", "bank")[0].get("data-id") == ids[0]


def test_nearest(drawn: voicemap.VoiceMap, embs: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = drawn.projection.place(embs[1])[42]
    index = drawn.nearest(embs[1], x, y)
    assert index is not None
    assert np.allclose(drawn.projection.place(embs[1])[index], (x, y))
    assert drawn.nearest(embs[1], -500.0, -500.0) is None
