"""What README.md shows under "From a script" works as it stands there, against the real app."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

from vclip import audio

LOCAL = "http://127.0.0.1:7860"
SECTION = re.search(
    r"^## From a script\n(.*?)^## ", (REPO / "README.md").read_text(), re.DOTALL | re.MULTILINE
)


def example(language: str, address: str) -> str:
    """The one block in this language, with the address of the app under test."""
    assert SECTION is not None
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", SECTION[1], re.DOTALL | re.MULTILINE)
    assert LOCAL in block
    return str(block).replace(LOCAL, address.rstrip("/"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As if in the repository, but what is written stays out of it."""
    (tmp_path / "assets").symlink_to(REPO / "assets")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl(address: str, folder: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    shown = run(["bash", "-euo", "pipefail", "-c", example("sh", address)], folder)
    assert shown.count('"speaker_id"') == 3 and '"status":"ok"' in shown
    wav, sample_rate = audio.load_wav(folder / "out.wav")
    assert 0.3 < len(wav) / sample_rate < 3


def test_gradio_client(address: str, folder: Path) -> None:
    checks = """
assert len(found["candidates"]) == 5 and others["seed"] == 1
assert path.endswith(".wav") and limits["rate"] == [0.5, 2.0]
"""
    run([sys.executable, "-W", "error", "-c", example("python", address) + checks], folder)
