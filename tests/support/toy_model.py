"""A whole model directory in miniature, with random weights in the true file formats."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from vclip.association.model import Association, AssociationConfig, save_association
from vclip.face import encoder
from vclip.recipes.generation.assemble import describe
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import BLANK, VOCABULARY, build_vits, save_vits

N_CHANNELS = 16
N_FACES = 7
MODEL_ARGS = {
    "hidden_channels": 16,
    "hidden_channels_ffn_text_encoder": 32,
    "num_layers_text_encoder": 1,
    "num_layers_posterior_encoder": 1,
    "num_layers_flow": 1,
    "resblock_type_decoder": "2",
    "resblock_kernel_sizes_decoder": [3],
    "resblock_dilation_sizes_decoder": [[1, 2]],
    "upsample_rates_decoder": [8, 8, 4],
    "upsample_kernel_sizes_decoder": [16, 16, 8],
    "upsample_initial_channel_decoder": 16,
    "use_sdp": False,
}
SPEAKERS = ["c1", "c2", "fslt", "p1", "p2", "p3"]


def make_vits(directory: Path) -> Path:
    """A VITS of six speakers, one of them hidden."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_vits(MODEL_ARGS, len(SPEAKERS), N_CHANNELS)
        with torch.no_grad():  # without this a random duration predictor hardly speaks
            model.duration_predictor.proj.bias += 1.0
        state = model.state_dict()
    settings = {
        "model_args": MODEL_ARGS,
        "sample_rate": 22050,
        "vocabulary": VOCABULARY,
        "blank": BLANK,
        "speakers": SPEAKERS,
        "hidden": ["fslt"],
    }
    save_vits(directory, state, settings)
    return directory


def make_model(directory: Path) -> Path:
    """Everything that FaceToVoice.from_pretrained reads."""
    make_vits(directory)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, N_CHANNELS)).astype(np.float32)
    SpeakerGMM.fit(table, 2, seed=0).save(directory / "generation.npz")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        SignatureNet(N_CHANNELS, 256, 32).save(directory / "signature.safetensors", {})
        face = encoder.SmallFaceEncoder()
        heads = Association(AssociationConfig(face.dimension))
    save_association(directory / "association.safetensors", heads, {})
    header = {"vclip": json.dumps({"architecture": face.architecture})}
    save_file(face.state_dict(), directory / "face_encoder.safetensors", header)
    voice_features = np.abs(rng.normal(size=(5, 256))).astype(np.float32)
    names = np.array([s for s in SPEAKERS if s != "fslt"])
    np.savez(directory / "bank.npz", speaker_ids=names, voice_features=voice_features)
    faces = rng.normal(size=(N_FACES, face.dimension)).astype(np.float16)
    np.savez(directory / "faces.npz", image_features=faces)
    (directory / "vclip.json").write_text(json.dumps(describe(directory)))
    return directory
