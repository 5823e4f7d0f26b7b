"""The command that makes shards: right, whole, resumable, the same by any number of processes."""

import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO
from tiny_encoders import coqui_hasp, save_clip, save_coqui, save_small, small
from toy_clips import tone, write_clip
from toys import CountingImages, CountingVoices, NoFaces, make_media, toy_features

from vclip import audio
from vclip.association.hasp import HaspEncoder
from vclip.errors import DataError
from vclip.face.clip import ClipImageEncoder
from vclip.face.photo import Photo, crop_face, load_photo, whole_photo
from vclip.recipes.data import clips, extraction, features, shard_writer, shards
from vclip.recipes.data.manifest import read_labelled, read_pairs


@pytest.fixture()
def toy_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_features(monkeypatch)


def run(media: Path, out: Path, *options: str) -> int:
    """The command over make_media's manifest, two files a shard."""
    common = ["--pairs", str(media), "--out", str(out), "--voice-encoder", "toy"]
    return features.main([*common, "--shard-size", "2", "--workers", "2", *options])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path, but for features.json, which names paths."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name != shards.DESCRIPTION
    }


@pytest.mark.usefixtures("toy_encoders")
def test_the_first_row_is_what_the_app_computes_and_others_are_views_of_it(tmp_path: Path) -> None:
    """One file after the other, step by step, gives the same rows."""
    media = make_media(tmp_path, n=5)
    assert run(media, tmp_path / "out", "--views", "4", "--windows", "--batch", "8") == 0
    faces, voices = shards.open_features(tmp_path / "out")
    for pair in read_pairs(media):
        picture = load_photo(pair.face.read_bytes())
        box = next(iter(NoFaces().find(picture)), whole_photo(picture))
        seed = int(hashlib.sha256(pair.face.read_bytes()).hexdigest()[:8], 16)
        crops = extraction.face_views(picture, box, 16, 4, seed)
        crop = crop_face(picture, box, 16)
        np.testing.assert_array_equal(crops[:2], [crop, crop[:, ::-1]])
        np.testing.assert_allclose(faces.rows(pair.face_key), CountingImages().encode(crops))
        wav, rate = audio.load_wav(pair.voice)
        starts = (0, 16000)  # 3.5 s hold windows of 2 s from 0 s and 1 s
        heard = [wav, *(wav[start : start + 32000] for start in starts)]
        want = [CountingVoices().encode(part, rate) for part in heard]
        np.testing.assert_allclose(voices.rows(pair.voice_key), want)
    assert faces.whole == {"0.png"}
    assert len(np.unique(faces.rows("2.png"), axis=0)) == 3  # this encoder cannot see mirroring
    assert len(list((tmp_path / "out" / "faces").iterdir())) == 3
    assert faces.about["detector"] == "haar" and faces.about["views"] == 4
    assert voices.about["windows"] == [2.0, 1.0]


@pytest.mark.usefixtures("toy_encoders")
def test_whole_pictures_go_through_no_detector(tmp_path: Path) -> None:
    media = make_media(tmp_path)
    assert run(media, tmp_path / "out", "--crop", "whole") == 0
    faces, _ = shards.open_features(tmp_path / "out")
    picture = load_photo((tmp_path / "1.png").read_bytes())
    crop = crop_face(picture, whole_photo(picture), 16)
    np.testing.assert_allclose(faces.rows("1.png"), CountingImages().encode(crop[None]))
    assert not faces.whole and faces.about["detector"] == "none"


