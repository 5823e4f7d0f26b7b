"""Training of the face encoder: losses against plain formulas, views, and one real toy run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from PIL import Image

from vclip.errors import DataError
from vclip.face.encoder import SmallFaceEncoder, load_face_encoder, to_input
from vclip.face.photo import Box, Photo, crop_face
from vclip.recipes.face_encoder import face_crops, objective, train
from vclip.recipes.face_encoder.teacher import Teacher

pytestmark = pytest.mark.slow

TOY = objective.FaceEncoderConfig(
    image_size=64, width=4, deepest=1, epochs=2, batch=8, held_out=0.3
)


def toy_faces(n: int, seed: int = 0) -> face_crops.FaceCrops:
    """Pictures whose colour tells the sex and whose brightness tells the age."""
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, n), rng.uniform(20, 80, n)
    images = np.zeros((n, 96, 96, 3), np.float32)
    images[np.arange(n), :, :, 2 * sex] = (age * 2.5)[:, None, None]
    images += rng.uniform(0, 30, (n, 96, 96, 3))
    labels = (age.astype(np.float32), sex.astype(np.float32), rng.random(n).astype(np.float32))
    return face_crops.FaceCrops(images.astype(np.uint8), *labels, np.zeros((n, 0), np.float32))


def test_nt_xent_is_the_papers_sum() -> None:
    views = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    z = views.flatten(0, 1).double().numpy()
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(10):
        scores = np.exp(z @ z[i] / 0.3)
        losses.append(-np.log(scores[(i + 5) % 10] / (scores.sum() - scores[i])))
    assert objective.nt_xent(views, 0.3).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_nt_xent_prefers_twins_and_forgets_norms() -> None:
    a = torch.eye(6)
    assert objective.nt_xent(torch.stack([a, a]), 0.1) < 0.01
    assert objective.nt_xent(torch.stack([a, a.roll(1, 0)]), 0.1) > 5
    assert objective.nt_xent(torch.stack([3 * a, a]), 0.1) == objective.nt_xent(
        torch.stack([a, a]), 0.1
    )


def test_age_loss_falls_towards_the_true_age() -> None:
    years = torch.tensor([30.0, 60.0])

    def loss(guess: torch.Tensor) -> float:
        logits = -((torch.arange(101.0) - guess[:, None]) ** 2) / 18
        return objective.age_loss(logits, years, TOY).item()

    values = [loss(years + error) for error in (0, 2, 5, 20)]
    assert values == sorted(values) and values[0] < values[1]


def test_faces_without_labels_only_count_as_instances() -> None:
    answers = objective.TrainingHeads(16, 0)(
        torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    )
    unknown, nothing = torch.full((8,), face_crops.UNKNOWN), torch.zeros(8, 0)
    only = objective.total_loss(answers, unknown, unknown, nothing, TOY)
    views = torch.stack([answers.instance[:4], answers.instance[4:]])
    assert only.item() == pytest.approx(TOY.instance_weight * objective.nt_xent(views, 0.2).item())
    sex = torch.tensor([1.0, -1, -1, -1] * 2)
    assert objective.total_loss(answers, torch.full((8,), 40.0), sex, nothing, TOY) > only


def test_agreeing_with_the_teacher_is_worth_its_weight() -> None:
    answers = objective.TrainingHeads(16, 5)(
        torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    )
    unknown = torch.full((8,), face_crops.UNKNOWN)
    losses = [
        objective.total_loss(answers, unknown, unknown, taught, TOY).item()
        for taught in (2 * answers.taught.detach(), -answers.taught.detach())
    ]
    assert losses[1] - losses[0] == pytest.approx(2 * TOY.teacher_weight, rel=1e-4)


def test_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [train.rate(x, TOY) for x in np.linspace(0, 1, 101)]
    peak = int(np.argmax(rates))
    assert rates[0] == 0 and rates[-1] == pytest.approx(0)
    assert max(rates) == pytest.approx(TOY.learning_rate, rel=0.01)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_views_of_one_seed_agree_and_of_two_differ() -> None:
    image = toy_faces(1).images[0]
    views = [face_crops.augment(image, 32, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert views[0].shape == (32, 32, 3) and views[0].dtype == np.uint8
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


def test_views_keep_the_middle_in_the_middle() -> None:
    image = np.zeros((120, 120, 3), np.uint8)
    image[54:66, 54:66] = 255
    rng = np.random.default_rng(0)
    mean = np.mean([face_crops.warp(image, 80, rng).astype(float) for _ in range(200)], axis=0)[
        ..., 0
    ]
    y, x = np.mgrid[0:80, 0:80]
    centre = np.array([(mean * y).sum(), (mean * x).sum()]) / mean.sum()
    np.testing.assert_allclose(centre, 39.5, atol=1)


def test_stored_crops_hold_what_the_app_would_crop() -> None:
    """The middle of a crop with context is the app's own crop of the same box."""
    y, x = np.mgrid[0:400, 0:400]
    photo = Photo(np.stack([x * 255 // 400, y * 255 // 400, 0 * x], -1).astype(np.uint8))
    box = Box(150, 150, 250, 250)
    stored = crop_face(photo, box, 120, ((1 + 2 * box.margin) * face_crops.CONTEXT - 1) / 2)
    inner, app = face_crops.centre_crops(stored[None], 80)[0], crop_face(photo, box, 80)
    assert np.abs(inner.astype(int) - app).max() <= 3
    middle, half = face_crops.centre_crops(stored[None], 40, 0.5)[0], app[20:60, 20:60]
    assert np.abs(middle.astype(int) - half).max() <= 3


def test_hash_split_does_not_depend_on_order() -> None:
    faces = toy_faces(20)
    kept = faces.part(faces.fold < 0.3)
    assert 0 < len(kept.images) == int((faces.fold < 0.3).sum()) < 20
    assert (kept.fold < 0.3).all()


def test_toy_faces_are_learned() -> None:
    config = replace(TOY, epochs=4, batch=16, learning_rate=5e-3)
    faces, state = toy_faces(160), train.FaceEncoderTraining.start(config)
    for _ in range(config.epochs):
        train.train_epoch(state, faces)
    scores = train.validate(state, toy_faces(60, seed=1))
    assert scores["sex"] > 0.9


def test_a_resumed_run_is_the_run_itself(tmp_path: Path) -> None:
    faces, straight = toy_faces(24), train.FaceEncoderTraining.start(TOY)
    for _ in range(2):
        train.train_epoch(straight, faces)
    first = train.FaceEncoderTraining.start(TOY)
    train.train_epoch(first, faces)
    first.save(tmp_path / "checkpoint.pt")
    second = train.FaceEncoderTraining.start(TOY)
    second.restore(tmp_path / "checkpoint.pt")
    train.train_epoch(second, faces)
    images = toy_faces(4, seed=2).images[:, :64, :64]
    np.testing.assert_allclose(
        second.shipped.encode(images), straight.shipped.encode(images), atol=1e-5
    )
    with pytest.raises(DataError, match="other settings"):
        train.FaceEncoderTraining.start(replace(TOY, seed=1)).restore(tmp_path / "checkpoint.pt")


def manifest(folder: Path, n: int = 24) -> Path:
    """A toy utk.csv with a composite's face in every picture, in other colours."""
    base = np.asarray(Image.open(REPO / "assets/examples/face_1.jpg").resize((160, 160)))
    rows = ["path,age,sex"]
    for i in range(n):
        pixels = (base * (0.4 + 0.6 * i / n)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.jpg")
        rows.append(f"{i}.jpg,{20 + i},{'FM'[i % 2]}")
    (folder / "utk.csv").write_text("\n".join(rows) + "\n")
    return folder / "utk.csv"


def test_the_command_writes_an_encoder_with_its_provenance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    utk, out = manifest(tmp_path), tmp_path / "out" / "face.safetensors"
    arguments = ["--utk", str(utk), "--work", str(tmp_path / "work"), "-o", str(out)]
    arguments += ["--image-size", "64", "--width", "4", "--deepest", "1", "--epochs", "1"]
    arguments += ["--batch", "8", "--held-out", "0.3", "--no-teacher"]
    assert train.main(arguments) == 0
    about = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert about["config"]["image_size"] == 64 and about["faces"] == 24
    assert "UTKFace" in about["licence"] and "AVSpeech" not in about["licence"]
    assert "dlib" not in about["licence"] and about["teacher_sha256"] == ""
    encoder = load_face_encoder(out)
    assert encoder.encode(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 60)
    before = out.read_bytes()
    assert train.main(arguments) == 0  # finished: nothing is trained again
    assert out.read_bytes() == before


def test_unusable_input_is_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    utk = tmp_path / "utk.csv"
    for text in ("", "path,age\n", "path,age,sex\nmissing.jpg,20,F\n"):
        utk.write_text(text)
        assert (
            train.main(["--utk", str(utk), "--work", str(tmp_path / "work"), "--no-teacher"]) == 2
        )
        assert len(capsys.readouterr().err.strip().splitlines()[-1:]) == 1


def test_only_training_people_are_used_unlabelled(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "person,face,voice,sex,split\n"
        "1,a.jpg,a.ogg,F,train\n1,a.jpg,b.ogg,F,train\n2,b.jpg,c.ogg,M,dev\n"
    )
    assert face_crops.unlabelled_pictures(pairs) == [
        (tmp_path / "a.jpg", face_crops.UNKNOWN, face_crops.UNKNOWN)
    ]


def test_network_input_of_a_batch_has_twins_side_by_side() -> None:
    faces = toy_faces(20)
    images, age, sex, _ = next(train.batches(faces, TOY, np.random.default_rng(0)))
    assert images.shape == to_input(np.zeros((16, 64, 64, 3), np.uint8)).shape
    assert torch.equal(age[:8], age[8:]) and torch.equal(sex[:8], sex[8:])
    assert not torch.equal(images[:8], images[8:])


def toy_teacher(config: objective.FaceEncoderConfig) -> Teacher:
    """A teacher with two blocks more than its pupil, by chance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = SmallFaceEncoder(config.image_size, (4, 4, 8, 16, 32), (3, 4, 3, 3)).eval()
    return Teacher(net.requires_grad_(False), torch.zeros(32, 128))


def test_a_student_starts_as_its_teachers_first_layers() -> None:
    teacher, images = toy_teacher(TOY), toy_faces(3).images[:, :64, :64]
    state = train.FaceEncoderTraining.start(TOY, teacher)
    ours, theirs = (net.encode(images) for net in (state.encoder, teacher.net))
    np.testing.assert_array_equal(ours[:, :28], theirs[:, :28])  # the stages that both have
    assert (ours[:, 28:] != theirs[:, 28:]).any()  # two blocks short


def test_teacher_features_are_standardised_and_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, faces = toy_teacher(TOY), toy_faces(12)
    first = train.teacher_features(teacher, faces, "digest", tmp_path)
    assert first.shape == (12, teacher.net.dimension)
    assert np.abs(first.mean(0)).max() < 1e-3 and first.std(0).max() < 1 + 1e-3
    monkeypatch.setattr(teacher.net, "encode", None)
    np.testing.assert_array_equal(train.teacher_features(teacher, faces, "digest", tmp_path), first)


def test_a_student_comes_to_agree_with_its_teacher(tmp_path: Path) -> None:
    config = replace(TOY, epochs=3, learning_rate=1e-3)
    teacher, faces = toy_teacher(config), toy_faces(96)
    faces = replace(faces, taught=train.teacher_features(teacher, faces, "digest", tmp_path))
    state = train.FaceEncoderTraining.start(config, teacher)
    stem = state.encoder.stem.weight.clone()
    for _ in range(config.epochs):
        train.train_epoch(state, faces)
    assert train.validate(state, faces)["teacher"] > 0.5
    assert torch.equal(state.encoder.stem.weight, stem)  # which is not trained
