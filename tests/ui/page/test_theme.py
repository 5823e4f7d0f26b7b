"""The theme can be read in light and dark: WCAG 2.2 contrast, worked out from its own variables."""

import asyncio
import re

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vclip.ui.page import theme

SVG = "http://www.w3.org/2000/svg"  # a name, not an address
PAIRS = [  # text and what it stands on
    ("body_text_color", "body_background_fill"),
    ("body_text_color", "block_background_fill"),
    ("body_text_color_subdued", "body_background_fill"),
    ("body_text_color_subdued", "block_background_fill"),
    ("body_text_color_subdued", "background_fill_secondary"),
    ("body_text_color_subdued", "input_background_fill"),
    ("body_text_color", "input_background_fill"),
    ("block_label_text_color", "block_background_fill"),
    ("block_title_text_color", "block_background_fill"),
    ("button_primary_text_color", "button_primary_background_fill"),
    ("button_primary_text_color_hover", "button_primary_background_fill_hover"),
    ("button_secondary_text_color", "button_secondary_background_fill"),
    ("button_secondary_text_color_hover", "button_secondary_background_fill_hover"),
    ("checkbox_label_text_color", "checkbox_label_background_fill"),
    ("checkbox_label_text_color_selected", "checkbox_label_background_fill_selected"),
]


@pytest.fixture(scope="module")
def client() -> TestClient:
    """A page in this theme, as Gradio serves it."""

    async def mounted() -> FastAPI:  # in a running loop: without one Gradio opens some, for ever
        with gr.Blocks(analytics_enabled=False) as page:
            gr.HTML("")
        return gr.mount_gradio_app(
            FastAPI(), page, path="/", theme=theme.theme(), ssr_mode=False, run_history=False
        )

    return TestClient(asyncio.run(mounted()))


@pytest.fixture(scope="module")
def css(client: TestClient) -> str:
    return client.get("/theme.css").text


def variables(css: str, is_dark: bool) -> dict[str, str]:
    """The CSS variables of a mode; dark ones replace light ones."""
    light, dark = css.split(":root.dark, :root .dark {", 1)
    found = re.findall(r"--([\w-]+): ([^;]+);", light)
    return dict(found + (re.findall(r"--([\w-]+): ([^;]+);", dark) if is_dark else []))


def colour(known: dict[str, str], name: str) -> tuple[float, ...]:
    """Red, green and blue, 0 to 1; what is transparent shows the page behind it."""
    value = known[name.replace("_", "-")]
    while reference := re.fullmatch(r"var\(--([\w-]+)\)", value):
        value = known[reference[1]]
    value = {"white": "#ffffff", "black": "#000000"}.get(value, value)
    if value == "transparent":
        return colour(known, "body_background_fill")
    return tuple(int(value[i : i + 2], 16) / 255 for i in (1, 3, 5))


def luminance(rgb: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    grey = (0x76 / 255,) * 3  # the lightest grey that may be written with on white
    assert contrast(grey, (1, 1, 1)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(css: str, text: str, ground: str, is_dark: bool) -> None:
    known = variables(css, is_dark)
    assert contrast(colour(known, text), colour(known, ground)) >= 4.5


def test_nothing_of_the_theme_is_fetched(client: TestClient, css: str) -> None:
    assert client.get("/config").json()["stylesheets"] == []
    assert set(re.findall(r"https?://[\w./]+", css)) == {SVG}
    assert "<link" not in theme.head(stage=True) and "src=" not in theme.head(stage=True)
    assert all(path.is_file() for path in [*theme.CSS, theme.ICON, theme.THUMBNAIL])


def test_stage_marks_the_page_and_brings_its_sheet() -> None:
    for is_stage in (False, True):
        head = theme.head(is_stage)
        assert ("classList.add('stage')" in head) == is_stage
        assert ("html.stage #speak" in head) == is_stage
