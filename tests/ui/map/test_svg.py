"""Pictures: shapes named in order, no colour and no style of Matplotlib's, the same bytes again."""

import re
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pytest

from vclip.ui.map import svg

EVIL = "\"><script>alert(1)</script>&amp;'\n"


def sample(seed: int = 0, n: int = 4) -> svg.SvgFigure:
    """One of each."""
    rng = np.random.default_rng(seed)
    picture = svg.SvgFigure(64, 52)
    x, y = np.arange(0, 64, 4.0), np.arange(0, 52, 4.0)
    z = np.exp(-((x[None] - 30) ** 2 + (y[:, None] - 20) ** 2) / 200)
    picture.heights("hills", x, y, z, np.array([0.2, 0.6]), [{"class": "d0"}, {"class": "d1"}])
    picture.lines("lines", rng.uniform(0, 50, (n, 2)), rng.uniform(0, 50, (n, 2)), names(n, "l"))
    for marker in ("o", svg.SQUARE, svg.STAR):
        picture.points("points", rng.uniform(0, 50, (n, 2)), marker, 5.0, names(n, "p"))
    picture.words("words", rng.uniform(0, 50, (n, 2)), [str(i) for i in range(n)], names(n, "w"))
    return picture


def names(n: int, prefix: str) -> list[dict[str, str]]:
    return [{"data-id": f"{prefix}{i}"} for i in range(n)]


def test_shapes_are_named_in_order() -> None:
    root = ET.fromstring(sample().markup(role="img"))
    assert root.tag == "svg" and root.get("viewBox") == "0 0 64 52" and root.get("role") == "img"
    assert [g.get("class") for g in root] == ["hills", "lines", "points", "words"]
    found = [[e.get("data-id") for e in g if e.tag != "defs"] for g in root]
    assert found[1] == [f"l{i}" for i in range(4)]
    assert found[2] == [f"p{i}" for i in range(4)] * 3
    assert [e.text for e in root[3]] == ["0", "1", "2", "3"]
    assert {e.tag for e in root[2]} == {"defs", "use"} and {e.tag for e in root[3]} == {"text"}


def test_places_are_svg_units_downwards() -> None:
    picture = svg.SvgFigure(640, 520)
    at = np.array([[0.0, 0.0], [640.0, 520.0], [123.44, 77.77]])
    picture.points("points", at, "o", 9.0, names(3, "p"))
    picture.words("words", at, ["a", "b", "c"], names(3, "w"))
    root = ET.fromstring(picture.markup())
    for tag in ("use", "text"):
        found = [[float(e.get(axis)) for axis in "xy"] for e in root.iter(tag)]
        assert np.allclose(found, at, atol=0.051)


def test_regions_hold_what_is_high() -> None:
    picture = svg.SvgFigure(100, 100)
    x = y = np.arange(0, 101, 2.0)
    z = -np.hypot(x[None] - 50, y[:, None] - 50)
    picture.heights("hills", x, y, z, np.array([-40.0, -20.0]), names(2, "h"))
    outer, inner = ET.fromstring(picture.markup()).iter("path")
    for path, radius in ((outer, 40), (inner, 20)):
        numbers = np.array(re.findall(r"[\d.]+", path.get("d")), float).reshape(-1, 2)
        assert np.allclose(np.hypot(*(numbers - 50).T), radius, atol=0.3)


def test_nothing_of_matplotlib_stays() -> None:
    markup = sample().markup()
    assert not re.search(r"fill|stroke|font|clip|metadata|matplotlib|xmlns|#[0-9a-f]{6}\"", markup)
    assert set(re.findall(r'style="([^"]*)"', markup)) == {svg.GROWTH}
    assert max(len(number.split(".")[1]) for number in re.findall(r"\d+\.\d+", markup)) == 1


def test_references_are_defined_once() -> None:
    root = ET.fromstring(sample().markup())
    defined = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(defined) == len(set(defined)) == 3
    assert {e.get("href") for e in root.iter("use")} == {f"#{name}" for name in defined}


def test_names_are_escaped() -> None:
    picture = svg.SvgFigure(64, 52)
    picture.points("points", np.array([[5.0, 5.0]]), "o", 5.0, [{"data-id": EVIL}])
    markup = picture.markup(**{"aria-label": EVIL})
    assert "<script" not in markup
    root = ET.fromstring(markup)
    assert root.get("aria-label") == EVIL and next(root.iter("use")).get("data-id") == EVIL


def test_dollars_are_no_formulas() -> None:
    picture = svg.SvgFigure(64, 52)
    picture.words("words", np.array([[5.0, 5.0]]), ["$x_1$"], [{}])
    assert ET.fromstring(picture.markup())[0][0].text == "$x_1$"


def test_names_have_to_match_the_shapes() -> None:
    picture = svg.SvgFigure(64, 52)
    picture.points("points", np.zeros((3, 2)), "o", 5.0, names(2, "p"))
    with pytest.raises(ValueError, match="zip"):
        picture.markup()


def test_the_same_picture_has_the_same_bytes() -> None:
    assert sample().markup() == sample().markup() != sample(1).markup()


def test_threads_do_not_disturb_each_other_nor_the_settings() -> None:
    alone = [sample(seed, 2 + seed).markup() for seed in range(6)]
    before, barrier = dict(mpl.rcParams), threading.Barrier(6)

    def draw(seed: int) -> list[str]:
        barrier.wait()
        return [sample(seed, 2 + seed).markup() for _ in range(4)]

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(draw, range(6)))
    assert together == [[markup] * 4 for markup in alone]
    assert dict(mpl.rcParams) == before
