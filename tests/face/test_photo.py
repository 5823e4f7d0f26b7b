"""Intake of pictures, detection and crops: what is refused and why, and where faces end up."""

import contextlib
import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageFile

from vclip.errors import ImageError
from vclip.face.photo import Box, Photo, crop_face, load_photo, whole_photo


def gradient(height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth (H, W, 3) uint8 whose corners all differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of a picture file."""
    out = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(out, kind, **options)
    return out.getvalue()


def heic(pixels: np.ndarray) -> bytes:
    """The bytes of a HEIC file."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(out, quality=90)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_every_format_gives_the_picture(kind: str) -> None:
    pixels = gradient()
    data = heic(pixels) if kind == "HEIF" else encoded(pixels, kind, quality=95)
    loaded = load_photo(data).pixels
    assert loaded.shape == pixels.shape and loaded.dtype == np.uint8
    assert np.abs(loaded.astype(int) - pixels).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_metadata_dropped(orientation: int) -> None:
    upright = Image.fromarray(gradient())
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each
    stored = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = load_photo(encoded(stored, "PNG", exif=exif))
    np.testing.assert_array_equal(photo.pixels, np.asarray(upright))
    assert set(vars(photo)) == {"pixels"}


def test_alpha_lies_on_white_in_every_mode() -> None:
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[:, :20] = (200, 10, 10, 255)
    for mode in ("RGBA", "LA", "PA"):
        data = encoded(Image.fromarray(rgba).convert(mode), "PNG") if mode != "PA" else None
        if data is None:
            data = encoded(Image.fromarray(rgba).quantize(8), "PNG")
        pixels = load_photo(data).pixels
        assert (pixels[:, 20:] == 255).all(), mode
        assert pixels[0, 0].max() < 210, mode


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = load_photo(encoded(Image.fromarray(ramp), "PNG")).pixels
    np.testing.assert_array_equal(pixels[..., 0], ramp >> 8)
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_other_modes_become_rgb() -> None:
    colour = Image.fromarray(np.full((40, 40, 3), (200, 60, 20), np.uint8))
    for mode, kind in (("CMYK", "JPEG"), ("P", "PNG"), ("L", "JPEG"), ("1", "PNG")):
        stored = colour.quantize(4) if mode == "P" else colour.convert(mode)
        pixels = load_photo(encoded(stored, kind)).pixels
        assert pixels.shape == (40, 40, 3), mode
        if mode in ("CMYK", "P"):
            assert np.abs(pixels.astype(int) - (200, 60, 20)).max() < 30, mode


def test_long_side_is_reduced_and_small_pictures_are_not_enlarged() -> None:
    assert load_photo(encoded(gradient(300, 2000), "JPEG")).pixels.shape == (192, 1280, 3)
    assert load_photo(encoded(gradient(300, 200)), long_side=150).pixels.shape == (150, 100, 3)
    assert load_photo(encoded(gradient(60, 80))).pixels.shape == (60, 80, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 not a picture", "not a JPEG"),
        (encoded(gradient(), "GIF"), "not a JPEG"),
        (encoded(gradient(), "TIFF"), "not a JPEG"),
        (b"\xff\xd8\xff" + b"x" * 500, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "damaged"),
        (encoded(gradient(20, 400)), "too few"),
        (encoded(gradient(200, 5))[:], "too few"),
    ],
)
def test_what_is_no_usable_picture_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        load_photo(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_an_image_error(kind: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    data = heic(noise) if kind == "HEIF" else encoded(noise, kind)
    with pytest.raises(ImageError, match="damaged"):
        load_photo(data[: int(len(data) * part)])


def test_random_damage_never_escapes_as_another_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "HEIF"):
        whole = heic(gradient()) if kind == "HEIF" else encoded(gradient(), kind)
        for _ in range(60):
            data = bytearray(whole)
            for i in rng.integers(12, len(data), 8):
                data[i] = rng.integers(0, 256)
            with contextlib.suppress(ImageError):
                load_photo(bytes(data))


def test_limits_come_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = encoded(Image.new("1", (9000, 9000)))  # 81 million pixels in a few kilobytes

    def decode(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(ImageError, match=r"9000 × 9000.*50 million"):
        load_photo(huge)
    with pytest.raises(ImageError, match="limit is 16 MB"):
        load_photo(b"\xff\xd8\xff" + bytes(17 * 2**20))


@pytest.mark.slow
def test_a_decompression_bomb_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="pixels"):
        load_photo(encoded(Image.new("1", (20000, 20000))))


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(gradient() // k) for k in (1, 2)]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match="animation"):
            load_photo(data)


def test_crop_is_square_and_repeats_the_border() -> None:
    photo = Photo(gradient(100, 100))
    box = Box(0, 0, 100, 100, margin=0.5, drop=0.0)
    out = crop_face(photo, box, 200)
    assert out.shape == (200, 200, 3) and out.dtype == np.uint8
    np.testing.assert_array_equal(out[50:150, 50:150], photo.pixels)
    assert (out[:50, 50:150] == photo.pixels[0]).all()
    assert (out[:, :50] == out[:, 50:51]).all()


def test_whole_picture_is_cropped_as_it_is() -> None:
    photo = Photo(gradient(80, 80))
    assert whole_photo(photo).as_list() == [0, 0, 80, 80]
    np.testing.assert_array_equal(crop_face(photo, whole_photo(photo), 80), photo.pixels)
    wide = Photo(gradient(40, 80))  # padded above and below, nothing is lost
    np.testing.assert_array_equal(crop_face(wide, whole_photo(wide), 80)[20:60], wide.pixels)


def test_crop_margin_widens_and_drop_lowers() -> None:
    photo = Photo(gradient(200, 200))
    box = Box(80, 60, 120, 100, drop=0.25)
    np.testing.assert_array_equal(crop_face(photo, box, 40, 0.0), photo.pixels[70:110, 80:120])
    np.testing.assert_array_equal(crop_face(photo, box, 60, 0.25), photo.pixels[60:120, 70:130])


def test_a_box_beside_the_photo_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="outside"):
        crop_face(Photo(gradient()), Box(500, 500, 600, 600), 32)
