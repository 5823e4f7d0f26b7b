"""Model directories are refused unless they are exactly what their description says."""

import json
from pathlib import Path

import pytest

from vclip.errors import ModelError
from vclip.models.directory import BUNDLED, MODELS, ModelDirectory, find_model
from vclip.models.download import sha256


def make(folder: Path) -> Path:
    (folder / "a.bin").write_bytes(b"weights")
    entry = {"file": "a.bin", "sha256": sha256(folder / "a.bin")}
    description = {"name": "toy", "version": 1, "components": {"a": entry}}
    (folder / "vclip.json").write_text(json.dumps(description))
    return folder


def test_sha256_of_known_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "x") == known


def test_opens_what_it_describes(tmp_path: Path) -> None:
    directory = ModelDirectory.open(str(make(tmp_path)))
    assert directory.name == "toy"
    assert directory.file("a").read_bytes() == b"weights"


def test_refuses_altered_missing_and_unknown_files(tmp_path: Path) -> None:
    directory = ModelDirectory.open(str(make(tmp_path)))
    with pytest.raises(ModelError, match="names no b"):
        directory.file("b")
    (tmp_path / "a.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match="SHA-256"):
        directory.file("a")
    (tmp_path / "a.bin").unlink()
    with pytest.raises(ModelError, match="missing"):
        directory.file("a")


def test_refuses_other_versions_and_broken_descriptions(tmp_path: Path) -> None:
    path = make(tmp_path) / "vclip.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    with pytest.raises(ModelError, match="version 99"):
        ModelDirectory.open(str(tmp_path))
    path.write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        ModelDirectory.open(str(tmp_path))


def test_models_are_found_by_name_or_path(tmp_path: Path) -> None:
    assert find_model(str(tmp_path)) == tmp_path
    assert find_model("bundled") == BUNDLED
    with pytest.raises(ModelError, match="use bundled"):
        ModelDirectory.open("nonesuch")
    with pytest.raises(ModelError, match="assemble"):
        ModelDirectory.open(str(tmp_path))


@pytest.mark.parametrize("name", ["../a.bin", "/etc/passwd", "x/../../a.bin"])
def test_descriptions_cannot_lead_out_of_their_folder(tmp_path: Path, name: str) -> None:
    path = make(tmp_path) / "vclip.json"
    description = json.loads(path.read_text())
    description["components"]["a"]["file"] = name
    path.write_text(json.dumps(description))
    with pytest.raises(ModelError, match="leads out"):
        ModelDirectory.open(str(tmp_path)).file("a")


def test_a_component_may_be_the_bundled_one_and_must_be_somewhere(tmp_path: Path) -> None:
    path = make(tmp_path) / "vclip.json"
    description = json.loads(path.read_text())
    description["components"] |= {"association": {"from": "bundled"}, "b": {"from": "afar"}}
    path.write_text(json.dumps(description))
    directory = ModelDirectory.open(str(tmp_path))
    assert directory.file("association") == BUNDLED / "association.safetensors"
    assert directory.folder("a") == tmp_path and directory.has("b") and not directory.has("c")
    with pytest.raises(ModelError, match="no file of b"):
        directory.file("b")


def test_what_is_told_of_a_borrowed_component_is_what_the_bundled_one_says(tmp_path: Path) -> None:
    path = make(tmp_path) / "vclip.json"
    description = json.loads(path.read_text())
    borrowed = {"from": "bundled", "licence": "theirs"}
    description["components"] |= {"association": borrowed, "nonesuch": {"from": "bundled"}}
    path.write_text(json.dumps(description))
    told = ModelDirectory.open(str(tmp_path)).components
    digest = sha256(BUNDLED / "association.safetensors")
    assert told["association"]["sha256"] == digest and told["association"]["data"]
    assert told["association"]["licence"] == "theirs"  # what it says itself comes first
    assert told["nonesuch"] == {"from": "bundled"} and told["a"] == description["components"]["a"]
    assert "sha256" not in description["components"]["association"]


def test_models_of_the_hub_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(repository: str, commit: str) -> Path:
        asked.append((repository, commit))
        return make(tmp_path)

    monkeypatch.setattr("vclip.models.cache.fetch_snapshot", fetch)
    commit = "0123456789abcdef" * 2 + "01234567"
    assert ModelDirectory.open(f"some-one/a.voice@{commit}").name == "toy"
    assert asked == [("some-one/a.voice", commit)]
    for loose in ("some-one/a.voice", "some-one/a.voice@main", f"some-one/a.voice@{commit[:7]}"):
        with pytest.raises(ModelError, match=r"some-one/a\.voice@COMMIT"):
            find_model(loose)
    with pytest.raises(ModelError, match="no model"):
        find_model("a/b/c")


def test_the_bundled_model_is_whole() -> None:
    directory = ModelDirectory.open("bundled")
    for name, entry in directory.description["components"].items():
        assert directory.file(name).is_file()
        assert entry["licence"] and entry["command"] and entry["data"]
    tracked = sum(p.stat().st_size for p in MODELS.rglob("*") if p.is_file())
    assert tracked < 30 * 2**20
