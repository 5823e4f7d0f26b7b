"""From media to voices for a face, recipe by recipe, in a world whose truth is known.

It proves that the association finds what was planted and no more, that it finds nothing where
faces and voices were shuffled, and that the same seed gives the same bytes all the way.
"""

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_world
from PIL import Image
from safetensors.torch import save_file
from tiny_encoders import coqui_hasp, save_coqui
from toy_model import make_vits

from vclip.face.encoder import SmallFaceEncoder
from vclip.pipeline import FaceToVoice
from vclip.recipes.association import train
from vclip.recipes.data import features, prepare
from vclip.recipes.evaluation import association
from vclip.recipes.generation import assemble, build_bank, distill, fit_gmm

pytestmark = pytest.mark.slow

SHARE = 0.9  # of people whose face and voice were made to agree
FIT = ["--steps", "160", "--batch", "128", "--check-every", "20", "--couplings", "2"]
FIT += ["--coupling-hidden", "32", "--image-hidden", "32", "--logit-scale", "1.5"]


def face_encoder(path: Path) -> None:
    """Untrained: what was planted is in the pictures' colours, which any layers let through."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = SmallFaceEncoder(toy_world.SIDE, (8, 8, 16), (1, 1))
    header = {"vclip": json.dumps({"architecture": encoder.architecture})}
    save_file(encoder.state_dict(), path, header)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frozen encoders, and the media of people to train on and of others to be judged by."""
    folder = tmp_path_factory.mktemp("world")
    face_encoder(folder / "face_encoder.safetensors")
    save_coqui(folder / "hasp.pth", coqui_hasp(dimension=32))
    toy_world.voxceleb2(folder / "known", 240, SHARE, seed=0)
    toy_world.voxceleb2(folder / "others", 160, SHARE, seed=1)
    return folder


def voice_encoder(world: Path) -> list[str]:
    return ["--voice-encoder", f"hasp:{world / 'hasp.pth'}"]


def seen_and_heard(world: Path, out: Path, name: str) -> None:
    """prepare → features: NAME.csv and the shards in NAME."""
    manifest = out / f"{name}.csv"
    listed = ["voxceleb2", "--root", str(world / name), "--held-out", "40", "--out", str(manifest)]
    assert prepare.main(listed) == 0
    encoders = ["--image-encoder", str(world / "face_encoder.safetensors"), *voice_encoder(world)]
    options = ["--out", str(out / name), "--crop", "whole", "--shard-size", "100"]
    assert features.main(["--pairs", str(manifest), *options, *encoders]) == 0


def fit(out: Path, pairs: Path, heads: Path) -> None:
    """train."""
    options = ["--pairs", str(pairs), "--features", str(out / "known"), "--out", str(heads)]
    assert train.main([*options, *FIT]) == 0


def speaking(world: Path, model: Path) -> None:
    """bank → generation → distill → assemble, beside the heads, for a VITS in miniature."""
    make_vits(model)
    encoder = (world / "face_encoder.safetensors").read_bytes()
    (model / "face_encoder.safetensors").write_bytes(encoder)
    heard = ["--directory", str(model), *voice_encoder(world)]
    assert build_bank.main([*heard, "--n-sentences", "1"]) == 0
    assert fit_gmm.main(["--directory", str(model), "--n-components", "2"]) == 0
    few = ["--n-draws", "12", "--held-out", "4", "--epochs", "3"]
    assert distill.main([*heard, *few]) == 0
    assert assemble.main(["--directory", str(model)]) == 0


def whole_chain(world: Path, out: Path) -> Path:
    """Every recipe, run in the folder with all that they write: commands are kept with weights."""
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(out)
        here, model = Path(), Path("model")
        for name in ("known", "others"):
            seen_and_heard(world, here, name)
        model.mkdir()
        fit(here, Path("known.csv"), model / "association.safetensors")
        speaking(world, model)
    return out


@pytest.fixture(scope="module")
def made(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recipes wrote."""
    return whole_chain(world, tmp_path_factory.mktemp("made"))


def judged(made: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """evaluate: AUC of people that nobody trained on, with its interval."""
    capsys.readouterr()
    asked = ["--pairs", str(made / "others.csv"), "--features", str(made / "others")]
    assert association.main([*asked, "--model", str(model), "--draws", "300", "--json"]) == 0
    auc: dict[str, float] = json.loads(capsys.readouterr().out)["association"]["auc"]
    return auc


def shuffled(pairs: Path, to: Path) -> Path:
    """The manifest with every voice given to somebody else's face of the same split."""
    with pairs.open() as file:
        rows = list(csv.DictReader(file))
    for split in ("train", "dev"):
        mine = [row for row in rows if row["split"] == split]
        order = np.random.default_rng(0).permutation(len(mine))
        voices = [mine[i]["voice"] for i in order]
        for row, voice in zip(mine, voices, strict=True):
            row["voice"] = voice
    with to.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return to


def test_what_was_planted_is_found(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    auc = judged(made, made / "model", capsys)
    assert auc["low"] < toy_world.planted_auc(SHARE) < auc["high"]
    assert auc["high"] - auc["low"] < 0.08


def test_shuffled_pairs_teach_nothing(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(
        made,
        shuffled(made / "known.csv", made / "shuffled.csv"),
        tmp_path / "association.safetensors",
    )
    auc = judged(made, tmp_path, capsys)
    assert auc["low"] < 0.5 < auc["high"]


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seeds_give_the_same_bytes(world: Path, made: Path, tmp_path: Path) -> None:
    again = contents(whole_chain(world, tmp_path) / "model")
    assert again == contents(made / "model") and len(again) >= 8


def test_a_face_gets_voices(made: Path) -> None:
    """Another look, another order; what is offered can be spoken with."""
    model = FaceToVoice.from_pretrained(str(made / "model"))
    rng, found = np.random.default_rng(0), []
    for look in range(toy_world.KINDS):
        photo = io.BytesIO()
        Image.fromarray(toy_world.picture(look, rng)).resize((128, 128)).save(photo, "PNG")
        found.append(model.candidates(model.look(photo.getvalue(), whole=True), k=5, seed=0))
    assert len({tuple(c.speaker_id for c in voices) for voices in found}) > 1
    assert {c.source for voices in found for c in voices} <= {"bank", "generated"}
    assert len(model.speak("A word.", found[0][0]).wav) > 0
