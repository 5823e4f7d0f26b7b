"""Screenshots of every state of the page.

`python -m vclip.recipes.showcase.screenshots` takes each state at 360, 768 and 1440 px, light and
dark, the last ones in German and on a stage. They go into build/screenshots, which is not
committed.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from tqdm import tqdm

from vclip.recipes.data.manifest import REPO
from vclip.recipes.options import command
from vclip.recipes.showcase import browser

WIDTHS = {360: 740, 768: 1024, 1440: 900}
UPLOAD = "#upload input[type=file]"


def empty(page: Any) -> None:
    """As one arrives."""


def face(page: Any) -> None:
    """An example was chosen."""
    page.locator("#examples button").first.click()
    page.wait_for_selector("#map .mark")


def bank(page: Any) -> None:
    """Only the bank is searched, three voices."""
    face(page)
    page.locator("#source input[value=bank]").check()
    page.fill("#k input", "3")
    page.locator("#k input").press("Enter")
    page.wait_for_function("document.querySelectorAll('#map .mark').length === 3")


def shaped(page: Any) -> None:
    """A voice moved, and voices near it."""
    face(page)
    slider = page.locator("#sliders input[type=range]").first
    slider.fill("1.5")
    page.wait_for_selector("#voices [data-id^='move(']")
    page.click("#near")
    page.wait_for_selector("#voices [data-id^='near(']")


def spoken(page: Any) -> None:
    """Two takes, one of a long text."""
    face(page)
    for n, text in enumerate(["Good morning.", "The quick brown fox jumps over the dog. " * 4], 1):
        page.fill("#text textarea", text)
        page.click("#speak")
        page.wait_for_function(f"document.querySelectorAll('#takes li').length === {n}")


def compared(page: Any) -> None:
    """All voices of the list, and the control."""
    face(page)
    page.click("#shuffle")
    page.wait_for_selector("#control table")
    page.locator("#ways button[role=tab]").nth(1).click()
    page.click("#compare-run")
    page.wait_for_function("document.querySelectorAll('#compare [data-play]').length === 10")


def group(page: Any) -> None:
    """Two faces in a photo."""
    faces = [Image.open(path).convert("RGB") for path in (browser.EXAMPLES[0], browser.EXAMPLES[3])]
    both = Image.new("RGB", (faces[0].width + faces[1].width, faces[0].height))
    both.paste(faces[0], (0, 0))
    both.paste(faces[1], (faces[0].width, 0))
    _upload(page, both)
    page.wait_for_selector("#face .thumbs")


def faceless(page: Any) -> None:
    """No face in the photo, and nothing to say."""
    _upload(page, Image.linear_gradient("L").convert("RGB"))
    page.wait_for_selector("#face-message .message")
    page.fill("#text textarea", "")
    page.click("#speak")
    page.wait_for_selector("#speech-message .message")


def _upload(page: Any, image: Image.Image) -> None:
    data = io.BytesIO()
    image.save(data, "PNG")
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": data.getvalue()}
    page.set_input_files(UPLOAD, photo)


STATES: tuple[Callable[[Any], None], ...] = (
    empty, face, bank, shaped, spoken, compared, group, faceless,
)  # fmt: skip
StateName = Literal["empty", "face", "bank", "shaped", "spoken", "compared", "group", "faceless"]


@dataclass(frozen=True)
class ScreenshotSettings:
    """Pictures that are taken."""

    out: Path = REPO / "build/screenshots"
    only: StateName | None = None  # of one state, not all


def take(out: Path, chromium: Any, address: str, state: Callable[[Any], None], **look: Any) -> None:
    """One state at every width; `look` are options of a browser context."""
    kind = "-".join(str(value) for value in look.values())
    for width, height in WIDTHS.items():
        viewport = {"width": width, "height": height}
        page = browser.visit(chromium, address, viewport=viewport, **look)
        state(page)
        page.wait_for_timeout(400)  # transitions
        page.screenshot(path=out / f"{state.__name__}_{width}_{kind}.png", full_page=True)
        page.context.close()


@command(ScreenshotSettings)
def main(settings: ScreenshotSettings) -> None:
    out = settings.out
    out.mkdir(parents=True, exist_ok=True)
    states = [state for state in STATES if settings.only in (None, state.__name__)]
    with browser.chromium() as chromium:
        with browser.app() as process:
            address = browser.address(process)
            for state in tqdm(states, unit="state"):
                for scheme in ("light", "dark"):
                    take(out, chromium, address, state, color_scheme=scheme)
            take(out, chromium, address, states[-1], locale="de-DE")
        with browser.app("--stage") as process:
            take(out, chromium, browser.address(process), empty, reduced_motion="reduce")
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    raise SystemExit(main())
