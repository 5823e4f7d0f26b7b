"""Settings of the association's training, with the paper's and the bundled model's presets."""

from dataclasses import dataclass
from typing import Literal

from vclip.association.model import HeadSizes
from vclip.errors import DataError

LEAST = {"image_hidden": 1, "image_layers": 0, "couplings": 1, "coupling_hidden": 1, "batch": 2}
LEAST |= {"steps": 1, "check_every": 1, "patience": 1, "label_steps": 0, "rows_per_person": 0}
LEAST |= {"hard_negatives": 0, "image_noise": 0, "voice_noise": 0}


@dataclass(frozen=True)
class FitConfig(HeadSizes):
    """Defaults are the paper's (Vclip §4.1); "ours" marks what it leaves open."""

    image_hidden: int = 512  # Wav2CLIP's MLP: one hidden layer of 512, dropout .1
    dropout: float = 0.1
    coupling_hidden: int = 512  # ours
    loss: Literal["clip", "sge2e"] = "clip"  # the other one is the paper's ablation
    logit_scale: float = 2.659  # ours: CLIP's ln(1 / .07); where the log temperature starts
    learn_temperature: bool = True  # ours; else it stays there
    mask_same_person: bool = False  # rows of one person are never each other's negatives
    hard_negatives: float = 0.0  # how much more a negative counts the closer it is; 5 is a lot
    noise_robust: bool = False  # pairs that score like strangers count less
    steps: int = 20_000  # at most; ours
    batch: int = 1024  # over all processes
    passes: bool = True  # every row once before any again; else each batch is drawn anew
    rows_per_person: int = 0  # of a batch, in passes: GE2E's M; 0: rows as they come
    learning_rate: float = 1e-3  # ours
    weight_decay: float = 0.01  # ours
    vary_image: bool = False  # a random frame or view of a clip per visit, else its first frame
    vary_voice: bool = False  # random windows of a recording per visit, else the whole of it
    image_noise: float = 0.0  # standard deviations of a standardised feature
    voice_noise: float = 0.0
    label_steps: int = 0  # first on faces and voices matched by sex only
    label_weight: float = 0.0  # or beside the pairs: keeps clean studio voices in their place
    average: float = 0.0  # of the weights' moving average, which is what is kept
    check_every: int = 130  # steps; ours: about one pass over VoxCeleb2's clips
    patience: int = 3  # checks without a better dev AUC before stopping; ours
    precision: Literal["float32", "bfloat16", "float16"] = "float32"  # inside both heads
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises DataError for numbers with which nothing could be trained."""
        for name, least in LEAST.items():
            if not getattr(self, name) >= least:
                raise DataError(f"--{name.replace('_', '-')} must be {least} or more")


PRESETS = {
    "paper": FitConfig(),
    # 750 people: everything here fights overfitting; chosen by cross-validation (docs/log.md)
    "bundled": FitConfig(
        image_layers=0,
        couplings=2,
        coupling_hidden=32,
        logit_scale=2.0,
        mask_same_person=True,
        steps=480,
        batch=128,
        passes=False,
        learning_rate=3e-4,
        weight_decay=0.1,
        vary_image=True,
        vary_voice=True,
        image_noise=1.0,
        voice_noise=1.0,
        label_weight=0.03,
        average=0.98,
        check_every=40,
        patience=1000,
    ),
}
