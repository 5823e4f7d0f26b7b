"""The map: every voice on it once, that it never jumps, what colours and shapes say, its size."""

import re
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vclip.speakers.candidates import Candidate
from vclip.ui.map import labels, voice_map
from vclip.ui.map.voice_map import VoiceMap
from vclip.ui.texts import ENGLISH, Texts

D = 16
IDS = [f"p{i}" for i in range(40)]
NAN = float("nan")
Embs = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def voices(embs: Embs) -> VoiceMap:
    return VoiceMap(IDS, *embs)


def candidate(rank: int, name: str, emb: np.ndarray, score: float = 0.5) -> Candidate:
    kinds = {"g": "generated", "p": "bank"}
    return Candidate(rank, name, kinds.get(name[0], "shaped"), score, np.zeros(4), emb)


def best(embs: Embs, face: np.ndarray, k: int) -> list[Candidate]:
    """The k best of bank and cloud."""
    names = [*IDS, *(f"gen-0-{i}" for i in range(5000))]
    rows = np.concatenate(embs)
    order = np.argsort(-(rows @ face))[:k]
    return [
        candidate(n, names[i], rows[i], float(rows[i] @ face)) for n, i in enumerate(order, start=1)
    ]


def shapes(figure: str, kind: str) -> list[ET.Element]:
    """Elements of the SVG that have a class."""
    root = ET.fromstring(re.search(r"<svg.*</svg>", figure, re.S)[0])
    return [e for e in root.iter() if kind in (e.get("class") or "").split()]


def points(figure: str) -> list[ET.Element]:
    return [e for e in shapes(figure, "pt") if "mark" not in e.get("class").split()]


def place(element: ET.Element) -> tuple[float, float]:
    return float(element.get("x")), float(element.get("y"))


@pytest.mark.slow
@pytest.mark.parametrize("k", range(1, 21))
def test_every_voice_is_there_once(voices: VoiceMap, embs: Embs, k: int) -> None:
    found = best(embs, embs[0][k], k)
    figure = voices.draw(ENGLISH, embs[1], embs[0][k], found, found[-1])
    ids = [e.get("data-id") for e in points(figure)]
    generated = {c.speaker_id for c in found if c.source == "generated"}
    assert ids[:40] == IDS and set(ids[40:]) == generated and len(set(ids)) == len(ids)
    marks = {e.get("data-id"): e for e in shapes(figure, "mark")}
    assert set(marks) == {c.speaker_id for c in found} and len(shapes(figure, "mark")) == k
    numbers = {e.get("data-for"): e for e in shapes(figure, "number")}
    assert {c.speaker_id: str(c.rank) for c in found} == {i: e.text for i, e in numbers.items()}
    assert all(place(numbers[name]) == place(mark) for name, mark in marks.items())
    at = np.array([place(mark) for mark in marks.values()])
    star = np.array(place(shapes(figure, "face")[0]))
    gaps = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e9 * np.eye(k)
    assert gaps.min() > labels.SPACING - 0.2
    assert np.linalg.norm(at - star, axis=1).min() > labels.STAR_ROOM - 0.2


def test_lines_go_from_a_voice_to_its_number(voices: VoiceMap, embs: Embs) -> None:
    found = best(embs, embs[0][0], 10)
    figure = voices.draw(ENGLISH, embs[1], embs[0][0], found)
    where = {e.get("data-id"): place(e) for e in points(figure)}
    marks = {e.get("data-id"): place(e) for e in shapes(figure, "mark")}
    lines = shapes(figure, "leader")
    assert len(lines) == 10
    for line in lines:
        x, y, u, v = map(float, re.findall(r"[\d.]+", line.get("d")))
        name = line.get("data-for")
        assert np.allclose([(x, y), (u, v)], [where[name], marks[name]], atol=0.11)


