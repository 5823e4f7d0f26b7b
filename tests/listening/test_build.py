"""Stimuli: alike in all but what is compared, measured in the files that were written."""

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import REPO
from fake_model import FakeModel, picture
from PIL import Image

from vclip import audio
from vclip.errors import DataError, OutputError, StudyError
from vclip.listening import build
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load
from vclip.listening.stimuli import normalization, recipe
from vclip.listening.stimuli.voices import VoiceRef, shuffle
from vclip.speech.synthesizer import Speech

RATE = 8000


class Tones(FakeModel):
    """Each voice is a tone of its own, with its own level and silence before it."""

    def recite(
        self, text: str, candidate: Any, seed: int = 0, *_: Any
    ) -> Iterator[tuple[float, Speech]]:
        rng = np.random.default_rng(list(f"{text} {candidate.speaker_id} {seed}".encode()))
        n = round(RATE * rng.uniform(0.6, 0.9))
        tone = np.sin(np.arange(n) * rng.uniform(0.2, 1.2)) * rng.uniform(0.05, 0.5)
        silence = np.zeros(round(RATE * rng.uniform(0, 0.4)))
        wav = np.concatenate([silence, tone, silence]).astype(np.float32)
        for part in np.array_split(wav, 3):
            yield 0.0, Speech(part, self.sample_rate)


ARMS = [
    {"id": "top", "label": "Best", "voice": "bank"},
    {"id": "new", "label": "Generated", "voice": "generated", "rank": 2},
    {"id": "chance", "label": "By lot", "voice": "random"},
    {"id": "foil", "label": "Another's", "voice": "shuffled", "of": "top", "kind": "foil"},
    {"id": "low", "label": "Noisy", "voice": "mnru", "of": "top", "kind": "anchor"},
    {"id": "real", "label": "Recorded", "voice": "recording", "kind": "anchor"},
]


@pytest.fixture
def fields(tmp_path: Path) -> dict[str, Any]:
    """A recipe of three faces, two texts and all arms; its files are in tmp_path."""
    for n in range(3):
        (tmp_path / f"face_{n}.png").write_bytes(picture(60 + 15 * n))
    noise = np.random.default_rng(0).normal(size=16000) * 0.05
    audio.save(tmp_path / "said.wav", np.pad(noise, (9000, 100)).astype(np.float32), 16000)
    own = {"id": "own", "face": "face_0.png", "text": "Mine.", "recordings": {"real": "said.wav"}}
    questions = [{"id": "fit", "type": "acr_fit", "prompt": "Well?"}]
    study = {"study": "s", "title": "t", "consent": "c", "contact": "me", "questions": questions}
    return {
        "study": {**study, "design": {"trials_per_rater": 5}},
        "arms": ARMS,
        "faces": [f"face_{n}.png" for n in range(3)],
        "texts": ["One text.", "Another text."],
        "items": [own],
    }


def clicks(path: Path) -> None:
    """A sound that is nothing but peaks."""
    wav = np.zeros(16000, dtype=np.float32)
    wav[400::800] = 0.9
    audio.save(path, wav, 16000)


def made(fields: dict[str, Any], tmp_path: Path, folder: str = "out") -> Study:
    (tmp_path / "recipe.json").write_text(json.dumps(fields))
    found = recipe.read(tmp_path / "recipe.json")
    (tmp_path / folder).mkdir(exist_ok=True)
    return build.build(found, tmp_path, tmp_path / folder, lambda _: Tones(), "a command")  # type: ignore[arg-type]


def sounds(study: Study) -> dict[tuple[str, str], Any]:
    return {(i.id, c): s for i in study.items for c, s in i.stimuli.items()}


