"""Pictures and sound of video files: made here with PyAV, read back through the module."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from toy_clips import RATE, tone, write_clip

from vclip import audio
from vclip.errors import DataError, ImageError
from vclip.recipes.data import clips


def grey(picture: Path) -> float:
    """What a video shows in its lower right quarter."""
    pixels = clips.read_picture(picture).pixels
    return float(pixels[40:, 40:].mean())


def test_the_plain_name_is_the_first_frame_and_a_share_is_a_place_in_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", (20, 80, 140, 200))
    named = [Path(clips.at(str(path), share)) for share in (0, 0.25, 0.5, 0.75)]
    assert named[0] == path and named[1].name == "a.mp4#at=0.25"
    assert [grey(p) for p in named] == pytest.approx([20, 80, 140, 200], abs=4)
    late = Path(clips.at(str(path), 0.9999))
    assert grey(late) == pytest.approx(200, abs=4)
    assert clips.file_of(named[1]) == path and clips.file_of(path) == path


def test_a_share_is_never_before_its_time(tmp_path: Path) -> None:
    """Also between key frames: second 1 starts at a quarter, not at the key frame before."""
    path = write_clip(tmp_path / "a.mkv", (20, 80, 140, 200))
    for share, level in ((0.22, 20), (0.26, 80), (0.47, 80), (0.51, 140)):
        assert grey(Path(clips.at(str(path), share))) == pytest.approx(level, abs=4), share


def test_a_frame_is_shown_upright(tmp_path: Path) -> None:
    """The matrix of a phone held upright, written over the identity in the file's track header."""
    path = write_clip(tmp_path / "a.mp4", (0,))
    plain = clips.read_picture(path).pixels
    one, zero = b"\x00\x01\x00\x00", b"\x00\x00\x00\x00"
    identity = one + 3 * zero + one + 3 * zero + b"\x40\x00\x00\x00"
    clockwise = zero + one + zero + b"\xff\xff\x00\x00" + 4 * zero + b"\x40\x00\x00\x00"
    data = path.read_bytes()
    start = data.index(identity, data.index(b"tkhd"))
    path.write_bytes(data[:start] + clockwise + data[start + len(clockwise) :])
    np.testing.assert_array_equal(clips.read_picture(path).pixels, np.rot90(plain, -1))
    assert plain[:20, :20].mean() > 250 > 5 > plain[:20, 44:].mean()


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "a.wav", "a.flac"])
def test_a_recording_is_the_whole_track_as_mono(tmp_path: Path, name: str) -> None:
    wav, path = tone(3.0), tmp_path / name
    if path.suffix in (".wav", ".flac"):
        audio.save(path, wav, RATE)
    else:
        write_clip(path, (9, 9, 9) if name == "a.mp4" else (), wav)
    found, rate = clips.read_voice(path)
    assert rate == RATE and found.dtype == np.float32
    assert len(found) == pytest.approx(len(wav), abs=2048)  # AAC pads
    spectrum = np.abs(np.fft.rfft(found[:RATE]))
    assert spectrum.argmax() == 440
    assert np.abs(found).max() == pytest.approx(0.5, abs=0.05)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        samples = np.stack([np.full(1600, 16000), np.zeros(1600)]).astype("<i2")
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    found, _ = clips.read_voice(path)
    np.testing.assert_allclose(found, 8000 / 32768, atol=2e-4)


def test_image_files_go_through_the_app_s_own_reading(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (10, 20, 30)).save(tmp_path / "a.png")
    assert clips.read_picture(tmp_path / "a.png").pixels[5, 5].tolist() == [10, 20, 30]


def test_large_frames_are_made_smaller(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", (50,), size=1440)
    assert clips.read_picture(path).pixels.shape == (1280, 1280, 3)


def test_what_cannot_be_read_is_a_data_error_that_names_the_file(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", (9,), tone(1.0)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.m4a").write_text("no sound")
    write_clip(tmp_path / "silent.mp4", (9,))
    write_clip(tmp_path / "blind.mp4", (), tone(1.0))
    for name in ("cut.mp4", "empty.mp4", "blind.mp4", "missing.mp4", "missing.jpg"):
        with pytest.raises(DataError, match=name):
            clips.read_picture(tmp_path / name)
    for name in ("cut.mp4", "empty.mp4", "text.m4a", "silent.mp4", "missing.m4a", "missing.wav"):
        with pytest.raises(DataError, match=name):
            clips.read_voice(tmp_path / name)
    write_clip(tmp_path / "tiny.mp4", (9,), size=16)
    with pytest.raises(ImageError, match="too few pixels"):
        clips.read_picture(tmp_path / "tiny.mp4")