def test_shapes_say_where_a_voice_is_from(voices: VoiceMap, embs: Embs) -> None:
    bank, cloud = embs
    made = candidate(3, "near(p1;0;7)", cloud[9])
    found = [candidate(1, "gen-0-7", cloud[7]), candidate(2, "p3", bank[3]), made]
    figure = voices.draw(ENGLISH, cloud, bank[0], found, made)
    kinds = {e.get("data-id"): set(e.get("class").split()) for e in shapes(figure, "mark")}
    assert "square" in kinds["gen-0-7"] and "round" in kinds["p3"]
    assert "diamond" in kinds["near(p1;0;7)"]
    drawn = {e.get("data-id"): e.get("href") for e in shapes(figure, "mark")}
    assert len(set(drawn.values())) == 3
    spots = {e.get("data-id"): set(e.get("class").split()) for e in points(figure)}
    assert "best" in spots["p3"] and "best" not in spots["p4"]
    assert "square" in spots["gen-0-7"] and "diamond" in spots["near(p1;0;7)"]
    for said in (ENGLISH.key_bank, ENGLISH.key_cloud, ENGLISH.key_generated, ENGLISH.key_shaped):
        assert said in figure


def test_the_picked_voice_has_a_ring(voices: VoiceMap, embs: Embs) -> None:
    bank, cloud = embs
    found = best(embs, bank[0], 3)
    for picked, at in [
        (found[1], lambda figure: shapes(figure, "mark")),
        (candidate(0, "p9", bank[9]), points),
        (candidate(0, "blend(p1;p2;0.50)", cloud[3]), points),
    ]:
        figure = voices.draw(ENGLISH, cloud, bank[0], found, picked)
        (ring,) = shapes(figure, "ring")
        (spot,) = [e for e in at(figure) if e.get("data-id") == picked.speaker_id]
        assert ring.get("data-for") == picked.speaker_id and place(ring) == place(spot)
    assert not shapes(voices.draw(ENGLISH, cloud, bank[0], found), "ring")


def test_colour_follows_the_fit(voices: VoiceMap, embs: Embs) -> None:
    bank, cloud = embs
    figure = voices.draw(ENGLISH, cloud, bank[0])
    steps = [int(re.search(r"\bf(\d)\b", e.get("class"))[1]) for e in points(figure)]
    scores = bank @ bank[0]
    assert (np.diff(np.array(steps)[np.argsort(scores)]) >= 0).all()
    assert steps[0] == voice_map.STEPS - 1  # the face's own point fits best
    assert np.bincount(steps).tolist() == [5] * 8
    assert np.allclose([float(e.get("data-fit")) for e in points(figure)], scores, atol=0.0051)
    said = re.search(r'class="ramp">(.*?)</span>', figure)[1]
    limits = [float(n) for n in re.findall(r"[+-]\d\.\d\d", said.replace("−", "-"))]
    everything = np.concatenate(embs) @ bank[0]
    expected = [everything.min(), np.median(scores), everything.max()]
    assert np.allclose(limits, expected, atol=0.0051)


def test_without_a_face(voices: VoiceMap, embs: Embs) -> None:
    picked = candidate(0, "p3", embs[0][3], NAN)
    figure = voices.draw(ENGLISH, embs[1], picked=picked)
    assert [e.get("data-id") for e in points(figure)] == IDS
    assert not shapes(figure, "face") and not shapes(figure, "mark")
    assert not any(e.get("data-fit") for e in points(figure))
    assert "nan" not in figure and 'class="ramp"' not in figure and 'class="f' not in figure
    assert len(shapes(figure, "ring")) == 1


def test_positions_do_not_depend_on_face_seed_or_pick(voices: VoiceMap, embs: Embs) -> None:
    bank, cloud = embs
    found = best(embs, bank[1], 10)
    figures = [
        voices.draw(ENGLISH, cloud),
        voices.draw(ENGLISH, cloud[:1000], bank[0]),
        voices.draw(ENGLISH, cloud, bank[1], found, found[2], "generated"),
    ]
    places = [[place(e) for e in points(figure)[:40]] for figure in figures]
    assert places[0] == places[1] == places[2]
    assert shapes(figures[0], "density") and "viewBox" in figures[0]


