"""The bench of features: its clips are what it says, and its table adds up."""

import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vclip.face.detector import FaceDetector
from vclip.recipes.bench import features
from vclip.recipes.data.clips import read_picture, read_voice


def test_clips_are_like_voxceleb2_s_and_show_a_face(tmp_path: Path) -> None:
    path = features.write_clip(tmp_path / "a.mp4", np.random.default_rng(0))
    with av.open(str(path)) as container:
        (video,) = container.streams.video
        assert (video.codec.name, video.width, video.average_rate) == ("h264", 224, 25)
        assert float(video.duration * video.time_base) == pytest.approx(7.8, abs=0.05)
        assert container.streams.audio[0].codec.name == "aac"
    wav, rate = read_voice(path)
    assert rate == 16000 and len(wav) == pytest.approx(7.8 * rate, abs=2048)
    assert len(FaceDetector().find(read_picture(path))) == 1


def test_times_are_of_one_item_without_the_first() -> None:
    def work(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    if torch.cuda.is_available():
        pytest.skip("with a GPU the times are of the clock")
    assert features.timed(work, [0.5, 0.02, 0.02, 0.02]) == pytest.approx(0.02, rel=0.5)


def test_the_table_tells_what_all_of_voxceleb2_costs() -> None:
    lines = features.table({"a step": 0.01}).splitlines()
    assert lines[-1].split() == ["a", "step", "10.0", "100.0", "3.0", "h"]