def test_all_arms_are_alike_in_the_files(fields: dict[str, Any], tmp_path: Path) -> None:
    study = made(fields, tmp_path)
    assert len(sounds(study)) == 3 * 2 * 5 + 6
    formats = set()
    for stimulus in sounds(study).values():
        path = study.file(stimulus.path)
        info, (wav, rate) = soundfile.info(path), audio.load_wav(path)
        formats.add((info.format, info.subtype, info.channels, rate))
        assert audio.loudness(wav, rate) == pytest.approx(-23, abs=0.05)
        assert stimulus.lufs == pytest.approx(audio.loudness(wav, rate), abs=0.01)
        assert stimulus.seconds == pytest.approx(len(wav) / rate, abs=1e-3)
        start, stop = normalization.heard(wav, rate)
        assert start / rate == pytest.approx(normalization.LEAD, abs=0.011)
        assert (len(wav) - stop) / rate == pytest.approx(normalization.TAIL, abs=0.011)
        assert audio.true_peak(wav) < audio.TRUE_PEAK
    assert formats == {("FLAC", "PCM_16", 1, RATE)}  # of the models, not of the recording


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_other_formats_are_alike_too(fields: dict[str, Any], tmp_path: Path, kind: str) -> None:
    study = made({**fields, "format": kind, "sample_rate": 16000}, tmp_path)
    for stimulus in sounds(study).values():
        assert stimulus.path.endswith(kind)
        wav, rate = audio.load_wav(study.file(stimulus.path))
        assert rate == 16000 and audio.loudness(wav, rate) == pytest.approx(-23, abs=0.1)


