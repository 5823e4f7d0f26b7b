"""The app's icon, and the picture that links to it show: `python -m vclip.recipes.showcase.icon`.

Writes icon.png (256 px, of icon.svg) and thumbnail.png (1200 x 630: an example face and the map of
its voices, as the app draws it) into vclip/ui/assets. To be run again when the map looks different.
"""

import base64
import html
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from tyro.conf import arg

from vclip.models.directory import BUNDLED, CHOICES
from vclip.pipeline import FaceToVoice
from vclip.recipes.options import command
from vclip.recipes.showcase import browser
from vclip.ui.page import theme
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import EXAMPLES, Visit, VisitController

SIDE, SIZE = 256, (1200, 630)
COLOURS = 200  # as many as keep the file under 150 KB
STYLE = Path(__file__).with_name("thumbnail.css")


@dataclass(frozen=True)
class IconSettings:
    """The model whose map is shown."""

    model: Annotated[str, arg(help=CHOICES)] = BUNDLED.name


def document(controller: VisitController) -> str:
    """The thumbnail as HTML."""
    visit = controller.open_example(Visit(), 0)
    face = base64.b64encode(Path(EXAMPLES[0]).read_bytes()).decode()
    sheets = (theme.ASSETS / "voices.css").read_text() + STYLE.read_text()
    icon = (theme.ASSETS / "icon.svg").read_text()
    return (
        f'<meta charset="utf-8"><style>{sheets}</style><body class="dark"><div>'
        f'<div class="mark">{icon}{html.escape(ENGLISH.title)}</div>'
        f"<p>{html.escape(ENGLISH.tagline)}</p>"
        f'<img src="data:image/jpeg;base64,{face}"></div>{controller.draw_map(visit)}</body>'
    )


def shoot(chromium: Any, content: str, size: tuple[int, int]) -> Image.Image:
    """A picture of this HTML, transparent where nothing is."""
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.set_content(content)
    return Image.open(io.BytesIO(page.screenshot(omit_background=True)))


@command(IconSettings)
def main(settings: IconSettings) -> None:
    controller = VisitController(FaceToVoice.from_pretrained(settings.model))
    svg = f"<style>body {{ margin: 0 }}</style>{(theme.ASSETS / 'icon.svg').read_text()}"
    with browser.chromium() as chromium:
        shoot(chromium, svg, (SIDE, SIDE)).save(theme.ICON, optimize=True)
        thumbnail = shoot(chromium, document(controller), SIZE).convert("RGB")
    thumbnail.quantize(COLOURS, dither=Image.Dither.NONE).save(theme.THUMBNAIL, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
