"""One thread each unless the environment says otherwise; devices; torchaudio imports anyhow."""

import sys
import threading
from pathlib import Path

import pytest
import torch

from vclip.runtime import ensure_torchaudio, limit_threads, mixed_precision, pick_device


def counted() -> int:
    """Torch's threads as a new thread sees them."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_the_environment_decides_then_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        limit_threads()
        assert torch.get_num_threads() == counted() == 3
        monkeypatch.delenv("OMP_NUM_THREADS")
        limit_threads()
        assert torch.get_num_threads() == counted() == 1
    finally:
        torch.set_num_threads(before)


def test_the_gpu_is_taken_where_there_is_one() -> None:
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu").type == "cpu"


def test_nothing_is_mixed_on_the_cpu() -> None:
    with mixed_precision(torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu") and not torch.is_autocast_enabled("cuda")


def test_the_installed_torchaudio_imports_however_often_it_is_asked_for() -> None:
    ensure_torchaudio()
    import torchaudio

    ensure_torchaudio()
    assert sys.modules["torchaudio"] is torchaudio


@pytest.mark.parametrize("loads", [True, False])
def test_the_extension_is_replaced_only_where_it_cannot_load(
    loads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_torchaudio(name)}
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text("from torchaudio import _extension\n")
    (package / "_extension.py").write_text("real = True\n" if loads else "raise OSError('cuda')\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        ensure_torchaudio()
        import torchaudio

        assert torchaudio.__file__ == str(package / "__init__.py")
        assert hasattr(torchaudio._extension, "real") == loads
        if not loads:
            assert torchaudio._extension.fail_if_no_align(len) is len
    finally:
        for name in [name for name in sys.modules if is_torchaudio(name)]:
            del sys.modules[name]
        sys.modules.update(kept)


def is_torchaudio(name: str) -> bool:
    return name.split(".")[0] == "torchaudio"