@pytest.mark.usefixtures("toy_encoders")
def test_corrupt_files_are_skipped_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    media = make_media(tmp_path, n=6)
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:100])
    (tmp_path / "2.png").unlink()
    (tmp_path / "3.wav").write_text("no, sound")
    audio.save(tmp_path / "4.wav", np.zeros(100, "f4"), 16000)
    read = clips.read_picture

    def fragile(path: Path) -> Photo:
        """As if a decoder had a fault that nobody knows of."""
        if path.name == "5.png":
            raise ZeroDivisionError("somewhere in a decoder")
        return read(path)

    monkeypatch.setattr(extraction, "read_picture", fragile)
    assert run(media, tmp_path / "out") == 0
    faces, voices = shards.open_features(tmp_path / "out")
    assert faces.keys == ["0.png", "3.png", "4.png"]
    assert voices.keys == ["0.wav", "1.wav", "2.wav", "5.wav"]
    with (tmp_path / "out" / features.SKIPPED).open(newline="") as file:
        listed = {(row["side"], row["file"]): row["reason"] for row in csv.DictReader(file)}
    assert sorted(name for _, name in listed) == ["1.png", "2.png", "3.wav", "4.wav", "5.png"]
    assert "damaged" in listed["faces", "1.png"] and "shorter" in listed["voices", "4.wav"]
    assert "ZeroDivisionError" in listed["faces", "5.png"]
    told = capsys.readouterr().out
    assert "faces: 3 files" in told and "3 skipped" in told and "voices: 4 files" in told
    with pytest.raises(DataError, match=r"1 of 6 rows can be used; 1\.png"):
        shards.pair_features(read_pairs(media), faces, voices)


@pytest.mark.usefixtures("toy_encoders")
def test_what_was_skipped_is_tried_again_on_demand_only(tmp_path: Path) -> None:
    media = make_media(tmp_path, n=5)
    hidden = (tmp_path / "3.png").rename(tmp_path / "elsewhere")
    run(media, tmp_path / "out")
    hidden.rename(tmp_path / "3.png")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("shard*")}
    run(media, tmp_path / "out")
    assert before == {p: p.stat().st_mtime_ns for p in before}
    run(media, tmp_path / "out", "--retry")
    assert sum(p.stat().st_mtime_ns != then for p, then in before.items()) == 1
    run(media, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


@pytest.mark.usefixtures("toy_encoders")
def test_an_encoder_s_refusal_and_numbers_that_are_none_are_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = make_media(tmp_path, n=4)
    encode = CountingImages.encode

    def broken(self: CountingImages, images: np.ndarray) -> np.ndarray:
        rows = encode(self, images)
        rows[rows.sum(axis=1) == 0] = np.nan  # the black picture's
        return rows

    monkeypatch.setattr(CountingImages, "encode", broken)
    audio.save(tmp_path / "2.wav", np.zeros(4000, "f4"), 16000)  # a quarter of a second
    run(media, tmp_path / "out")
    faces, voices = shards.open_features(tmp_path / "out")
    assert faces.skipped == {"0.png": "its features are not numbers"}
    assert list(voices.skipped) == ["2.wav"] and len(faces) == len(voices) == 3


@pytest.mark.usefixtures("toy_encoders")
def test_a_manifest_of_files_that_are_nowhere_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = make_media(tmp_path, n=2)
    lines = [f"p{i},gone/{i}.png,gone/{i}.wav,F,train" for i in range(40)]
    media.write_text("\n".join(["person,face,voice,sex,split", *lines]))
    assert run(media, tmp_path / "out", "--shard-size", "20") == 2
    assert "none of the first 20 faces can be used; gone/0.png" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("shard*"))


class Killed(BaseException):
    """What no handler of the recipes catches."""


@pytest.mark.slow
@pytest.mark.usefixtures("toy_encoders")
def test_after_a_kill_at_any_point_the_next_run_completes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every write to disk, before and after it, one after the other."""
    media = make_media(tmp_path, n=5)
    run(media, tmp_path / "whole")
    fsync, move, left = os.fsync, Path.replace, [0]

    def dying(action):  # type: ignore[no-untyped-def]
        def act(*arguments):  # type: ignore[no-untyped-def]
            for step in (action, lambda *_: None):  # before it, after it
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                step(*arguments)

        return act

    for point in range(100):
        left[0] = point
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", dying(fsync))
            patch.setattr(Path, "replace", dying(move))
            try:
                run(media, tmp_path / str(point))
                break
            except Killed:
                pass
        run(media, tmp_path / str(point))
        assert contents(tmp_path / str(point)) == contents(tmp_path / "whole")
    assert point == 2 * 2 * (6 + 2)  # fsync and replace of six shards and two other files


@pytest.mark.usefixtures("toy_encoders")
def test_a_finished_folder_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = make_media(tmp_path, n=3)
    run(media, tmp_path / "out")
    monkeypatch.setattr(extraction, "read_picture", None)
    monkeypatch.setattr(CountingVoices, "encode", None)
    assert run(media, tmp_path / "out") == 0


@pytest.mark.usefixtures("toy_encoders")
def test_other_settings_or_another_manifest_need_another_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = make_media(tmp_path, n=3)
    run(media, tmp_path / "out")
    for options in (["--views", "2"], ["--shard-size", "3"], ["--windows"], ["--crop", "whole"]):
        assert run(media, tmp_path / "out", *options) == 2
        assert "name another --out" in capsys.readouterr().err
    media.write_text(media.read_text() + "p9,0.png,1.wav,F,train\n")
    assert run(media, tmp_path / "out") == 2
    assert "manifest" in capsys.readouterr().err
    for wrong in ("--views", "--workers", "--shard-size", "--batch"):
        assert run(media, tmp_path / "out", wrong, "0") == 2
        assert "must be at least 1" in capsys.readouterr().err


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Media that are read from now on, in the order of the calls."""
    read: list[Path] = []

    def noted(name: str) -> Callable[[Path], object]:
        original = getattr(clips, name)
        return lambda path: (read.append(path), original(path))[1]

    for name in ("read_picture", "read_voice"):
        monkeypatch.setattr(extraction, name, noted(name))
    return read


