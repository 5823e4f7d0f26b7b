"""`python -m vclip` on real faces: what it prints, what it writes, how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO

from vclip import audio, card
from vclip.__main__ import main
from vclip.pipeline import FaceToVoice


@pytest.fixture(scope="module")
def face(shared: Path) -> str:
    return str(shared / "faces/london/001_03.jpg")


def run_json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict:
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("source", ["bank", "generated", "both"])
def test_candidates(capsys: pytest.CaptureFixture[str], face: str, source: str) -> None:
    answer = run_json(capsys, "candidates", face, "--source", source, "-k", "5", "--seed", "3")
    assert answer["model"] == "bundled" and answer["face"]["detector"] in ("haar", "yunet")
    left, top, right, bottom = answer["face"]["box"]
    assert 200 < right - left < 675 and 200 < bottom - top < 675  # the face fills a London photo
    found = answer["candidates"]
    assert [c["rank"] for c in found] == [1, 2, 3, 4, 5]
    assert [c["score"] for c in found] == sorted((c["score"] for c in found), reverse=True)
    assert {c["source"] for c in found} <= ({source} if source != "both" else {"bank", "generated"})
    assert set(answer["timings"]) == {"load", "face", "candidates"}


def test_speak_by_rank_and_by_id_give_the_same_bytes(
    capsys: pytest.CaptureFixture[str], face: str, tmp_path: Path
) -> None:
    text, one, two = "The voice is made up.", tmp_path / "one.wav", tmp_path / "two.wav"
    first = run_json(capsys, "speak", face, text, "-o", str(one), "--rank", "2")
    speaker = first["candidates"][0]["speaker_id"]
    second = run_json(capsys, "speak", face, text, "-o", str(two), "--speaker", speaker)
    assert first["candidates"][0]["rank"] == 2
    assert second["candidates"][0]["score"] == first["candidates"][0]["score"]
    assert one.read_bytes() == two.read_bytes()
    wav, sample_rate = audio.load_wav(one)
    assert sample_rate == first["sample_rate"] == 22050
    assert first["seconds"] == pytest.approx(len(wav) / sample_rate, abs=1e-3)
    assert 0.5 < first["seconds"] < 6 and np.sqrt(np.mean(wav**2)) > 0.02 and abs(wav).max() < 1


def test_manner_and_format(capsys: pytest.CaptureFixture[str], face: str, tmp_path: Path) -> None:
    said = ["speak", face, "It rained. We stayed in.", "-o"]
    plain = run_json(capsys, *said, str(tmp_path / "a.mp3"))
    manner = ["--rate", "0.8", "--pause", "1", "--lufs", "-23"]
    slow = run_json(capsys, *said, str(tmp_path / "b.flac"), *manner)
    assert plain["lufs"] == pytest.approx(-16, abs=0.1)
    assert slow["lufs"] == pytest.approx(-23, abs=0.1)
    assert slow["seconds"] == pytest.approx(plain["seconds"] / 0.8 + 0.75, rel=0.1)
    for answer in (plain, slow):
        wav, sample_rate = audio.load_wav(answer["wav"])
        assert len(wav) / sample_rate == pytest.approx(answer["seconds"], abs=0.01)
        assert audio.loudness(wav, sample_rate) == pytest.approx(answer["lufs"], abs=0.2)


def saved_card(tmp_path: Path, kind: str = "wav", voice: str = "near(p225;0;3)") -> Path:
    """What the app would save: a speech and its card, side by side."""
    model = FaceToVoice.from_pretrained()
    candidate, text = model.candidate(voice), "It rained. We stayed in."
    speech = model.speak(text, candidate, 3, 1.2, 0.3, -20.0)
    document = card.speech_card(model, candidate, text, 3, 1.2, 0.3, -20.0, kind, speech)
    (tmp_path / f"app.{kind}").write_bytes(audio.encode(speech.wav, speech.sample_rate, kind))
    (tmp_path / "speech.json").write_text(card.to_json(document))
    return tmp_path / "speech.json"


@pytest.mark.slow
@pytest.mark.parametrize("kind", audio.FORMATS)
def test_a_card_of_a_speech_is_said_again_to_the_same_bytes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    path, out = saved_card(tmp_path, kind), tmp_path / f"again.{kind}"
    answer = run_json(capsys, "speak", "--voice", str(path), "-o", str(out))
    assert out.read_bytes() == (tmp_path / f"app.{kind}").read_bytes()
    assert answer["identical"] is True and answer["voice"] == "near(p225;0;3)"
    assert answer["lufs"] == pytest.approx(-20, abs=0.2)


def test_a_card_in_another_format_and_an_altered_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = saved_card(tmp_path)
    out = ["-o", str(tmp_path / "again.flac")]
    assert run_json(capsys, "speak", f"--voice={path}", *out)["identical"] is None
    flac, _ = audio.load_wav(tmp_path / "again.flac")
    np.testing.assert_array_equal(flac, audio.load_wav(tmp_path / "app.wav")[0])
    altered = json.loads(path.read_text()) | {"sha256": "0" * 64}
    path.write_text(json.dumps(altered))
    assert main(["speak", "--voice", str(path), "-o", str(tmp_path / "again.wav")]) == 0
    assert "not the card's file" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["gen-0-3", "blend(p225;p226;0.5)"])
def test_a_text_in_a_saved_voice(
    capsys: pytest.CaptureFixture[str], face: str, tmp_path: Path, voice: str
) -> None:
    model = FaceToVoice.from_pretrained()
    (tmp_path / "v.json").write_text(card.to_json(card.voice_card(model, model.candidate(voice))))
    by_card, by_id = tmp_path / "card.wav", tmp_path / "id.wav"
    said = ["A saved voice.", "--seed", "5", "--rate", "0.9"]
    run_json(capsys, "speak", *said, "--voice", str(tmp_path / "v.json"), "-o", str(by_card))
    run_json(capsys, "speak", face, *said, "--speaker", voice, "-o", str(by_id))
    assert by_card.read_bytes() == by_id.read_bytes()
    speech = saved_card(tmp_path, voice=voice)  # the card of a speech has a voice, too
    run_json(capsys, "speak", "--voice", str(speech), *said, "-o", str(by_card))
    assert by_card.read_bytes() == by_id.read_bytes()


@pytest.mark.slow
def test_cards_that_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, out = saved_card(tmp_path), tmp_path / "o.wav"
    document = json.loads(path.read_text())
    voice = {name: document[name] for name in ("version", "model", "weights", "voice")}
    for content, message in (
        ("no JSON", "not JSON"),
        ("[" * 70000, "more than 64 KB"),
        (json.dumps(document | {"version": 2}), "version 2"),
        (json.dumps(document | {"rate": 9}), "rate is 9"),
        (json.dumps(document | {"voice": "p1000"}), "no speaker 'p1000'"),
        (json.dumps(document | {"weights": {"synthesizer": "ab" * 32}}), "abababab"),
        (json.dumps(voice | {"kind": "vclip voice"}), "add TEXT"),
    ):
        path.write_text(content)
        assert main(["speak", "--voice", str(path), "-o", str(out)]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1, error
    path.write_text(json.dumps(document))
    for argv, message in (
        (["--voice", str(tmp_path / "none.json"), "-o", str(out)], "cannot read the card"),
        (["--voice", str(tmp_path), "-o", str(out)], "cannot read the card"),
        (["--voice", str(path), "", "-o", str(out)], "empty"),
        (["--voice", str(path), "-o", str(tmp_path / "o.ogg")], ".wav, .flac, .mp3"),
        (["--voice", str(path), "-o", str(tmp_path / "no" / "o.wav")], "does not exist"),
    ):
        assert main(["speak", *argv]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1, error
    assert not out.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["speak", "-o", "o.wav"],
        ["speak", "face.jpg", "-o", "o.wav"],
        ["speak", "--voice", "c.json", "face.jpg", "Hello.", "-o", "o.wav"],
        ["speak", "--voice", "c.json", "--rank", "2", "-o", "o.wav"],
        ["speak", "--voice", "-o", "o.wav"],
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2 and "usage" in capsys.readouterr().err


def test_people_can_read_it(capsys: pytest.CaptureFixture[str], face: str) -> None:
    assert main(["candidates", face, "-k", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


BAD = [
    (["candidates", "{tmp}/none.jpg"], "cannot read the photo"),
    (["candidates", "{tmp}/text.jpg"], "not a JPEG"),
    (["candidates", "{tmp}/cut.jpg"], "damaged|truncated|incomplete"),
    (["candidates", "{tmp}/grey.png"], "whole picture"),
    (["candidates", "{face}", "-k", "0"], "k is 0"),
    (["candidates", "{face}", "--box", "3"], "no face 3"),
    (["candidates", "{face}", "--model", "nonesuch"], "no model 'nonesuch'"),
    (["speak", "{face}", "", "-o", "{tmp}/o.wav"], "empty"),
    (["speak", "{face}", "Ja, 日本!", "-o", "{tmp}/o.wav"], "日"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.ogg"], ".wav, .flac, .mp3"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.wav", "--rate", "3"], "rate is 3.0"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.wav", "--pause", "3"], "pause is 3.0"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.wav", "--lufs", "3"], "loudness is 3.0"),
    (["speak", "{face}", "?!...", "-o", "{tmp}/o.wav"], "nothing in the text"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.wav", "--speaker", "p1000"], "no speaker 'p1000'"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/o.wav", "--rank", "0"], "ranks begin at 1"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}/no/o.wav"], "does not exist"),
    (["speak", "{face}", "Hi.", "-o", "{tmp}"], "is a folder"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("argv", "message"), BAD, ids=lambda x: x if isinstance(x, str) else "")
def test_bad_input_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], face: str, tmp_path: Path, argv: list[str], message: str
) -> None:
    import re

    from PIL import Image

    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(Path(face).read_bytes()[:4000])
    Image.new("RGB", (300, 300), (128, 128, 128)).save(tmp_path / "grey.png")
    assert main([a.replace("{tmp}", str(tmp_path)).replace("{face}", face) for a in argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.strip().splitlines()) == 1
    assert re.search(message, printed.err), printed.err
    assert not (tmp_path / "o.wav").exists()


@pytest.mark.slow
def test_as_a_program_it_is_quiet(face: str) -> None:
    """Libraries must not chatter: only the answer on stdout, nothing on stderr."""
    command = [sys.executable, "-m", "vclip", "candidates", face, "-k", "1", "--json"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["candidates"][0]["rank"] == 1
    assert done.stderr == ""


@pytest.mark.slow
def test_the_bench_is_listed_and_handed_its_options() -> None:
    """It is a recipe: the command line starts it by name, as a program of its own."""
    command = [sys.executable, "-m", "vclip"]
    helped = subprocess.run([*command, "--help"], cwd=REPO, capture_output=True, text=True)
    assert helped.returncode == 0 and "bench" in helped.stdout
    done = subprocess.run(
        [*command, "bench", "--times", "0"], cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "at least 1 run" in done.stderr and len(done.stderr.strip().splitlines()) == 1
