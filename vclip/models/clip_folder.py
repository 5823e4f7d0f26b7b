"""Folders of saved CLIPs: on disk, or of the Hugging Face hub at a pinned commit, fetched once."""

import hashlib
import re
from pathlib import Path

from vclip.errors import ModelError
from vclip.models.cache import fetch_snapshot
from vclip.models.download import sha256

# ViT-B/32. The commit is the hub's own conversion of the weights to safetensors: the branch `main`
# holds pickles only, which transformers 5 refuses
OPENAI_CLIP = "openai/clip-vit-base-patch32@c237dc49a33fc61debc9276459120b7eac67e7ef"
PINNED_CLIP = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", re.ASCII)
INSTEAD = "fetch it where there is a network, and name its directory instead"


def find_clip(spec: str) -> Path:
    """The directory of a CLIP: `clip` (OpenAI's ViT-B/32), a directory, or OWNER/NAME@COMMIT.

    Raises ModelError; DownloadError where the hub cannot be reached.
    """
    if Path(spec).is_dir():
        return Path(spec)
    pinned = PINNED_CLIP.fullmatch(OPENAI_CLIP if spec == "clip" else spec)
    if not pinned:
        raise ModelError(
            f"there is no CLIP {spec!r}; use clip, a directory, or OWNER/NAME@COMMIT with the 40 "
            "hexadecimal digits of a commit of the hub"
        )
    return fetch_snapshot(pinned[1], pinned[2], INSTEAD)


def clip_hash(folder: Path) -> str:
    """One SHA-256 of everything in a CLIP's directory that decides image_features."""
    files = [folder / name for name in ("config.json", "preprocessor_config.json")]
    digests = [
        f"{path.name} {sha256(path)}\n"
        for path in [*files, *sorted(folder.glob("*.safetensors"))]
        if path.is_file()
    ]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
