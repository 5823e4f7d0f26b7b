"""The recipes that make bank, generation, signature and description, on a miniature model."""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_model import make_model, make_vits

from vclip.errors import DataError
from vclip.pipeline import FaceToVoice
from vclip.recipes.generation import assemble, build_bank, distill, fit_gmm
from vclip.recipes.generation.spoken_features import SENTENCES, heard
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import CoquiVits

pytestmark = pytest.mark.slow


class Bands:
    """A voice encoder that is cheap: energies of 256 frequency bands; counts its calls."""

    sample_rate, dimension, min_seconds = 22050, 256, 0.1
    calls = 0

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        type(self).calls += 1
        power = np.abs(np.fft.rfft(wav, 8192))[: 256 * 16].reshape(256, 16).mean(1)
        return (power / np.linalg.norm(power)).astype(np.float32)


@pytest.fixture(autouse=True)
def cheap_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (build_bank, distill):
        monkeypatch.setattr(module, "open_voice_encoder", lambda spec: (Bands(), "hash"))
    Bands.calls = 0


def test_heard_is_the_unit_mean_over_sentences(tmp_path: Path) -> None:
    vits = CoquiVits.load(make_vits(tmp_path))
    row = vits.speaker_embeddings[0]
    both = heard(vits, Bands(), row, SENTENCES[:2], seed=5)
    one, two = (heard(vits, Bands(), row, [SENTENCES[i]], seed=5 + i) for i in range(2))
    np.testing.assert_allclose(both, (one + two) / np.linalg.norm(one + two), atol=1e-6)


def test_the_bank_holds_every_offered_speaker(tmp_path: Path) -> None:
    directory = make_vits(tmp_path)
    build_bank.main(["--directory", str(directory), "--n-sentences", "1"])
    vits = CoquiVits.load(directory)
    with np.load(directory / "bank.npz", allow_pickle=False) as bank:
        assert bank["speaker_ids"].tolist() == vits.speaker_ids
        expected = heard(vits, Bands(), vits.speaker_embeddings[2], SENTENCES[:1], seed=0)
        np.testing.assert_allclose(bank["voice_features"][2], expected, atol=1e-6)


def test_twins_do_not_make_one_component_a_speaker_look_good() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(60, 64))
    table = np.concatenate([one, one + 0.01 * rng.normal(size=(60, 64))]).astype(np.float32)
    groups = fit_gmm.twins(table)
    assert len(set(groups)) == 60 and (groups[:60] == groups[60:]).all()
    assert fit_gmm.choose(table, seed=0) < 16


def test_held_out_likelihood_finds_the_number_of_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = 10 * rng.normal(size=(4, 5))
    table = np.concatenate([c + rng.normal(size=(40, 5)) for c in centres]).astype(np.float32)
    assert fit_gmm.choose(table, seed=0) == 4


def test_distilling_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_model(tmp_path / "model")
    config = distill.DistillSettings(directory=directory, n_draws=6, held_out=2, save_every=2)
    draws, features = distill.listen(config, tmp_path)
    assert draws.shape == (6, 16) and features.shape == (6, 256) and Bands.calls == 6
    (cache,) = tmp_path.glob("heard-*.npy")
    np.save(cache, features[:4])  # as if it had been stopped after the second save
    again = distill.listen(config, tmp_path)[1]
    assert Bands.calls == 8
    np.testing.assert_array_equal(again, features)


def test_distill_writes_a_network_that_reports_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    options = ["--n-draws", "8", "--held-out", "3", "--epochs", "2"]
    assert distill.main(["--directory", str(directory), *options]) == 0
    assert SignatureNet.load(directory / "signature.safetensors").sizes["n_voice"] == 256


def test_assemble_describes_and_refuses(tmp_path: Path) -> None:
    directory = make_model(tmp_path / "model")
    (directory / "vclip.json").unlink()
    assert assemble.main(["--directory", str(directory)]) == 0
    assert FaceToVoice.from_pretrained(str(directory)).model == "model"
    described = json.loads((directory / "vclip.json").read_text())["components"]
    assert set(described) == set(assemble.COMPONENTS)
    (directory / "bank.npz").unlink()
    with pytest.raises(DataError, match="build_bank"):
        assemble.describe(directory)
