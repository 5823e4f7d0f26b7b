"""The coqui adapter: the speaker's scale is kept, seeds decide, requests do not leak."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_model import N_CHANNELS, SPEAKERS, make_vits

from vclip.errors import ModelError, TextError
from vclip.tts import CoquiVits

TEXT = "Good morning."


@pytest.fixture(scope="module")
def vits(tmp_path_factory: pytest.TempPathFactory) -> CoquiVits:
    return CoquiVits.load(make_vits(tmp_path_factory.mktemp("vits")))


def test_a_row_through_the_adapter_is_that_speaker_id(vits: CoquiVits) -> None:
    """Coqui L2-normalises d_vectors; the adapter must not (style.md §3)."""
    for speaker_id in ("c2", "p3"):
        row = vits.speaker_embeddings[vits.speaker_ids.index(speaker_id)]
        ours = vits.synthesize(TEXT, row, seed=5).wav
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(5)
            inputs = {"speaker_ids": torch.tensor([SPEAKERS.index(speaker_id)]), "x_lengths": None}
            coqui = vits._model.inference(torch.tensor([vits.to_ids(TEXT)]), inputs)
        np.testing.assert_array_equal(ours, coqui["model_outputs"][0, 0].clamp(-1, 1).numpy())


def test_scale_matters(vits: CoquiVits) -> None:
    row = vits.speaker_embeddings[0]
    long, unit = (vits.synthesize(TEXT, x, 0).wav for x in (row, row / np.linalg.norm(row)))
    assert len(long) != len(unit) or not np.allclose(long, unit)


def test_same_seed_same_samples_and_the_global_generator_is_left_alone(vits: CoquiVits) -> None:
    state, row = torch.get_rng_state(), vits.speaker_embeddings[0]
    first, again, other = (vits.synthesize(TEXT, row, seed).wav for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_nothing_of_a_request_stays_in_the_model(vits: CoquiVits) -> None:
    before = {key: value.clone() for key, value in vits._model.state_dict().items()}
    vits.synthesize(TEXT, np.full(N_CHANNELS, 3.0, dtype=np.float32), seed=0)
    after = vits._model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_requests_at_once_equal_requests_in_turn(vits: CoquiVits) -> None:
    jobs = [(row, seed) for seed, row in enumerate(vits.speaker_embeddings)]
    serial = [vits.synthesize(TEXT, *job).wav for job in jobs]
    parallel: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        parallel[i] = vits.synthesize(TEXT, *jobs[i]).wav

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, wav in enumerate(serial):
        np.testing.assert_array_equal(parallel[i], wav)


def test_hidden_speakers_are_not_offered(vits: CoquiVits) -> None:
    assert vits.speaker_ids == ["c1", "c2", "p1", "p2", "p3"]
    assert vits.speaker_embeddings.shape == (5, N_CHANNELS)


def test_sound_is_float32_within_bounds(vits: CoquiVits) -> None:
    speech = vits.synthesize(TEXT, vits.speaker_embeddings[0], 0)
    assert speech.wav.dtype == np.float32 and np.abs(speech.wav).max() <= 1
    assert len(speech.wav) % 256 == 0 and speech.seconds == len(speech.wav) / 22050


def test_unspeakable_text_and_broken_directories(vits: CoquiVits, tmp_path: Path) -> None:
    with pytest.raises(TextError, match="nothing"):
        vits.synthesize("?!", vits.speaker_embeddings[0], 0)
    with pytest.raises(ModelError, match=r"vits\.json"):
        CoquiVits.load(tmp_path)
    make_vits(tmp_path)
    text = (tmp_path / "vits.json").read_text()
    (tmp_path / "vits.json").write_text(
        text.replace('"num_layers_flow": 1', '"num_layers_flow": 2')
    )
    with pytest.raises(ModelError):
        CoquiVits.load(tmp_path)
