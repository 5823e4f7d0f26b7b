"""Lower layers never import higher ones (docs: design, "Modules"), read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

LAYERS = [
    {"errors", "audio", "metrics", "weights", "phonemes", "text", "limiter", "download", "archives"}
    | {"gate", "coqui_files", "speech", "threads", "voice_ids", "trial_metrics"}
    | {"torchaudio_stub", "devices"},
    {"face", "encoders", "association", "bank", "index", "generation", "signature", "tts"}
    | {"harmonic"}
    | {"derived", "streaming", "hifigan", "narration", "limits", "clip", "hasp"}
    | {"clip_text", "heads", "bridge"},
    {"pipeline", "loading", "seeing", "voices", "explain", "card"},
    {"ui", "offline", "listening", "__main__"},
]
FILES = sorted((REPO / "vclip").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """All modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(module: str) -> int:
    (found,) = [i for i, names in enumerate(LAYERS) if module in names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(REPO)))
def test_imports_go_down(path: Path) -> None:
    module = path.relative_to(REPO / "vclip").with_suffix("").parts[0]
    if module == "__init__":
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "vclip" and len(parts) > 1 and parts[1] != "__version__":
            assert layer(parts[1]) <= layer(module), f"{path.name} imports {name}"


def test_bank_and_generation_do_not_know_each_other() -> None:
    for one, other in (("bank", "generation"), ("generation", "bank")):
        names = imported(REPO / "vclip" / f"{one}.py")
        assert not any(name.startswith(f"vclip.{other}") for name in names)


@pytest.mark.parametrize(
    ("package", "homes"),
    [("TTS", {"tts.py"}), ("gradio", {"ui"})],
)
def test_packages_stay_in_their_place(package: str, homes: set[str]) -> None:
    for path in FILES:
        if any(name.split(".")[0] == package for name in imported(path)):
            assert path.relative_to(REPO / "vclip").parts[0] in homes, path


def test_listening_stands_alone() -> None:
    """Studies, ratings and their analysis know no model and no page of ours."""
    known = {"vclip.errors", "vclip.audio", "vclip.listening"}
    for path in (REPO / "vclip" / "listening").rglob("*.py"):
        more = {
            "build.py": {"vclip.pipeline", "vclip.threads"},
            "studyfiles.py": {"vclip.face"},
        }.get(path.name, set())
        for name in imported(path):
            if name.split(".")[0] == "vclip" and name != "vclip.__version__":
                assert ".".join(name.split(".")[:2]) in known | more, f"{path.name}: {name}"


def test_listening_loads_neither_torch_nor_gradio() -> None:
    """Not by what it imports, either."""
    files = (REPO / "vclip" / "listening").rglob("*.py")
    found = [path.relative_to(REPO).with_suffix("").parts for path in sorted(files)]
    names = [".".join(parts) for parts in found if "migrations" not in parts]
    code = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\n"
    code += "assert not {'torch', 'gradio', 'TTS'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO, timeout=120)
