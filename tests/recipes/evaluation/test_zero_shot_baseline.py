"""The bridge in the evaluations: planted faces, ties counted half, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import write_features
from toy_clip import make_clip
from toy_protocols import write_p1
from toy_zero_shot import make_zero_shot

from vclip.association import zero_shot
from vclip.association.model import Association, AssociationConfig, save_association
from vclip.association.zero_shot import SpeakerProfile, ZeroShotHeads
from vclip.errors import DataError, ModelError
from vclip.face.clip import ClipTextEncoder
from vclip.models.clip_folder import clip_hash
from vclip.recipes.data.manifest import read_pairs
from vclip.recipes.data.shards import MediaReport, PairFeatures
from vclip.recipes.evaluation import association, protocols, zero_shot_baseline
from vclip.recipes.evaluation.model_features import load_heads
from vclip.recipes.metrics.verification import auc

PEOPLE = {f"p{i}": SpeakerProfile("FM"[i % 2], 20 + i % 4) for i in range(16)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP; a manifest; shards whose faces lie near their person's description."""
    path = tmp_path_factory.mktemp("planted")
    make_clip(path / "clip")
    lines = ["person,face,voice,sex,age"]
    lines += [f"{n},{n}.png,{n}.wav,{p.sex},{p.age}" for n, p in PEOPLE.items()]
    (path / "pairs.csv").write_text("\n".join(lines) + "\n")
    plant(path, path / "features", [(f"{n}.png", f"{n}.wav", p) for n, p in PEOPLE.items()])
    return path


def plant(folder: Path, out: Path, media: list[tuple[str, str, SpeakerProfile]]) -> Path:
    """Shards of such a CLIP; voices are noise, since nobody listens to them."""
    rows = zero_shot.embed_descriptions(
        ClipTextEncoder(folder / "clip"), [p.describe() for *_, p in media]
    )
    rng, unit = np.random.default_rng(0), np.linalg.norm(rows - rows.mean(0), axis=1).mean()
    noise = 0.02 * unit * rng.normal(size=rows.shape)
    faces = {face: 7 * row for (face, _, _), row in zip(media, rows + noise, strict=True)}
    voices = {voice: rng.normal(size=256) for _, voice, _ in media}
    write_features(out, {"faces": faces, "voices": voices})
    about = json.loads((out / "features.json").read_text())
    digest = clip_hash(folder / "clip")
    about["faces"] |= {"spec": str(folder / "clip"), "weights_sha256": digest}
    (out / "features.json").write_text(json.dumps(about))
    return out


def pair_options(folder: Path, model: Path) -> list[str]:
    options = f"--pairs {folder}/pairs.csv --features {folder}/features --model {model}"
    return [*options.split(), "--draws", "20", "--json", "--zero-shot"]


def test_scores_are_those_of_each_pair_alone(folder: Path) -> None:
    encoder = ClipTextEncoder(folder / "clip")
    image = np.random.default_rng(1).normal(size=(16, encoder.dimension)).astype(np.float32)
    pairs = read_pairs(folder / "pairs.csv")
    found = zero_shot_baseline.pair_scores(
        PairFeatures(pairs, list(image[:, None]), list(image[:, None]), MediaReport()),
        PEOPLE,
        encoder,
    )
    for i in (0, 7):
        for j in (3, 7, 15):
            description = PEOPLE[pairs[j].person].describe()
            words = zero_shot.embed_descriptions(encoder, [description])[0]
            cosine = image[i] @ words / np.linalg.norm(image[i])
            assert found[i, j] == pytest.approx(float(cosine), abs=1e-6)
    assert (found[:, 0] == found[:, 4]).all()  # alike in words, to the last bit


def test_manifests_and_metadata_describe(folder: Path, tmp_path: Path) -> None:
    assert zero_shot_baseline.read_manifest(folder / "pairs.csv") == PEOPLE
    meta = write_p1(tmp_path) / "vox1_meta.csv"
    found = zero_shot_baseline.read_meta(meta)
    assert found["id00000"] == SpeakerProfile("M", country="Nowhere")
    assert found["id00001"].describe() == "a woman from Nowhere" and len(found) == 12
    meta.write_text("VoxCeleb1 ID\tGender\nid1\tm\n")
    with pytest.raises(DataError, match="not vox1_meta"):
        zero_shot_baseline.read_meta(meta)


