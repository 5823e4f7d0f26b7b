"""Face detection: both detectors on real photos, the order of faces, and crops that agree."""

import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED
from PIL import Image

from vclip.errors import NoFaceError
from vclip.face.detector import FaceDetector, find_faces
from vclip.face.photo import Photo, load_photo

LONDON = SHARED / "faces" / "london"
RAVDESS = SHARED / "pairs" / "ravdess"
YUNET = SHARED / "models" / "face_detection_yunet.onnx"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"shared data is not at {SHARED}")


@pytest.fixture(scope="module")
def haar() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def london() -> Photo:
    if not SHARED.is_dir():
        pytest.skip(f"shared data is not at {SHARED}")
    return load_photo((LONDON / "001_03.jpg").read_bytes())


def test_no_face_offers_the_whole_picture(haar: FaceDetector) -> None:
    y, x = np.mgrid[0:300, 0:300]
    gradient = np.stack([x * 255 // 300, y * 255 // 300, (x + y) % 256], -1).astype(np.uint8)
    with pytest.raises(NoFaceError, match="whole picture"):
        find_faces(Photo(gradient), haar)


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("name", ["haar", "yunet"])
def test_real_faces_are_found_once(name: str) -> None:
    detector = FaceDetector(YUNET if name == "yunet" else None)
    assert detector.name == name
    paths = [*sorted(LONDON.glob("*.jpg"))[::12], *sorted(RAVDESS.glob("*.jpg"))[::4]]
    for path in paths:
        photo = load_photo(path.read_bytes())
        boxes = find_faces(photo, detector)
        assert len(boxes) == 1, path.name
        width = photo.pixels.shape[1]
        assert 0.3 < (boxes[0].right - boxes[0].left) / width < 0.8
        assert abs((boxes[0].left + boxes[0].right) / 2 / width - 0.5) < 0.1


@pytest.mark.slow
@needs_data
def test_both_detectors_give_nearly_the_same_crop(haar: FaceDetector) -> None:
    yunet = FaceDetector(YUNET)
    for path in sorted(RAVDESS.glob("*.jpg")):
        photo = load_photo(path.read_bytes())
        a, b = haar.find(photo)[0], yunet.find(photo)[0]
        side = a.right - a.left
        assert abs((b.right - b.left) / side - 1) < 0.15, path.name
        assert abs(a.left + a.right - b.left - b.right) / 2 < 0.1 * side, path.name
        assert abs(a.top + a.bottom - b.top - b.bottom) / 2 < 0.1 * side, path.name


@needs_data
def test_the_environment_names_yunet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VCLIP_YUNET", str(YUNET))
    assert FaceDetector().name == "yunet"
    monkeypatch.setenv("VCLIP_YUNET", str(tmp_path / "missing.onnx"))
    assert FaceDetector().name == "haar"


@pytest.mark.slow
@needs_data
def test_tight_crops_are_found(haar: FaceDetector) -> None:
    paths = sorted((SHARED / "faces" / "utk").glob("*.jpg"))[::300]
    found = [len(haar.find(load_photo(path.read_bytes()))) for path in paths]
    assert np.mean(np.array(found) == 1) > 0.9


def test_several_faces_come_largest_first(haar: FaceDetector, london: Photo) -> None:
    small = np.asarray(Image.fromarray(london.pixels).resize((400, 400)))
    scene = np.full((675, 1100, 3), 200, np.uint8)
    scene[100:500, :400] = small
    scene[:, 425:] = london.pixels
    boxes = haar.find(Photo(scene))
    assert len(boxes) == 2
    assert boxes[0].area > boxes[1].area and boxes[0].left > 425 > boxes[1].right


@pytest.mark.slow
def test_threads_may_share_a_detector(haar: FaceDetector, london: Photo) -> None:
    expected, wrong = haar.find(london), []

    def work() -> None:
        for _ in range(3):
            if haar.find(london) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