@pytest.mark.usefixtures("toy_encoders")
def test_recipes_make_features_once_and_anew_for_other_encoders_settings_or_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, store = make_media(tmp_path), tmp_path / "store"

    def made(*how: str, **more: int) -> Path:
        faces, voices = features.FeatureSource(store).open(media, *how, **more)
        assert faces.folder.parent == voices.folder.parent
        return faces.folder.parent

    read = counted(monkeypatch)
    first = made("a", "b")
    assert len(read) == 6 and first.parent == store
    (first / "voices" / "shard-00000.npz").unlink()  # as after an interruption
    assert made("a", "b") == first and len(read) == 6 + 3
    assert made("a", "b") == first and len(read) == 6 + 3
    one = made("a")
    assert len(read) == 12 and len(shards.open_features(one)[1]) == 0
    others = {first, one, made("a", "b", views=2)}
    monkeypatch.setattr(features, "open_voice_encoder", lambda spec: (CountingVoices(), "2" * 64))
    others.add(made("a", "b"))
    media.write_text(media.read_text() + "p9,0.png,1.wav,F,train\n")
    others.add(made("a", "b"))
    assert len(others) == 5


@pytest.mark.usefixtures("toy_encoders")
def test_lists_of_pictures_or_of_recordings_have_features_of_one_side(tmp_path: Path) -> None:
    make_media(tmp_path)
    (tmp_path / "faces.csv").write_text("path,age,sex\n1.png,30,F\n2.png,40,M\nnone.png,1,F\n")
    (tmp_path / "voices.csv").write_text("path,source,sex\n1.wav,vctk,F\n2.wav,vctk,\n")
    source = features.FeatureSource(tmp_path / "store")
    faces, voices = source.open(tmp_path / "faces.csv", "a")
    assert (faces.keys, voices.keys) == (["1.png", "2.png"], [])
    labelled = read_labelled(tmp_path / "faces.csv")
    assert [row.sex for row in labelled if row.key in faces] == ["F", "M"]
    assert run(tmp_path / "voices.csv", tmp_path / "out") == 0
    faces, voices = shards.open_features(tmp_path / "out")
    assert (faces.keys, voices.keys) == ([], ["1.wav", "2.wav"])


@pytest.mark.usefixtures("toy_encoders")
def test_recipes_try_again_what_was_skipped(tmp_path: Path) -> None:
    media = make_media(tmp_path)
    hidden = (tmp_path / "1.png").rename(tmp_path / "elsewhere")
    source = features.FeatureSource(tmp_path / "store")
    first, _ = source.open(media, "a", "b")
    assert list(first.skipped) == ["1.png"]
    hidden.rename(tmp_path / "1.png")
    again, _ = source.open(media, "a", "b")
    assert again.folder == first.folder and not again.skipped


def test_recordings_need_a_voice_encoder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = make_media(tmp_path)
    assert features.main(["--pairs", str(media), "--out", str(tmp_path / "out")]) == 2
    assert "--voice-encoder is missing" in capsys.readouterr().err


