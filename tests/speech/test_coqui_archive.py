"""`--model vctk` from the zip to speech, without the network: a tiny VITS in coqui's own archive.

A local server gives the zip under the names of the published model, "ED" and line break included;
bank and description are the shipped ones.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import toy_archive
from file_server import Behaviour, closed_port, serving
from PIL import Image

import app
from vclip import __main__ as cli
from vclip import audio
from vclip.face.photo import Photo
from vclip.models import directory as weights
from vclip.models import download
from vclip.models.directory import BUNDLED, MODELS
from vclip.pipeline import FaceToVoice
from vclip.recipes.data.acoustics import pitch
from vclip.recipes.generation import assemble, distill, fit_gmm
from vclip.speech.vits import CoquiVits

SHIPPED = MODELS / "vctk"
FOLDER = "tts_models--en--vctk--vits"


@dataclass
class Setting:
    """A folder of models whose vctk is fetched from `behaviour`'s server."""

    models: Path
    cache: Path
    behaviour: Behaviour
    photo: Path

    def point_to(self, url: str) -> None:
        """Let the description name another address."""
        path = self.models / "vctk" / "vclip.json"
        described = json.loads(path.read_text())
        digest = hashlib.sha256(self.behaviour.body).hexdigest()
        described["components"]["synthesizer"] |= {"url": url, "sha256": digest}
        path.write_text(json.dumps(described))

    def synthesizer(self) -> dict[str, str]:
        """The description's entry of it."""
        described = json.loads((self.models / "vctk" / "vclip.json").read_text())
        entry: dict[str, str] = described["components"]["synthesizer"]
        return entry


class LoudnessOnly:
    """A voice encoder that is cheap."""

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        features = np.full(256, 1.0 + np.abs(wav).mean(), dtype=np.float32)
        return features / np.linalg.norm(features)


def bank_ids() -> list[str]:
    with np.load(SHIPPED / "bank.npz", allow_pickle=False) as bank:
        return list(bank["speaker_ids"].tolist())


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The zip, its files in a folder as coqui packs them."""
    folder = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_archive, "NAMES", ["ED\n", *bank_ids()])
        toy_archive.make_archive(folder / FOLDER)
    with zipfile.ZipFile(folder / "toy.zip", "w") as file:
        for path in sorted((folder / FOLDER).iterdir()):
            file.write(path, f"{FOLDER}/{path.name}")
    return (folder / "toy.zip").read_bytes()


@pytest.fixture
def setting(tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    shutil.copytree(SHIPPED, tmp_path / "models" / "vctk")
    (tmp_path / "models" / "bundled").symlink_to(BUNDLED)
    Image.new("RGB", (120, 140), (150, 110, 90)).save(tmp_path / "photo.png")
    monkeypatch.setattr(weights, "MODELS", tmp_path / "models")
    monkeypatch.setattr(download, "WAIT", 0.0)
    monkeypatch.setenv("VCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Setting(tmp_path / "models", tmp_path / "cache", Behaviour(body), tmp_path / "photo.png")
    with serving(made.behaviour) as url:
        made.point_to(url)
        yield made


def test_fetched_once_then_speaks_in_known_and_new_voices(setting: Setting) -> None:
    setting.behaviour.cut_at = [len(setting.behaviour.body) // 2]  # the network drops out once
    model = FaceToVoice.from_pretrained("vctk")
    assert model.model == "vctk" and model.bank.speaker_ids == bank_ids()
    assert len(setting.behaviour.asked) == 2 and setting.behaviour.asked[1].startswith("bytes=")
    seen = model.look(Photo(np.asarray(Image.open(setting.photo))), whole=True)
    for source in ("bank", "generated"):
        voice = model.candidates(seen, 1, source, seed=3)[0]
        speech = model.speak("Good morning.", voice)
        assert speech.sample_rate == 22050 and 0.1 < speech.seconds < 20
        assert np.isfinite(speech.wav).all() and np.abs(speech.wav).max() > 0
    setting.point_to(closed_port().replace("/toy", "/moved/toy"))  # needs no network any more
    again = FaceToVoice.from_pretrained("vctk")
    assert len(setting.behaviour.asked) == 2
    np.testing.assert_array_equal(again.sampled_voice_emb(3), model.sampled_voice_emb(3))


def test_rows_of_the_table_go_to_the_bank_by_name(setting: Setting) -> None:
    """Row 0 is nobody's ("ED"), so p225 is row 1 of coqui's table, and ED is never offered."""
    model = FaceToVoice.from_pretrained("vctk")
    vits = CoquiVits.load(weights.ModelDirectory.open("vctk").folder("synthesizer"))
    first = model.candidate("p225").speaker_embedding
    np.testing.assert_array_equal(first, vits.speaker_embeddings[1])
    assert len(vits.speaker_ids) == len(model.bank) + 1
    assert "ED" not in model.bank.speaker_ids


@pytest.mark.slow
def test_recipes_reach_the_fetched_weights_and_then_theirs_are_used(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GMM and signature of the recipes replace what is fitted on first use."""
    directory = str(setting.models / "vctk")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distill, "open_voice_encoder", lambda spec: (LoudnessOnly(), "hash"))
    assert fit_gmm.main(["--directory", directory, "--n-components", "2"]) == 0
    options = ["--n-draws", "3", "--held-out", "1", "--epochs", "1"]
    assert distill.main(["--directory", directory, *options]) == 0
    monkeypatch.setitem(assemble.VCTK, "synthesizer", setting.synthesizer())
    assert assemble.main(["--directory", directory]) == 0
    described = json.loads((setting.models / "vctk" / "vclip.json").read_text())
    assert {"generation", "signature"} <= described["components"].keys()
    assert FaceToVoice.from_pretrained("vctk").model == "vctk"
    assert not (setting.cache / "fitted").exists()