def test_the_table_recovers_what_was_planted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """16 people in 4 groups that words tell apart; those of one group tie, which counts half."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_association(
            tmp_path / "association.safetensors", Association(AssociationConfig(12)), {}
        )
    assert association.main(pair_options(folder, tmp_path)) == 0
    found = json.loads(capsys.readouterr().out)
    ties, rivals = 3, 15  # of 15 others 3 have one's description
    assert found["zero_shot"]["auc"]["value"] == pytest.approx(1 - ties / rivals / 2, abs=0.02)
    assert 0.2 < found["association"]["auc"]["value"] < 0.8  # untrained
    options = [option for option in pair_options(folder, tmp_path) if option != "--json"]
    assert association.main(options) == 0
    assert "zero-shot bridge" in capsys.readouterr().out


def test_shuffled_people_are_chance(folder: Path) -> None:
    encoder, pairs = ClipTextEncoder(folder / "clip"), read_pairs(folder / "pairs.csv")
    image = zero_shot.embed_descriptions(
        encoder, [PEOPLE[pair.person].describe() for pair in pairs]
    )
    features = PairFeatures(pairs, list(image[:, None]), list(image[:, None]), MediaReport())
    names = list(PEOPLE)
    aucs = []
    for seed in range(30):
        order = np.random.default_rng(seed).permutation(16)
        others = {name: PEOPLE[names[i]] for name, i in zip(names, order, strict=True)}
        scores = zero_shot_baseline.pair_scores(features, others, encoder)
        aucs.append(auc(scores.ravel(), np.eye(16, dtype=bool).ravel()))
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.06)  # 0.02 is its standard error


def test_a_protocol_under_the_bridge(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = write_p1(tmp_path / "lists", n_people=12)
    people = zero_shot_baseline.read_meta(lists / "vox1_meta.csv")
    protocol, _ = protocols.read("p1", lists)
    seen, heard = protocol.media("face"), protocol.media("voice")
    media = [
        (f"{face}.jpg", f"{voice}.wav", people[face.split("/")[0]])
        for face, voice in zip(sorted(seen), sorted(heard), strict=True)
    ]
    plant(folder, tmp_path / "features", media)
    options = f"--protocol p1 --lists {lists} --features {tmp_path}/features --draws 20 --zero-shot"
    assert association.main([*options.split(), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "zero-shot bridge" and told["protocol"] == "P1"
    values = {
        (x["what"], x["figure"]): x["estimate"]["value"]
        for x in told["lines"]
        if "drawn here" not in x["name"] and "retrieval" not in x["name"]
    }
    # neighbours are of two sexes, so every listed trial can be told by words
    assert values["verification", "AUC"] == values["voice to face", "accuracy"] == 1


def test_a_model_without_an_association_is_its_bridge(folder: Path, tmp_path: Path) -> None:
    """Then the voice is heard: a ridge regression says which description it would have."""
    heads = load_heads(make_zero_shot(tmp_path / "m"))
    assert isinstance(heads, ZeroShotHeads)
    assert (heads.image_dimension, heads.voice_dimension) == (12, 256)
    with pytest.raises(ModelError):
        load_heads(tmp_path)
    save_association(
        tmp_path / "m" / "association.safetensors", Association(AssociationConfig(12)), {}
    )
    assert isinstance(load_heads(tmp_path / "m"), Association)


def test_features_that_the_bridge_cannot_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for spec in ("bundled", "x.safetensors"):
        with pytest.raises(DataError, match="image features of a CLIP"):
            zero_shot_baseline.text_encoder({"spec": spec})
    make_clip(tmp_path / "other", seed=1)
    with pytest.raises(DataError, match="another CLIP"):
        zero_shot_baseline.text_encoder({"spec": str(tmp_path / "other"), "weights_sha256": "?"})
    save_association(tmp_path / "association.safetensors", Association(AssociationConfig(12)), {})
    options = ["--pairs", str(folder / "pairs.csv"), "--model", str(tmp_path), "--zero-shot"]
    assert association.main(options) == 2
    assert "needs the --features" in capsys.readouterr().err
    assert association.main(["--pairs", str(folder / "pairs.csv"), "--model", "zero-shot"]) == 2
    assert "give its --features" in capsys.readouterr().err