def test_command_line_says_what_came_out(
    fields: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "_open", lambda _: Tones())
    clicks(tmp_path / "said.wav")
    (tmp_path / "r.json").write_text(json.dumps(fields))
    assert build.main([str(tmp_path / "r.json"), "-o", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "36 sounds" in told and "-23.0 LUFS would take a limiter" in told
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["command"].startswith("python -m vclip.listening.build ")
    assert build.main([str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.startswith("vclip: none.json: cannot read")


def test_names_of_files_say_nothing(fields: dict[str, Any], tmp_path: Path) -> None:
    study = made(fields, tmp_path)
    for path in (tmp_path / "out").rglob("*.*"):
        if path.parent.name in ("sounds", "faces"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.stem == digest[:16]
    comments = {soundfile.SoundFile(study.file(s.path)).comment for s in sounds(study).values()}
    assert len(comments) == 1  # recordings, too


def test_provenance_is_noted(fields: dict[str, Any], tmp_path: Path) -> None:
    study = made(fields, tmp_path)
    top = sounds(study)["i1", "top"]
    assert (top.model, top.seed, top.weights) == ("bundled", 0, FakeModel.weights)
    seen = Tones().look((tmp_path / "face_0.png").read_bytes())
    assert top.voice == Tones().candidates(seen, 1, "bank")[0].speaker_id
    assert (
        sounds(study)["i1", "new"].voice == Tones().candidates(seen, 2, "generated")[1].speaker_id
    )
    assert sounds(study)["i1", "low"].voice == top.voice
    assert sounds(study)["own", "real"].voice is None
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["command"] == "a command" and manifest["lufs"] == -23
    files = {(f["item"], f["condition"]): f for f in manifest["files"]}
    assert files.keys() == sounds(study).keys()
    for key, stimulus in sounds(study).items():
        assert files[key]["sha256"] == stimulus.sha256 and files[key]["lufs"] == stimulus.lufs
        assert files[key]["true_peak"] < 0 < files[key]["starts"]


def test_noise_is_as_loud_as_asked(fields: dict[str, Any], tmp_path: Path) -> None:
    study = made(fields, tmp_path)
    top, low = (sounds(study)["i1", c].path for c in ("top", "low"))
    pair = np.stack([audio.load_wav(study.file(path))[0] for path in (top, low)])
    assert np.corrcoef(pair)[0, 1] == pytest.approx((1 + 10**-0.5) ** -0.5, abs=0.01)  # 5 dB


def test_foils_are_the_same_voices_for_other_faces(fields: dict[str, Any], tmp_path: Path) -> None:
    found = sounds(made(fields, tmp_path))
    items = ["i1", "i3", "i5"]
    top, foil, chance = ([found[i, c].voice for i in items] for c in ("top", "foil", "chance"))
    assert sorted(top) == sorted(foil)
    assert all(a != b for a, b in zip(top, foil, strict=True))
    assert all(a != b for a, b in zip(top, chance, strict=True))
    assert found["i1", "foil"].voice == found["i2", "foil"].voice  # a face keeps its foil


def test_the_same_recipe_makes_the_same_files(fields: dict[str, Any], tmp_path: Path) -> None:
    one, two = made(fields, tmp_path), made(fields, tmp_path, "again")
    assert one.sha256 == two.sha256
    other = made({**fields, "seed": 1}, tmp_path, "other")
    assert sounds(other)["i1", "top"].sha256 != sounds(one)["i1", "top"].sha256


def test_another_build_leaves_no_old_files(fields: dict[str, Any], tmp_path: Path) -> None:
    made(fields, tmp_path)
    (tmp_path / "out/sounds/notes.txt").write_text("mine")
    study = made({**fields, "seed": 1, "faces": fields["faces"][:2]}, tmp_path)
    expected = {study.file(s.path) for s in sounds(study).values()}
    left = set((tmp_path / "out/sounds").iterdir())
    assert left == expected | {tmp_path / "out/sounds/notes.txt"}


def test_one_sound_with_high_peaks_lowers_all(fields: dict[str, Any], tmp_path: Path) -> None:
    clicks(tmp_path / "said.wav")
    found = [s.lufs for s in sounds(made(fields, tmp_path)).values()]
    assert max(found) < -25 and max(found) - min(found) < 0.05


def test_faces_keep_no_traces(fields: dict[str, Any], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a secret", 6  # description; turned
    Image.new("RGB", (1000, 500), (90, 80, 70)).save(tmp_path / "face_0.jpg", exif=exif)
    fields["faces"][0] = fields["items"][0]["face"] = "face_0.jpg"
    study = made(fields, tmp_path)
    face = study.file(str(study.item("i1").face))
    assert b"secret" not in face.read_bytes()
    with Image.open(face) as read:
        assert read.size == (320, 640) and not read.getexif()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"arms": [*ARMS, ARMS[0]]}, "the id top is there twice"),
        ({"arms": [{**ARMS[3], "of": "none"}]}, "arms.foil.of: name an arm before"),
        ({"arms": [{**ARMS[0], "voice": "fixed"}]}, "arms.top.speaker"),
        ({"arms": [{**ARMS[0], "items": ["i9"]}]}, "there is no 'i9'"),
        ({"arms": [{**ARMS[0], "voice": "best"}]}, "arms.0.voice"),
        ({"faces": [], "items": []}, "there is nothing to say"),
        ({"faces": ["face_0.png"]}, "add faces, or take another rank"),
        ({"study": {}}, "the recipe's study: study: Field required"),
        ({"format": "ogg"}, "format: "),
    ],
)
def test_mistakes_are_named(
    fields: dict[str, Any], tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(StudyError) as caught:
        made({**fields, **change}, tmp_path)
    assert complaint in str(caught.value)
    assert not list((tmp_path / "out").iterdir() if (tmp_path / "out").exists() else [])


def test_what_cannot_be_used_is_named(fields: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "face_1.png").write_bytes(picture(0))
    with pytest.raises(StudyError, match=r"face_1\.png: No face was found"):
        made(fields, tmp_path)
    (tmp_path / "face_1.png").unlink()
    with pytest.raises(DataError, match=r"cannot read the face .*face_1\.png"):
        made(fields, tmp_path)
    (tmp_path / "face_1.png").write_bytes(picture(75))
    audio.save(tmp_path / "said.wav", np.zeros(8000, dtype=np.float32), 8000)
    with pytest.raises(StudyError, match="item own, arm real: it is silent"):
        made(fields, tmp_path)
    audio.save(tmp_path / "said.wav", np.ones(8000, dtype=np.float32) * 0.1, 8000)
    (tmp_path / "out/sounds").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="cannot write into"):
        made(fields, tmp_path)


def test_shuffling_uses_each_voice_once_or_complains() -> None:
    own = {f"f{i}": VoiceRef("m", name) for i, name in enumerate("aabbcd")}
    for seed in range(20):
        given = shuffle("foil", own, np.random.default_rng(seed))
        assert sorted(v.speaker for v in given.values()) == list("aabbcd")
        assert all(given[face] != own[face] for face in own)
    orders = {tuple(shuffle("x", own, np.random.default_rng(s)).values()) for s in range(20)}
    assert len(orders) > 5
    with pytest.raises(StudyError, match="the same voice"):
        shuffle(
            "foil",
            {f"f{i}": VoiceRef("m", n) for i, n in enumerate("aaab")},
            np.random.default_rng(0),
        )


def test_mnru_has_its_signal_to_noise_ratio() -> None:
    wav = (0.1 * np.sin(np.arange(40000) * 0.3)).astype(np.float32)
    noise = normalization.mnru(wav, 5.0, np.random.default_rng(0)) - wav
    assert 10 * np.log10(np.mean(wav**2) / np.mean(noise**2)) == pytest.approx(5.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(noise.astype(np.float64))) ** 2
    bands = [band.mean() for band in np.array_split(spectrum[1:], 8)]
    assert max(bands) / min(bands) < 1.15  # white


def test_trimming_keeps_what_is_heard() -> None:
    tone = (0.3 * np.sin(np.arange(4000) * 0.3)).astype(np.float32)
    cut = [normalization.trim(np.pad(tone, (n, 2 * n)), RATE) for n in (0, 500, 3000)]
    for one, other in pairwise(cut):
        assert abs(len(one) - len(other)) <= 80
    start, stop = normalization.heard(cut[2], RATE)
    assert stop - start == pytest.approx(4000, abs=80)
    with pytest.raises(StudyError, match="can be heard"):
        normalization.trim(tone[:100], RATE)


def test_files_that_came_out_otherwise_are_noticed() -> None:
    tone = normalization.trim((0.3 * np.sin(np.arange(8000) * 0.3)).astype(np.float32), RATE)
    good = audio.normalize_loudness(tone, RATE, -23, limited=False)
    normalization.check("x", good, RATE, RATE, -23)
    for wav, rate, complaint in (
        (good, 2 * RATE, "Hz instead"),
        (good * 0.9, RATE, "LUFS instead"),
        (np.roll(good, 400), RATE, "begins after"),
    ):
        with pytest.raises(StudyError, match=complaint):
            normalization.check("x", wav, rate, RATE, -23)


DEMO = REPO / "assets/studies/demo"


def test_the_sample_study_is_what_its_recipe_says() -> None:
    study, asked = load(DEMO / "study.json"), recipe.read(DEMO / "recipe.json")
    assert [c.id for c in study.conditions] == [arm.id for arm in asked.arms]
    assert {q.type for q in study.questions} == {"acr_fit", "acr_naturalness", "ab", "afc"}
    assert {(i.id, i.text) for i in study.items} == {(s.id, s.text) for s in asked.sources}
    manifest = json.loads((DEMO / "manifest.json").read_text())
    files = {"study.json", "manifest.json", "recipe.json"}
    files |= {s.path for s in sounds(study).values()} | {str(i.face) for i in study.items}
    assert {str(p.relative_to(DEMO)) for p in DEMO.rglob("*.*")} == files
    assert manifest["command"] in (DEMO.parent / "README.md").read_text()
    size = sum(path.stat().st_size for path in DEMO.rglob("*.*"))
    assert size < 2.5 * 2**20


def test_the_sample_study_is_equally_loud() -> None:
    study = load(DEMO / "study.json")
    for path in {study.file(s.path) for s in sounds(study).values()}:
        wav, rate = audio.load_wav(path)
        assert audio.loudness(wav, rate) == pytest.approx(-23, abs=0.05)
        normalization.check(path.name, wav, rate, 22050, -23)


def test_the_sample_study_is_of_the_bundled_model() -> None:
    """Who builds the model anew has to build the study anew."""
    made_of = json.loads((REPO / "assets/models/bundled/vclip.json").read_text())
    digest = made_of["components"]["bank"]["sha256"]
    stimulus = sounds(load(DEMO / "study.json"))["i1", "bank"]
    assert stimulus.weights["bank"] == digest
