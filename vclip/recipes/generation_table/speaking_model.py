"""The parts of a model directory that choose and speak voices, without a page around them."""

from dataclasses import dataclass

import numpy as np

from vclip.arrays import Float32
from vclip.models import fitted, load
from vclip.models.directory import ModelDirectory
from vclip.models.download import sha256
from vclip.speakers.candidates import Heads
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import CoquiVits


@dataclass(frozen=True)
class SpeakingModel:
    """Synthesizer, bank, speaker mixture, signature network and heads of a model directory."""

    name: str
    synthesizer: CoquiVits
    weights_hash: str  # of the synthesizer
    speaker_ids: list[str]  # of the bank
    table: Float32  # (P, S) their speaker embeddings
    features: Float32  # (P, V) as the bank heard them
    gmm: SpeakerGMM
    signature: SignatureNet
    heads: Heads
    takes_voices: bool  # whether a speaker embedding is a voice encoder's output

    @classmethod
    def load(
        cls, directory: ModelDirectory, n_components: int | None, seed: int
    ) -> "SpeakingModel":
        """n_components: fit a mixture of so many anew. Raises ModelError."""
        folder = directory.folder("synthesizer")
        synthesizer = CoquiVits.load(folder)
        with np.load(directory.file("bank"), allow_pickle=False) as file:
            bank = dict(file)
        ids, features = bank["speaker_ids"].tolist(), bank["voice_features"]
        table = synthesizer.speaker_embeddings[[synthesizer.speaker_ids.index(s) for s in ids]]
        files = (folder / "vits.safetensors", *sorted(folder.glob("*.pth")))
        return cls(
            directory.name,
            synthesizer,
            sha256(next(path for path in files if path.is_file())),
            ids,
            table,
            features,
            SpeakerGMM.fit(table, n_components, seed)
            if n_components
            else fitted.speaker_gmm(directory, table),
            fitted.signature_net(directory, table, features),
            load.load_heads(directory, bank),
            "speaker_encoder" in directory.components["synthesizer"],
        )
