"""torchaudio imports though its extension cannot; a stand-in whose extension cannot, either."""

import sys
from pathlib import Path

import pytest

from vclip.runtime import ensure_torchaudio


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