@pytest.mark.slow
def test_density_is_the_clouds(voices: VoiceMap, embs: Embs) -> None:
    """Contours lie within each other, the smallest where most generated voices are."""
    cloud = embs[1]
    figure = voices.draw(ENGLISH, cloud)
    areas = []
    for n in range(6):
        (path,) = [e for e in shapes(figure, f"d{n}") if e.tag == "path"]
        numbers = np.array(re.findall(r"[\d.]+", path.get("d")), float).reshape(-1, 2)
        areas.append(np.ptp(numbers, axis=0).prod())
    assert areas == sorted(areas, reverse=True)
    middle = np.median(voices.projection.place(cloud), axis=0)
    assert np.linalg.norm(numbers.mean(0) - middle) < 120
    one = voices.draw(ENGLISH, np.repeat(cloud[:1], 1000, axis=0))
    x, y = voices.projection.place(cloud[:1])[0]
    drawn = np.array(re.findall(r"[\d.]+", shapes(one, "d5")[0].get("d")), float).reshape(-1, 2)
    assert np.abs(drawn - (x, y)).max() < 20  # a cloud of one voice is a spot


def test_source_is_told_to_the_style_sheet(voices: VoiceMap, embs: Embs) -> None:
    for source in ("both", "bank", "generated"):
        assert f'data-source="{source}"' in voices.draw(ENGLISH, embs[1], source=source)


def test_names_are_escaped(embs: Embs) -> None:
    evil = "\"'><script>alert(1)</script>&amp;"
    ids = [evil, *IDS[1:]]
    picked = candidate(1, evil, embs[0][0])
    texts = Texts("en", {**ENGLISH.catalogue, "map_label": evil})
    figure = VoiceMap(ids, *embs).draw(texts, embs[1], embs[0][3], [picked], picked)
    assert "<script" not in figure
    assert points(figure)[0].get("data-id") == evil
    assert shapes(figure, "ring")[0].get("data-for") == evil


def test_the_same_map_has_the_same_bytes_and_is_small(voices: VoiceMap, embs: Embs) -> None:
    found = best(embs, embs[0][0], 20)
    one, other = (voices.draw(ENGLISH, embs[1], embs[0][0], found, found[0]) for _ in range(2))
    assert one == other and len(one) < 120_000
    assert not re.search(
        r"#[0-9a-f]{6}\b\"|fill=|stroke=|rgb", one
    )  # colours are the style sheet's


@pytest.mark.slow
def test_threads_draw_what_one_alone_draws(voices: VoiceMap, embs: Embs) -> None:
    jobs = [(embs[0][n], best(embs, embs[0][n], 3 + 2 * n)) for n in range(6)]
    barrier = threading.Barrier(6)

    def draw(face: np.ndarray, found: list[Candidate]) -> str:
        return voices.draw(ENGLISH, embs[1], face, found, found[0])

    def together(job: tuple[np.ndarray, list[Candidate]]) -> list[str]:
        barrier.wait()
        return [draw(*job) for _ in range(3)]

    alone = [draw(*job) for job in jobs]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(together, jobs)) == [[figure] * 3 for figure in alone]


def luminance(colour: str) -> float:
    """WCAG's relative luminance of #rrggbb."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_ramps_are_told_apart_without_hue() -> None:
    """Ever darker on the light ground, ever lighter on the dark one, for colour-blind people."""
    css = (Path(voice_map.__file__).parents[1] / "assets" / "voices.css").read_text()
    light, dark = (
        [luminance(colour) for colour in re.findall(r"--fit-\d: (#\w{6});", block)]
        for block in re.findall(r"body(?:\.dark)? \{(.*?)\}", css, re.S)
    )
    assert len(light) == len(dark) == voice_map.STEPS
    for ramp in (light[::-1], dark):
        contrast = (np.array(ramp[1:]) + 0.05) / (np.array(ramp[:-1]) + 0.05)
        assert (contrast > 1.2).all()
        assert (ramp[-1] + 0.05) / (ramp[0] + 0.05) > 5


def test_nearest(voices: VoiceMap, embs: Embs) -> None:
    x, y = voices.projection.place(embs[1])[42]
    index = voices.nearest(embs[1], x, y)
    assert index is not None
    assert np.allclose(voices.projection.place(embs[1])[index], (x, y))
    assert voices.nearest(embs[1], -500.0, -500.0) is None
