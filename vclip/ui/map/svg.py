"""Matplotlib figures as small inline SVG: every shape named by us, every colour left to CSS."""

import io
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import BoxStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from vclip.arrays import Floating

Marker = str | Path
Shapes = Sequence[Mapping[str, str]]  # attributes of each, in drawing order

METADATA = ("Creator", "Date", "Format", "Type")  # none of it
STAR = Path.unit_regular_star(5, innerCircle=0.45)
SQUARE = BoxStyle.Round(pad=0, rounding_size=0.2)(-0.5, -0.5, 1, 1, 1)
DIAMOND = SQUARE.transformed(Affine2D().rotate_deg(45))
GEOMETRY = ("d", "x", "y", "href")
GROWTH = "transform:scale(var(--size,1))"  # selectors of a page do not reach into a <use>
_settings = threading.Lock()
"""Matplotlib's settings belong to the process. Drawing holds the GIL, so waiting costs nothing."""


class SvgFigure:
    """Groups of shapes, back to front; units are SVG units, y grows downwards."""

    def __init__(self, width: int, height: int) -> None:
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._axes = self._figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self._axes.set_axis_off()
        self._groups: dict[str, list[Mapping[str, str]]] = {}  # class to what it is made of

    def points(
        self, group: str, at: Floating, marker: Marker, diameter: float, shapes: Shapes
    ) -> None:
        """The same marker at places (N, 2)."""
        if len(at):
            self._axes.plot(*at.T, ls="", marker=marker, ms=diameter, gid=self._add(group, shapes))

    def lines(self, group: str, start: Floating, end: Floating, shapes: Shapes) -> None:
        """Straight lines between places (N, 2)."""
        if len(start):
            gid = self._add(group, shapes)
            self._axes.add_collection(LineCollection(list(np.stack([start, end], 1)), gid=gid))

    def words(self, group: str, at: Floating, words: Sequence[str], shapes: Shapes) -> None:
        """Short texts; `at` is what CSS's text-anchor and dominant-baseline make of it."""
        gid = self._add(group, shapes)
        for (x, y), word in zip(at, words, strict=True):
            self._axes.text(x, y, word, va="baseline", gid=gid, parse_math=False)

    def heights(
        self, group: str, x: Floating, y: Floating, z: Floating, levels: Floating, shapes: Shapes
    ) -> None:
        """Where z (Y, X) is above each of the rising levels, one region on top of the other."""
        gid = self._add(group, shapes)
        for level in levels:
            above = [level, max(float(z.max()), level) + 1]
            self._axes.contourf(x, y, z, levels=above, colors=["k"]).set_gid(gid)

    def markup(self, **attributes: str) -> str:
        """The `<svg>`: a `<g class=GROUP>` for each group. Attributes may hold any text."""
        drawn = _draw(self._figure)
        svg = ET.Element("svg", {"viewBox": drawn.attrib["viewBox"]} | attributes)
        for name, shapes in self._groups.items():
            svg.append(_group(name, drawn.findall(f".//g[@id='{name}']"), shapes))
        return ET.tostring(svg, encoding="unicode")

    def _add(self, group: str, shapes: Shapes) -> str:
        self._groups.setdefault(group, []).extend(shapes)
        return group


def _draw(figure: Figure) -> ET.Element:
    """What Matplotlib writes, without namespaces."""
    file = io.StringIO()
    with _settings, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vclip"}):
        figure.savefig(file, format="svg", metadata=dict.fromkeys(METADATA))
    root = ET.fromstring(file.getvalue())
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
    return root


def _group(name: str, drawn: Sequence[ET.Element], shapes: Shapes) -> ET.Element:
    """All that the artists of a group drew: definitions first, then the shapes with their names."""
    group = ET.Element("g", {"class": name})
    paths = {path.attrib["id"]: path for g in drawn for path in g.iterfind("defs/path")}
    for key, path in paths.items():  # ids are hashes of the shape, the same on every map
        definition = {"id": key, "style": GROWTH} | _geometry(path)
        ET.SubElement(ET.SubElement(group, "defs"), "path", definition)
    found = [shape for g in drawn for shape in _shapes(g)]
    for shape, attributes in zip(found, shapes, strict=True):
        ET.SubElement(group, shape.tag, _geometry(shape) | dict(attributes)).text = shape.text
    return group


def _shapes(group: ET.Element) -> Iterator[ET.Element]:
    """What is seen of a group, not what is only defined in it."""
    for child in group:
        if child.tag in ("path", "use", "text"):
            yield child
        elif child.tag == "g":
            yield from _shapes(child)


def _geometry(shape: ET.Element) -> dict[str, str]:
    """Without style, transform and clipping."""
    found = {name: shape.get(name) for name in GEOMETRY}
    return {k: v if k == "href" else _short(v) for k, v in found.items() if v is not None}


def _short(numbers: str) -> str:
    """Numbers to a tenth of a unit, no spaces that are not needed."""
    numbers = re.sub(r"-?\d+\.\d+", lambda n: f"{float(n[0]):.1f}", numbers)
    numbers = re.sub(r"\.0(?!\d)", "", numbers)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", numbers).strip()


def _local(name: str) -> str:
    return name.rpartition("}")[2]
