"""One run of the generation table: people, candidates, evaluator, choices of every method."""

import functools
from collections.abc import Callable

import numpy as np
from sklearn.preprocessing import normalize

from vclip.arrays import Float32, Float64
from vclip.association.model import load_association
from vclip.errors import DataError
from vclip.models import fitted, load
from vclip.models.directory import ModelDirectory
from vclip.models.download import sha256
from vclip.recipes.data.clips import read_voice
from vclip.recipes.data.encoders import open_voice_encoder
from vclip.recipes.data.features import make_features
from vclip.recipes.data.manifest import key_of, read_pairs
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.data.shards import PairFeatures, open_features, pair_features
from vclip.recipes.evaluation.model_features import encode_faces
from vclip.recipes.generation.spoken_features import SENTENCES
from vclip.recipes.generation_table import ranking
from vclip.recipes.generation_table.evaluator import train_on_half
from vclip.recipes.generation_table.ranking import ChosenVoices, expected_voices
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
        self.speech = SpokenVoices(synthesizer, self._encoder, hashes, settings.store)
        self.test, self.known = self._people(directory)
        self.faces, self.voices = self.test.first()  # (N, F) and (N, V)
        self.person = [pair.person for pair in self.test.pairs]
        rng = np.random.default_rng([settings.seed, 4])
        self.candidates = self.gmm.sample(settings.n, rng)  # (M, S)
        signature = fitted.signature_net(directory, self.bank, self.bank_heard)
        self._expected = expected_voices(signature, self.candidates)  # (M, V)
        train = functools.partial(
            train_on_half,
            self.known,
            seed=settings.seed,
            preset=settings.preset,
            cache=settings.cache,
        )
        self.evaluator = (
            load_association(settings.evaluator) if settings.evaluator else train(which=1)
        )
        self._heads: Heads = train(which=0) if settings.halves else load.load_heads(directory, bank)
        self._image_emb = encode_faces(self._heads, self.faces)

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
        folder = settings.features or make_features(
            settings.pairs,
            images,
            settings.voice_encoder,
            store=settings.store,
            yunet=settings.yunet,
            views=VIEWS,
            windows=True,
        )
        sides = open_features(folder)
        return pair_features(test, *sides), pair_features(others, *sides)

    def choices(self) -> tuple[list[ChosenVoices], list[str]]:
        """Every method's choices, and why some is missing."""
        chosen = [
            self._nearest(self.voices),
            ranking.random_draws(
                self.candidates,
                len(self.faces),
                self.settings.k,
                self.settings.spoken,
                self.settings.seed,
            ),
            self._direct(),
        ]
        missing = []
        methods: list[Callable[[], ChosenVoices]] = [self._naive, self._never_listened]
        for method in methods:
            try:
                chosen.append(method())
            except DataError as error:
                missing.append(str(error))
        informed = [self._informed(n) for n in (1, self.settings.sentences)]
        return [*chosen, self._rank(OWN, self._expected), *informed], missing

    def _rank(self, name: str, expected: Float32) -> ChosenVoices:
        """The k best of the candidates, expected to sound like (M, V)."""
        return ranking.rank(
            name, expected, self.candidates, self._heads, self._image_emb, self.settings.k
        )

    def _nearest(self, voices: Float32) -> ChosenVoices:
        return ranking.nearest_draws(self._expected, self.candidates, voices)

    def _direct(self) -> ChosenVoices:
        """The regression from image_features, trained on the manifest's other people.

        Their voices are no speaker embeddings; the draws nearest to them stand for those.
        """
        faces, voices = self.known.first()
        speakers = self._nearest(voices).speaker_embeddings[:, 0]
        return ranking.direct_mapping(faces, speakers, self.faces)

    def _naive(self) -> ChosenVoices:
        """Raises DataError where a speaker embedding is no voice encoder's output."""
        if not self._takes_voices:
            n_speaker, n_voice = self.bank.shape[1], self.bank_heard.shape[1]
            raise DataError(
                f"naive: not defined. The synthesizer of {self.name} learned its speaker "
                f"embeddings (S = {n_speaker}); they are no voice features (V = {n_voice}). The "
                "nearest thing is 'never listened'"
            )
        return self._rank("naive", self.candidates)

    def _never_listened(self) -> ChosenVoices:
        """A ridge from speakers to their own recordings, which has heard no synthesised speech."""
        rows, recorded = self._recordings()
        if not rows:
            raise DataError(
                "never listened: not computed. --recordings names no data that the synthesizer's "
                "speakers come from"
            )
        ridge = SignatureNet.ridge(self.bank[rows], np.stack(recorded))
        return self._rank("never listened", expected_voices(ridge, self.candidates))

    def _recordings(self) -> tuple[list[int], list[Float32]]:
        """Which of the bank's speakers have recordings, and what is heard in each's (V,)."""
        data, settings = self.settings.recordings, self.settings
        if data is None:
            return [], []
        manifest, files = data / "voices" / "manifest.csv", dict[str, list[str]]()
        for speaker, _, path in transcribed(data):
            files.setdefault(speaker, []).append(key_of(path, manifest.parent))
        made = make_features(manifest, voice_encoder=settings.voice_encoder, store=settings.store)
        _, heard = open_features(made)
        keys = [[k for k in files.get(s, []) if k in heard] for s in self.speaker_ids]
        rows = [i for i, mine in enumerate(keys) if mine]
        return rows, [mean_voice(list(heard.matrix(keys[i]))) for i in rows]

    def _informed(self, n_sentences: int) -> ChosenVoices:
        """By a signature network that heard so many sentences of draws that are no candidates."""
        rng = np.random.default_rng([self.settings.seed, 5])
        draws = self.gmm.sample(self.settings.listened, rng)
        heard = self.speech.hear_mean(draws, "listening", SENTENCES[:n_sentences])
        spoken = ~np.isnan(heard).any(axis=1)
        known = self.bank, self.bank_heard
        net = ranking.train_signature(draws[spoken], heard[spoken], known, self.settings.seed)
        name = f"informed, {n_sentences} sentence{'s' * (n_sentences > 1)}"
        return self._rank(name, expected_voices(net, self.candidates))

    def hear(self, chosen: ChosenVoices) -> Float32:
        """voice_features (N, k, V) of a method's choices."""
        n, k, width = chosen.speaker_embeddings.shape
        flat = chosen.speaker_embeddings.reshape(n * k, width)
        return self.speech.hear(flat, chosen.name).reshape(n, k, -1)

    def recording_halves(self) -> Float64:
        """Cosines (N,) of the first and the second half of the true recordings.

        nan where features were given, which may lack the recordings beside them.
        """
        if self.settings.features:
            return np.full(len(self.test.pairs), np.nan)
        halves: tuple[list[Float32], list[Float32]] = ([], [])
        for pair in self.test.pairs:
            wav, rate = read_voice(pair.voice)
            middle = len(wav) // 2
            for found, part in zip(halves, (wav[:middle], wav[middle:]), strict=True):
                found.append(self._encoder.encode(part, rate))
        one, other = (normalize(np.stack(half).astype(np.float64)) for half in halves)
        return np.asarray((one * other).sum(axis=1))
