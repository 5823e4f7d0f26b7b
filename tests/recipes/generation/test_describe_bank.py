"""Ages and accents by name, and the refusal where names are other people's."""

import json
from pathlib import Path

import numpy as np
import pytest

from vclip.association.zero_shot import SpeakerProfile, speaker_profiles
from vclip.models.download import sha256
from vclip.recipes.generation import describe_bank

IDS = [f"p{i}" for i in range(20)] + ["lj"]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """p0 to p19, two of the facts missing; another source has other people of the same names."""
    lines = ["path,source,speaker,sex,age,accent"]
    for i in range(20):
        age, accent = ("", "Unknown") if i == 3 else (20 + i, "NewZealand")
        lines += [f"a{i}.wav,vctk,p{i},{'FM'[i % 2]},{age},{accent}"] * 2
        lines.append(f"b{i}.wav,other,p{i},{'FFMM'[i % 4]},90,Irish")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "manifest.csv"


def save_bank(folder: Path, **more: np.ndarray) -> Path:
    sexes = ["FM"[i % 2] for i in range(20)] + ["F"]
    sexes[5] = ""  # not heard; and one heard wrongly
    sexes[6] = "M"
    arrays = {"speaker_ids": np.array(IDS), "sex": np.array(sexes)} | more
    np.savez(folder / "bank.npz", voice_features=np.ones((21, 4), np.float32), **arrays)
    return folder / "bank.npz"


def run(folder: Path, manifest: Path, *more: str) -> int:
    options = ["--directory", str(folder), "--manifest", str(manifest)]
    return describe_bank.main([*options, *more])


def test_what_is_known_is_added_and_the_rest_kept(tmp_path: Path, manifest: Path) -> None:
    path = save_bank(tmp_path, provenance=np.array('{"seed": 0}'))
    before = dict(np.load(path))
    assert run(tmp_path, manifest) == 0
    after = dict(np.load(path, allow_pickle=False))
    for name in before.keys() - {"provenance"}:
        np.testing.assert_array_equal(after[name], before[name])
    found = speaker_profiles(after)
    assert found[4] == SpeakerProfile("F", 24, "NewZealand") and found[3] == SpeakerProfile("M")
    assert found[20] == SpeakerProfile("F")  # of no manifest
    told = json.loads(str(after["provenance"]))
    assert told == {
        "seed": 0,
        "people": {
            "source": "vctk",
            "manifest": sha256(manifest),
            "same_sex": round(18 / 19, 4),
            "n_age": 19,
            "n_accent": 19,
        },
    }
    once = path.read_bytes()
    assert run(tmp_path, manifest) == 0 and path.read_bytes() == once


@pytest.mark.parametrize(
    ("source", "told"), [("other", "of the bank's speakers"), ("none", "no speakers of the source")]
)
def test_other_people_of_the_same_names_are_refused(
    tmp_path: Path, manifest: Path, source: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_bank(tmp_path)
    before = path.read_bytes()
    assert run(tmp_path, manifest, "--source", source) == 2
    assert told in capsys.readouterr().err and path.read_bytes() == before


def test_banks_and_manifests_that_cannot_be_used(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, manifest) == 2
    assert "build_bank" in capsys.readouterr().err
    np.savez(tmp_path / "bank.npz", speaker_ids=np.array(IDS))
    assert run(tmp_path, manifest) == 2
    assert "has no sexes" in capsys.readouterr().err
    save_bank(tmp_path, speaker_ids=np.array([f"q{i}" for i in range(21)]))
    assert run(tmp_path, manifest) == 2
    assert "in common" in capsys.readouterr().err
    manifest.write_text("path,source,speaker,sex,age,accent\na.wav,vctk,p1,F,old,\n")
    assert run(tmp_path, manifest) == 2
    assert "'old' is no number" in capsys.readouterr().err


def test_coqui_s_names_are_not_vctk_s(shared: Path, tmp_path: Path) -> None:
    """The trap that the check is for, on the two shipped banks."""
    from vclip.models.directory import MODELS

    for name, code in (("bundled", 0), ("vctk", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bank.npz").write_bytes((MODELS / name / "bank.npz").read_bytes())
        assert run(tmp_path / name, shared / "voices" / "manifest.csv") == code