def test_reading_is_ahead_in_order_and_bounded() -> None:
    begun: list[int] = []
    gate = threading.Semaphore(0)

    def work(item: int) -> int:
        begun.append(item)
        gate.acquire(timeout=20)
        return item * item

    def items() -> Iterator[int]:
        yield from range(50)

    for _ in range(50):
        gate.release()
    taken = []
    for item, made in shard_writer.prefetch(items(), work, workers=4, ahead=8):
        taken.append(item)
        assert made == item * item
        assert len(begun) <= len(taken) + 8
    assert taken == list(range(50)) and sorted(begun) == taken


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    stream = shard_writer.prefetch(range(1000), lambda item: item, workers=3, ahead=6)
    assert next(stream) == (0, 0)
    stream.close()
    assert threading.active_count() == before


# --- real encoders, video files, several processes ---


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny encoders and a manifest of clips: video with sound, and with sound beside it."""
    folder = tmp_path_factory.mktemp("world")
    save_clip(folder / "clip")
    save_small(folder / "face.safetensors", small())
    save_coqui(folder / "hasp.pth", coqui_hasp())
    lines = ["person,face,voice,sex,split,clip"]
    for i in range(6):
        write_clip(folder / f"{i}.mp4", (30 * i, 200 - 30 * i), tone(2.0, 200 + 50 * i))
        for share in (0, 0.5):
            lines.append(f"p{i},{clips.at(f'{i}.mp4', share)},{i}.mp4,,train,{i}")
    write_clip(folder / "apart.m4a", (), tone(1.5))
    lines.append("p9,0.mp4,apart.m4a,,train,9")
    (folder / "m.csv").write_text("\n".join(lines))
    return folder


def command(world: Path, out: Path, images: str = "face.safetensors") -> list[str]:
    return [
        *("--pairs", str(world / "m.csv"), "--out", str(out), "--shard-size", "2"),
        *("--image-encoder", str(world / images), "--voice-encoder", f"hasp:{world / 'hasp.pth'}"),
        *("--workers", "2"),
    ]


def start(world: Path, out: Path, **environment: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vclip.recipes.data.features", *command(world, out)],
        cwd=REPO,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher started the tests, and no GPU's precision makes other bytes."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def test_clips_are_seen_and_heard_by_clip_and_h_asp(world: Path, tmp_path: Path) -> None:
    assert features.main(command(world, tmp_path / "out", "clip")) == 0
    faces, voices = shards.open_features(tmp_path / "out")
    assert len(faces) == 12 and len(voices) == 7 and not faces.skipped
    picture = clips.read_picture(world / "3.mp4#at=0.5")
    crop = crop_face(picture, whole_photo(picture), 32)
    want = ClipImageEncoder(world / "clip", "cpu").encode(crop[None])
    np.testing.assert_allclose(faces.rows("3.mp4#at=0.5"), want, atol=1e-5)
    want = HaspEncoder(world / "hasp.pth", "cpu").encode(*clips.read_voice(world / "apart.m4a"))
    np.testing.assert_allclose(voices.rows("apart.m4a")[0], want, atol=1e-5)
    found = shards.pair_features(read_pairs(world / "m.csv"), faces, voices)
    assert [len(views) for views in found.image] == [2] * 6 + [1]


@pytest.mark.slow
def test_two_processes_make_the_same_shards(world: Path, tmp_path: Path) -> None:
    both = [start(world, tmp_path / "out", RANK=str(i), WORLD_SIZE="2") for i in range(2)]
    told = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert features.main(command(world, tmp_path / "one")) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "one")
    assert "1 of 2 processes" in told[0] and "files/s" in told[0]
    assert any("faces: 12 files" in text for text in told)


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(world, out)
    until = time.monotonic() + 300
    while not list(out.rglob("shard-*.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()  # type: ignore[union-attr]
    assert list(out.rglob("shard-*.npz"))
    (out / "faces" / "shard-00002.npz.part").write_bytes(b"half")  # as if the kill came just there
    (out / "faces" / "shard-00002.npz").unlink(missing_ok=True)
    shutil.rmtree(out / "voices", ignore_errors=True)
    assert features.main(command(world, out)) == 0
    assert features.main(command(world, tmp_path / "one")) == 0
    assert contents(out) == contents(tmp_path / "one")
