"""Settings of the table of generation."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vclip.errors import DataError
from vclip.recipes.data.encoders import VOICE_CHOICES
from vclip.recipes.data.features import FeatureSource
from vclip.recipes.generation.spoken_features import SENTENCES


@dataclass(frozen=True)
class GenerationTableSettings:
    """The command line."""

    model: Positional[str]
    """model directory: bundled, vctk, a folder, OWNER/NAME@COMMIT"""
    pairs: Path
    """manifest of pairs (CSV): person, face, voice, sex, split"""
    split: str = "dev"
    """whose faces are judged; the others train"""
    features: Path | None = None
    """feature shards of the manifest (vclip.recipes.data.features); made here without them"""
    evaluator: Path | None = None
    """an association of the same encoders; without it one is trained"""
    halves: bool = False
    """rank by heads trained on the other half"""
    preset: Literal["bundled", "paper"] = "bundled"
    """how heads are trained here"""
    k: int = 10
    """voices for a face, as in Vclip §4.3"""
    n: int = 5000
    """candidates, as in Vclip §4.3"""
    n_components: int | None = None
    """fit a mixture of so many anew (Vclip: 100)"""
    listened: int = 400
    """draws that signature networks here hear"""
    sentences: int = 3
    """that the last of them hears of every draw"""
    spoken: int = 300
    """draws among which chance chooses"""
    voice_encoder: Annotated[str, arg(help=VOICE_CHOICES)] = "resemblyzer"
    recordings: Path | None = None
    """data folder with recordings of the synthesizer's speakers, voices/manifest.csv in it"""
    source: FeatureSource = field(default_factory=FeatureSource)
    cache: Path = Path("build") / "generation_table"
    """folder of the heads that are trained here"""
    draws: int = 1000
    """bootstrap draws"""
    seed: int = 0
    json: bool = False
    """print the first table as JSON"""

    def __post_init__(self) -> None:
        """Raises DataError for numbers with which nothing could be chosen."""
        if not 1 <= self.k <= min(self.n, self.spoken):
            raise DataError("--k must be at least 1 and at most --n and --spoken")
        if not 2 <= self.sentences <= len(SENTENCES):
            raise DataError(f"--sentences must be 2 to {len(SENTENCES)}")
