"""One run of the generation table: people, candidates, evaluator, choices of every method."""

import numpy as np
from scipy.spatial.distance import cosine

from vclip.arrays import Float32, Float64
from vclip.association.model import Association, load_association
from vclip.errors import DataError
from vclip.models import fitted, load
from vclip.models.directory import ModelDirectory
from vclip.models.download import sha256
from vclip.recipes.data.clips import read_voice
from vclip.recipes.data.encoders import open_voice_encoder
from vclip.recipes.data.manifest import key_of, read_pairs
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.data.shards import PairFeatures, open_features, pair_features
from vclip.recipes.evaluation.model_features import encode_faces
from vclip.recipes.generation.spoken_features import SENTENCES
from vclip.recipes.generation_table import ranking
from vclip.recipes.generation_table.evaluator import train_on_half
from vclip.recipes.generation_table.ranking import expected_voices
from vclip.recipes.generation_table.settings import GenerationTableSettings
from vclip.recipes.generation_table.spoken_voices import SpokenVoices
from vclip.recipes.tts.prepare import transcribed
from vclip.speakers.candidates import Heads
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import CoquiVits

VIEWS = 4  # of every training face
OWN = "informed, model's signature"


class Experiment:
    """The faces of a split, and what each method of the table chooses for them."""

    def __init__(self, settings: GenerationTableSettings) -> None:
        """Raises DataError, ModelError."""
        self.settings = settings
        directory = ModelDirectory.open(settings.model)
        self.name, folder = directory.name, directory.folder("synthesizer")
        synthesizer = CoquiVits.load(folder)
        with np.load(directory.file("bank"), allow_pickle=False) as file:
            bank = dict(file)
        self.speaker_ids, self.bank_heard = bank["speaker_ids"].tolist(), bank["voice_features"]
        rows = [synthesizer.speaker_ids.index(speaker) for speaker in self.speaker_ids]
        self.bank = synthesizer.speaker_embeddings[rows]  # (P, S); heard as (P, V)
        self.gmm = (
            SpeakerGMM.fit(self.bank, settings.n_components, settings.seed)
            if settings.n_components
            else fitted.speaker_gmm(directory, self.bank)
        )
        self._takes_voices = "speaker_encoder" in directory.components["synthesizer"]
        self._encoder, voice_hash = open_voice_encoder(settings.voice_encoder)
        weights = (folder / "vits.safetensors", *sorted(folder.glob("*.pth")))
        hashes = sha256(next(path for path in weights if path.is_file())), voice_hash
        self.speech = SpokenVoices(synthesizer, self._encoder, hashes, settings.source.store)
        self.test, self.known = self._people(directory)
        self.faces, self.voices = self.test.first()  # (N, F) and (N, V)
        self.person = [pair.person for pair in self.test.pairs]
        rng = np.random.default_rng([settings.seed, 4])
        self.candidates = self.gmm.sample(settings.n, rng)  # (M, S)
        signature = fitted.signature_net(directory, self.bank, self.bank_heard)
        self._expected = expected_voices(signature, self.candidates)  # (M, V)
        self.evaluator = (
            load_association(settings.evaluator) if settings.evaluator else self._train(half=1)
        )
        self._heads: Heads = (
            self._train(half=0) if settings.halves else load.load_heads(directory, bank)
        )
        self._image_emb = encode_faces(self._heads, self.faces)

    def _train(self, half: int) -> Association:
        settings = self.settings
        return train_on_half(self.known, half, settings.seed, settings.preset, settings.cache)

    def _people(self, directory: ModelDirectory) -> tuple[PairFeatures, PairFeatures]:
        """Features of the split's rows and of the others'; several views and windows of each."""
        settings = self.settings
        rows = read_pairs(settings.pairs)
        test = [pair for pair in rows if pair.split == settings.split]
        others = [pair for pair in rows if pair.split != settings.split]
        if not test or not others:
            what = "rows of" if not test else "other rows than"
            raise DataError(f"{settings.pairs} has no {what} split {settings.split!r}")
        images = directory.clip("image_encoder") or str(directory.file("image_encoder"))
        if settings.features:
            sides = open_features(settings.features)
        else:
            encoders = images, settings.voice_encoder
            sides = settings.source.open(settings.pairs, *encoders, VIEWS, windows=True)
        return pair_features(test, *sides), pair_features(others, *sides)

    def choices(self) -> tuple[dict[str, Float32], list[str]]:
        """Speaker embeddings (N, k, S) by method, best first, and why a method is missing."""
        settings, missing = self.settings, []
        pool = self.candidates[: settings.spoken]
        chosen = {
            "draw nearest to the true voice": self._nearest(self.voices),
            "random draws": ranking.random_draws(pool, len(self.faces), settings.k, settings.seed),
            "direct mapping": self._direct(),
        }
        expected: dict[str, Float32] = {}  # what the candidates will sound like (M, V), by method
        if self._takes_voices:
            expected["naive"] = self.candidates
        else:
            missing.append(
                f"naive: not defined. The synthesizer of {self.name} learned its speaker "
                f"embeddings (S = {self.bank.shape[1]}); they are no voice features (V = "
                f"{self.bank_heard.shape[1]}). The nearest thing is 'never listened'"
            )
        try:
            recorded = self._recorded()
            ridge = SignatureNet.ridge(self.bank[list(recorded)], np.stack([*recorded.values()]))
            expected["never listened"] = expected_voices(ridge, self.candidates)
        except DataError as error:
            missing.append(f"never listened: not computed. {error}")
        expected[OWN] = self._expected
        for n in (1, settings.sentences):
            expected[f"informed, {n} sentence{'s' * (n > 1)}"] = self._informed(n)
        for name, voices in expected.items():
            chosen[name] = ranking.rank(
                voices, self.candidates, self._heads, self._image_emb, settings.k
            )
        return chosen, missing

    def _nearest(self, voices: Float32) -> Float32:
        return ranking.nearest_draws(self._expected, self.candidates, voices)

    def _direct(self) -> Float32:
        """The regression from image_features, trained on the manifest's other people.

        Their voices are no speaker embeddings; the draws nearest to them stand for those.
        """
        faces, voices = self.known.first()
        return ranking.direct_mapping(faces, self._nearest(voices)[:, 0], self.faces)

    def _recorded(self) -> dict[int, Float32]:
        """What is heard (V,) in the own recordings of the bank's speakers, by row of the bank.

        A ridge from speakers to these has heard no synthesised speech. Raises DataError.
        """
        data, settings, found = self.settings.recordings, self.settings, dict[int, Float32]()
        if data is not None:
            manifest, files = data / "voices" / "manifest.csv", dict[str, list[str]]()
            for speaker, _, path in transcribed(data):
                files.setdefault(speaker, []).append(key_of(path, manifest.parent))
            _, heard = settings.source.open(manifest, voice_encoder=settings.voice_encoder)
            keys = [[k for k in files.get(s, []) if k in heard] for s in self.speaker_ids]
            found = {i: mean_voice(list(heard.matrix(own))) for i, own in enumerate(keys) if own}
        if not found:
            raise DataError("--recordings names no data that the synthesizer's speakers come from")
        return found

    def _informed(self, n_sentences: int) -> Float32:
        """By a signature network that heard so many sentences of draws that are no candidates."""
        rng = np.random.default_rng([self.settings.seed, 5])
        draws = self.gmm.sample(self.settings.listened, rng)
        heard = self.speech.hear_mean(draws, "listening", SENTENCES[:n_sentences])
        spoken = ~np.isnan(heard).any(axis=1)
        known = self.bank, self.bank_heard
        net = ranking.train_signature(draws[spoken], heard[spoken], known, self.settings.seed)
        return expected_voices(net, self.candidates)

    def hear(self, name: str, chosen: Float32) -> Float32:
        """voice_features (N, k, V) of a method's choices (N, k, S)."""
        flat = chosen.reshape(-1, chosen.shape[-1])
        return self.speech.hear(flat, name).reshape(*chosen.shape[:2], -1)

    def recording_halves(self) -> Float64:
        """Cosines (N,) of the first and the second half of the true recordings.

        nan where features were given, which may lack the recordings beside them.
        """
        if self.settings.features:
            return np.full(len(self.test.pairs), np.nan)
        found = []
        for pair in self.test.pairs:
            wav, rate = read_voice(pair.voice)
            halves = np.array_split(wav, [len(wav) // 2])
            one, other = (self._encoder.encode(half, rate).astype(np.float64) for half in halves)
            found.append(1 - cosine(one, other))
        return np.array(found)