def test_command_line(setting: Setting, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["candidates", str(setting.photo), "--whole", "--model", "vctk", "-k", "3", "--json"]
    assert cli.main(argv) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["model"] == "vctk" and "100%" in printed.err


def test_without_a_network_both_programs_name_the_bundled_model(
    setting: Setting, capsys: pytest.CaptureFixture[str]
) -> None:
    setting.point_to(closed_port())
    assert cli.main(["candidates", str(setting.photo), "--whole", "--model", "vctk"]) == 2
    assert app.main(["--port", "0", "--model", "vctk"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("vclip: cannot reach 127.0.0.1") for line in lines)
    assert all("--model bundled" in line for line in lines)


def test_a_page_instead_of_the_archive(
    setting: Setting, capsys: pytest.CaptureFixture[str]
) -> None:
    setting.behaviour.body = b"<html>please sign in</html>"
    assert cli.main(["candidates", str(setting.photo), "--whole", "--model", "vctk"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "SHA-256" in last and "not used" in last


def test_the_description_is_what_the_recipe_writes() -> None:
    described = json.loads((SHIPPED / "vclip.json").read_text())
    assert described == assemble.describe(SHIPPED)
    assert all(entry["licence"] for entry in described["components"].values())


def test_the_address_is_coqui_s_own() -> None:
    listed = json.loads(resources.files("TTS").joinpath(".models.json").read_text())
    item = listed["tts_models"]["en"]["vctk"]["vits"]
    assert item["github_rls_url"] == assemble.VCTK["synthesizer"]["url"]


def test_the_shipped_bank(shared: Path) -> None:
    with np.load(SHIPPED / "bank.npz", allow_pickle=False) as bank:
        ids, f0, sex = bank["speaker_ids"].tolist(), bank["f0"], bank["sex"]
        assert len(set(ids)) == 108 and all(s.startswith("p") for s in ids)
        np.testing.assert_allclose(np.linalg.norm(bank["voice_features"], axis=1), 1, atol=1e-5)
    assert set(sex.tolist()) == {"F", "M"}
    assert np.mean((f0 > 165) == (sex == "F")) > 0.95
    for speaker in ("p225", "p226"):
        paths = sorted((shared / "voices/coqui-vctk").glob(f"c{speaker[1:]}_*.ogg"))
        heard = [pitch(*audio.load_wav(path)) for path in paths]
        assert len(paths) == 7
        assert np.median(np.concatenate(heard)) == pytest.approx(f0[ids.index(speaker)], rel=1e-3)
