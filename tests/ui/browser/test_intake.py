"""What people really hand in: turned photos, HEIC, groups, landscapes, a camera that says no."""

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from running import Visitor
from visiting import EXAMPLES, marks, offered, upload


@pytest.fixture(scope="module")
def example() -> Image.Image:
    return Image.open(EXAMPLES[0]).convert("RGB")


def crop(page: Page) -> str:
    return str(page.locator("#face .crop img").get_attribute("src"))


def best(page: Page) -> list[str]:
    expect(marks(page)).to_have_count(10)
    return offered(page)


def test_a_turned_photo_is_set_upright(
    visitor: Visitor, example: Image.Image, tmp_path: Path
) -> None:
    found = []
    for name, image, orientation in [
        ("straight", example, 1),
        ("turned", example.transpose(Image.Transpose.ROTATE_90), 6),  # a phone held upright
    ]:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / f"{name}.png", exif=exif)
        page = visitor()
        upload(page, tmp_path / f"{name}.png")
        found.append((best(page), crop(page)))
    assert found[0] == found[1]


def test_heic(page: Page, example: Image.Image, tmp_path: Path) -> None:
    pillow_heif.from_pillow(example).save(tmp_path / "photo.heic")
    upload(page, tmp_path / "photo.heic")
    assert len(best(page)) == 10


def test_several_faces_and_choosing_one(page: Page, example: Image.Image, tmp_path: Path) -> None:
    second = Image.open(EXAMPLES[3]).convert("RGB")
    both = Image.new("RGB", (example.width + second.width, max(example.height, second.height)))
    both.paste(example, (0, 0))
    both.paste(second, (example.width, 0))
    both.save(tmp_path / "both.jpg", quality=95)
    upload(page, tmp_path / "both.jpg")
    faces = page.locator("#face .thumbs button")
    expect(faces).to_have_count(2)
    expect(page.locator("#face .note")).to_contain_text("2 faces found")
    first, seen = best(page), crop(page)
    page.locator("#face .thumbs button[aria-pressed=false]").press("Enter")
    page.wait_for_function("s => document.querySelector('#face .crop img').src !== s", arg=seen)
    assert best(page) != first
    page.locator("#face rect.other").click()  # and back, by the box in the photo
    page.wait_for_function("s => document.querySelector('#face .crop img').src === s", arg=seen)
    assert best(page) == first


def test_no_face_offers_the_whole_picture(page: Page, tmp_path: Path) -> None:
    sky = np.linspace(90, 220, 300).astype("u1")[:, None, None].repeat(400, 1).repeat(3, 2)
    Image.fromarray(sky).save(tmp_path / "sky.jpg")
    expect(page.locator("#whole")).to_be_hidden()
    upload(page, tmp_path / "sky.jpg")
    expect(page.locator("#face-message")).to_contain_text("No face was found")
    page.click("#whole")
    expect(page.locator("#map .mark")).to_have_count(10)
    expect(page.locator("#whole")).to_be_hidden()


def test_a_camera_that_is_denied_says_so(page: Page) -> None:
    page.get_by_role("tab", name="Camera").click()
    denied = page.locator("#camera-denied")
    expect(denied).to_be_hidden()
    page.get_by_role("button", name="Click to Access Webcam").click()
    expect(denied).to_be_visible()
    expect(denied).to_contain_text("Allow it in the address bar")
    page.locator("#examples button").first.click()  # everything else goes on
    best(page)


def test_photos_leave_nothing_behind(page: Page, example: Image.Image, tmp_path: Path) -> None:
    """The page shows the photo inline: no address serves it."""
    example.save(tmp_path / "me.jpg")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    upload(page, tmp_path / "me.jpg")
    best(page)
    sources = page.locator("#face img").evaluate_all("e => e.map((x) => x.src)")
    assert all(source.startswith("data:") for source in sources)
    assert not [url for url in asked if "/file=" in url]
    page.click("#forget")
    expect(page.locator("#face img")).to_have_count(0)
    expect(page.locator("#voices [role=option]")).to_have_count(0)
