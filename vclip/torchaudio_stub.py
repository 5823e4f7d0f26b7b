"""Lets torchaudio be imported where its compiled extension cannot load.

PyPI's wheel is a CUDA build, which fails with OSError beside a CPU-only torch. coqui-tts and
transformers import torchaudio whatever they need of it; what vclip uses of them needs none of the
compiled part, so a stub stands in, only where the real one fails.
"""

import sys
import types


def ensure_torchaudio() -> None:
    """Call it before anything that imports torchaudio."""
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = stub
