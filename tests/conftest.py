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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a browser, the app as a process or a database server is slow.

    Browser and app are shared by the tests of one process, so these tests share a process.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if {"chromium", "address"} & fixtures:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group("app"))
        if "postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
