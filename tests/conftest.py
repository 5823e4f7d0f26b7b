"""What every test may use: where the repository and the shared data are."""

import os
from pathlib import Path

# Before numpy and torch: on few cores that others use, too, their threads wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

pytest_plugins = ["running"]  # the app as a process, a browser and its visitors
REPO = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("VCLIP_SHARED", REPO.parent / "shared")) / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared data folder; tests that need it are skipped where it isn't."""
    if not SHARED.is_dir():
        pytest.skip(f"shared data is not at {SHARED}; set VCLIP_SHARED to its parent")
    return SHARED
