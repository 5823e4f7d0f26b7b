"""Settings of the evaluation of an association."""

from dataclasses import dataclass, field
from pathlib import Path

from vclip.errors import DataError
from vclip.recipes.data.features import FeatureSource
from vclip.recipes.evaluation.protocols import ProtocolName


@dataclass(frozen=True)
class EvaluationSettings:
    """The command line: either pairs or a protocol."""

    pairs: Path | None = None
    """manifest of pairs (CSV)"""
    protocol: ProtocolName | None = None
    """a published protocol instead"""
    lists: Path | None = None
    """folder of the protocol's trial lists"""
    meta: Path | None = None
    """vox1_meta.csv, if not beside the lists"""
    features: Path | None = None
    """feature shards (vclip.recipes.data.features)"""
    heard: str = "English"
    """p4: language the model was trained on"""
    submission: Path | None = None
    """p4: folder for score files, no figures"""
    model: str = "bundled"
    """model directory"""
    zero_shot: bool = False
    """CLIP and words, untrained"""
    split: str | None = None
    """only rows of this split"""
    json: bool = False
    """print JSON instead of a table"""
    draws: int = 1000
    """bootstrap draws"""
    seed: int = 0
    """of the bootstrap"""
    utk: Path | None = None
    """labelled faces for the sex probe (CSV: path, sex)"""
    voices: Path | None = None
    """labelled voices for the sex probe (CSV: path, sex, source)"""
    source: FeatureSource = field(default_factory=FeatureSource)

    def __post_init__(self) -> None:
        """Raises DataError for options that do not fit each other."""
        if (self.pairs is None) == (self.protocol is None):
            raise DataError("give either --pairs or --protocol")
        if self.protocol and not (self.lists and self.features):
            raise DataError("--protocol needs the --lists it consists of and --features to score")
        if self.zero_shot and not self.features:
            raise DataError("--zero-shot needs the --features of a CLIP")
        if self.draws < 1:
            raise DataError("--draws must be at least 1")
