"""A model without an association: CLIP ranks for a face or for words, and it says what it is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from toy_clip import F, make_clip
from toy_zero_shot import make_zero_shot

from vclip.__main__ import main
from vclip.association import zero_shot
from vclip.association.model import Association, AssociationConfig, save_association
from vclip.association.zero_shot import TEMPLATES, speaker_profiles
from vclip.errors import InputError, ModelError, TextError
from vclip.face.clip import ClipImageEncoder, ClipTextEncoder
from vclip.face.photo import Photo
from vclip.models.clip_folder import OPENAI_CLIP, clip_hash
from vclip.models.directory import MODELS, ModelDirectory
from vclip.models.download import sha256
from vclip.pipeline import FaceResult, FaceToVoice
from vclip.recipes.generation import assemble

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_zero_shot(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def model(directory: Path) -> FaceToVoice:
    return FaceToVoice.from_pretrained(str(directory))


@pytest.fixture(scope="module")
def seen(model: FaceToVoice) -> FaceResult:
    pixels = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    return model.look(Photo(pixels), whole=True)


def words(directory: Path) -> dict[str, str]:
    with np.load(directory / "bank.npz") as bank:
        described = [person.describe() for person in speaker_profiles(bank)]
        return dict(zip(bank["speaker_ids"].tolist(), described, strict=True))


def test_it_says_what_it_is(model: FaceToVoice) -> None:
    assert model.zero_shot and model.describe()["zero_shot"] is True
    assert json.loads(json.dumps(model.describe())) == model.describe()
    assert "association" not in model.weights


def test_a_face_is_ranked_as_clip_ranks_descriptions(
    directory: Path, model: FaceToVoice, seen: FaceResult
) -> None:
    """Against the arithmetic done by hand, one prompt at a time."""
    texts = ClipTextEncoder(directory / "clip")
    features = ClipImageEncoder(directory / "clip").encode(seen.image[None])[0]
    image = features / np.linalg.norm(features)
    np.testing.assert_allclose(seen.image_emb, image, atol=1e-6)
    naive = {}
    for speaker, description in words(directory).items():
        each = [texts.encode([template.format(description)])[0] for template in TEMPLATES]
        mean = np.sum([row / np.linalg.norm(row) for row in each], axis=0)
        naive[speaker] = float(mean @ image / np.linalg.norm(mean))
    found = model.candidates(seen, 5, "bank")
    assert {c.speaker_id: pytest.approx(c.score, abs=1e-5) for c in found} == naive
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_a_speaker_s_own_description_finds_them(directory: Path, model: FaceToVoice) -> None:
    for speaker, description in words(directory).items():
        best = model.candidates(model.read(f" {description} "), 1, "bank")[0]
        assert best.speaker_id == speaker and best.score == pytest.approx(1, abs=1e-5)
        assert best.rank == 1 and best.source == "bank"


def test_all_ways_to_make_a_voice_go_on(model: FaceToVoice, seen: FaceResult) -> None:
    read = model.read("an old man")
    for found in (model.candidates(seen, 4), model.candidates(read, 4, "generated", 7)):
        assert [c.rank for c in found] == [1, 2, 3, 4]
        for candidate in found:
            assert np.linalg.norm(candidate.voice_emb) == pytest.approx(1, abs=1e-5)
            assert candidate.voice_emb.shape == (F,)
    for name in ("near(p1;0;3)", "blend(p1;p2;0.25)", "move(p1;1,0,0,-2)"):
        assert -1 <= model.candidate(name, seen).score <= 1
    assert model.candidate("p1", read).score == pytest.approx(
        float(read.image_emb @ model.bank.voice_emb[model.bank.index("p1")])
    )
    assert model.speak("Hello.", found[0]).seconds > 0.1
    assert model.explain(found[0], seen).percentile is None  # it has no reference faces


def test_what_cannot_be_asked_of_it(model: FaceToVoice) -> None:
    with pytest.raises(TextError, match="empty"):
        model.read(" ")
    with pytest.raises(TextError, match="too long"):
        model.read("x " * 100)


def test_a_trained_association_goes_before_the_bridge(tmp_path: Path) -> None:
    directory = make_zero_shot(tmp_path)
    heads = Association(AssociationConfig(F))
    save_association(directory / "association.safetensors", heads, {})
    description = json.loads((directory / "vclip.json").read_text())
    path = directory / "association.safetensors"
    description["components"]["association"] = {"file": path.name, "sha256": sha256(path)}
    (directory / "vclip.json").write_text(json.dumps(description))
    model = FaceToVoice.from_pretrained(str(directory))
    assert not model.zero_shot and model.describe()["zero_shot"] is False
    with pytest.raises(ModelError, match="knows faces, not words"):
        model.read("a man")


def test_without_an_association_and_without_a_clip(tmp_path: Path) -> None:
    encoder = {"file": "face_encoder.safetensors", "sha256": "?"}
    directory = make_zero_shot(tmp_path, image_encoder=encoder)
    with pytest.raises(ModelError, match="names no association"):
        FaceToVoice.from_pretrained(str(directory))


def test_a_clip_is_of_the_hub_or_within_the_directory(tmp_path: Path) -> None:
    def opened(**entry: str) -> ModelDirectory:
        return ModelDirectory(tmp_path, {"name": "x", "components": {"image_encoder": entry}})

    hub = opened(clip="openai/clip-vit-base-patch32", revision="c" * 40)
    assert hub.clip("image_encoder") == "openai/clip-vit-base-patch32@" + "c" * 40
    assert opened(clip="here").clip("image_encoder") == str(tmp_path / "here")
    assert opened(file="x").clip("image_encoder") is None
    for outside in ("../x", "/etc"):
        with pytest.raises(ModelError, match="leads out"):
            opened(clip=outside).clip("image_encoder")


def test_the_shipped_description_is_what_assemble_writes() -> None:
    shipped = json.loads((MODELS / "zero-shot" / "vclip.json").read_text())
    assert shipped == assemble.describe(MODELS / "zero-shot")
    opened = ModelDirectory.open("zero-shot")
    assert opened.clip("image_encoder") == OPENAI_CLIP and not opened.has("association")
    for name in opened.components.keys() - {"image_encoder"}:
        assert opened.file(name).is_file()
    with np.load(opened.file("bank"), allow_pickle=False) as bank:
        described = {person.describe() for person in speaker_profiles(bank)}
    assert {"a woman", "a man"} <= described


def test_a_clip_of_the_hub_in_a_directory_of_one_s_own(directory: Path) -> None:
    spec = f"someone/clip@{'0' * 40}"
    told = assemble.describe(directory, spec)["components"]
    assert told["image_encoder"]["clip"] == "someone/clip" and told["image_encoder"]["licence"]
    with pytest.raises(InputError, match="40 hex digits"):
        assemble.describe(directory, "someone/clip@main")


def test_a_clip_of_the_directory_is_pinned_by_its_hash(tmp_path: Path) -> None:
    directory = make_zero_shot(tmp_path)
    assert assemble.main(["--directory", str(directory), "--clip", "clip"]) == 0
    entry = json.loads((directory / "vclip.json").read_text())["components"]["image_encoder"]
    assert entry["clip"] == "clip" and entry["sha256"] == clip_hash(directory / "clip")
    model = FaceToVoice.from_pretrained(str(directory))
    assert model.zero_shot and model.weights["image_encoder"] == entry["sha256"]
    make_clip(directory / "clip", seed=1)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        FaceToVoice.from_pretrained(str(directory))


def test_on_the_command_line(
    directory: Path, model: FaceToVoice, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["candidates", "--describe", "an old man", "--model", str(directory)]
    assert main([*asked, "-k", "3", "--seed", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    read = model.read("an old man")
    assert answer["zero_shot"] is True and answer["face"] == read.as_dict()
    assert read.as_dict() == {"box": [0, 0, 0, 0], "detector": "words", "faces": 0}
    assert answer["candidates"] == [c.as_dict() for c in model.candidates(read, 3, seed=2)]
    assert main(asked) == 0
    assert "zero-shot" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["candidates"], "either a photo"),
        (["candidates", "x.png", "--describe", "a man"], "either a photo"),
        (["candidates", "--describe", " "], "empty"),
        (["candidates", "--describe", "a man", "--model", "bundled"], "knows faces, not words"),
    ],
)
def test_wrong_questions_on_the_command_line(
    directory: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    model = [] if "--model" in argv else ["--model", str(directory)]
    assert main([*argv, *model]) == 2
    assert told in capsys.readouterr().err


def test_prompts_name_no_one(model: FaceToVoice, seen: FaceResult) -> None:
    """What is told of candidates holds no word of what their speakers were described as."""
    told = json.dumps([c.as_dict() for c in model.candidates(seen, 5)] + [model.describe()])
    assert not set(re.findall(r"\w+", told)) & {*zero_shot.NOUNS.values(), "person", "old"}
