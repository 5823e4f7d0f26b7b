"""What `generation_table` works with: a model's parts, people to judge by, an evaluator."""

import argparse
import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vclip.arrays import Float32
from vclip.association.model import Association, load_association
from vclip.errors import DataError
from vclip.models import fitted, load
from vclip.models.directory import BUNDLED, ModelDirectory
from vclip.models.download import sha256
from vclip.recipes.data.clips import read_voice
from vclip.recipes.data.encoders import open_voice_encoder
from vclip.recipes.data.features import make_features
from vclip.recipes.data.manifest import key_of, read_pairs
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.data.shards import Shards, open_features, pair_features
from vclip.recipes.generation.spoken_features import SENTENCES
from vclip.recipes.generation_table import evaluator, ranking
from vclip.recipes.generation_table.density import Manifold
from vclip.recipes.generation_table.measures import Judge, Row
from vclip.recipes.generation_table.ranking import Contender, unit
from vclip.recipes.generation_table.spoken_voices import Ear
from vclip.speakers.candidates import Heads
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import CoquiVits

CACHE = Path("build") / "generation_table"
VIEWS = 4  # of every training face
OWN = "informed, model's signature"


@dataclass(frozen=True)
class Parts:
    """A model directory's, as far as they are needed here."""

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
    def of(cls, directory: ModelDirectory, n_components: int | None, seed: int) -> "Parts":
        """n_components: fit a mixture of so many anew. Raises ModelError."""
        folder = directory.folder("synthesizer")
        synthesizer = CoquiVits.load(folder)
        with np.load(directory.file("bank"), allow_pickle=False) as file:
            bank = dict(file)
        ids = bank["speaker_ids"].tolist()
        table = synthesizer.speaker_embeddings[[synthesizer.speaker_ids.index(s) for s in ids]]
        weights = next(
            p for p in (folder / "vits.safetensors", *sorted(folder.glob("*.pth"))) if p.is_file()
        )
        return cls(
            directory.name,
            synthesizer,
            sha256(weights),
            ids,
            table,
            bank["voice_features"],
            SpeakerGMM.fit(table, n_components, seed)
            if n_components
            else fitted.speaker_gmm(directory, table),
            fitted.signature_net(directory, table, bank["voice_features"]),
            load.load_heads(directory, bank),
            "speaker_encoder" in directory.components["synthesizer"],
        )


class Workshop:
    """One run: the faces of a split, and every method's material, made when first asked for."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises DataError, ModelError."""
        self.options = options
        directory = ModelDirectory.open(options.model)
        self.parts = Parts.of(directory, options.n_components, options.seed)
        self.encoder, voice_hash = open_voice_encoder(options.voice_encoder)
        self.ear = Ear(
            self.parts.synthesizer,
            self.encoder,
            (self.parts.weights_hash, voice_hash),
            options.store,
        )
        rows = read_pairs(options.pairs)
        test = [pair for pair in rows if pair.split == options.split]
        others = [pair for pair in rows if pair.split != options.split]
        if not test or not others:
            what = "rows of" if not test else "other rows than"
            raise DataError(f"{options.pairs} has no {what} split {options.split!r}")
        sides = self._sides(directory)
        self.test, self.known = (pair_features(part, *sides) for part in (test, others))
        self.faces, self.voices = self.test.first()
        self.person = [pair.person for pair in self.test.pairs]
        self.candidates = self.drawn("as drawn")
        self.heads, self.judge = self._heads()
        self.image_emb = ranking.encode_faces(self.heads, self.faces)

    def _sides(self, directory: ModelDirectory) -> tuple[Shards, Shards]:
        """Faces and voices of the manifest, with several views and windows of each."""
        options = self.options
        images = directory.clip("image_encoder") or str(directory.file("image_encoder"))
        return open_features(
            options.features
            or make_features(
                options.pairs,
                images,
                options.voice_encoder,
                store=options.store,
                yunet=options.yunet,
                views=VIEWS,
                windows=True,
            )
        )

    def _heads(self) -> tuple[Heads, Association]:
        """Who ranks, and who judges: trained on other people with --halves."""
        options, train = self.options, functools.partial(evaluator.trained, self.known)
        judge = (
            load_association(options.evaluator)
            if options.evaluator
            else train(1, options.seed, options.preset, options.cache)
        )
        ranks: Heads = self.parts.heads
        if options.halves:
            ranks = train(0, options.seed, options.preset, options.cache)
        return ranks, judge

    def rank(self, name: str, expected: Float32, candidates: Float32 | None = None) -> Contender:
        """The k best of the candidates by what they are expected to sound like."""
        among = self.candidates if candidates is None else candidates
        return ranking.ranked(name, expected, among, self.heads, self.image_emb, self.options.k)

    def reference(self) -> Contender:
        """The draw whose expected sound is nearest to the true voice."""
        return self._nearest(self.voices)

    def _nearest(self, voices: Float32) -> Contender:
        expected = ranking.expected_by(self.parts.signature, self.candidates)
        return ranking.nearest(expected, self.candidates, voices)

    def random(self) -> Contender:
        """Draws without retrieval, of which a few hundred are spoken at all."""
        options = self.options
        return ranking.by_chance(
            self.candidates, len(self.faces), options.k, options.spoken, options.seed
        )

    def direct(self) -> Contender:
        """The regression from image_features, trained on the manifest's other people.

        Their voices are no speaker embeddings; the draws nearest to them stand for those.
        """
        faces, voices = self.known.first()
        return ranking.direct(faces, self._nearest(voices).rows[:, 0], self.faces)

    def naive(self) -> Contender:
        """Raises DataError where a speaker embedding is no voice encoder's output."""
        if not self.parts.takes_voices:
            n_speaker, n_voice = self.parts.table.shape[1], self.parts.features.shape[1]
            raise DataError(
                f"naive: not defined. The synthesizer of {self.parts.name} learned its speaker "
                f"embeddings (S = {n_speaker}); they are no voice features (V = {n_voice}). The "
                "nearest thing is 'never listened'"
            )
        return self.rank("naive", self.candidates)

    def never_listened(self) -> Contender:
        """A ridge from speakers to their own recordings, which has heard no synthesised speech."""
        found = self.recordings()
        if found is None:
            raise DataError(
                "never listened: not computed. --recordings names no data that the synthesizer's "
                "speakers come from"
            )
        rows, recorded = found
        ridge = SignatureNet.ridge(self.parts.table[rows], recorded)
        return self.rank("never listened", ranking.expected_by(ridge, self.candidates))

    def informed_model(self) -> Contender:
        """By the directory's own signature network."""
        return self.rank(OWN, ranking.expected_by(self.parts.signature, self.candidates))

    def informed(self, n_sentences: int) -> Contender:
        """By a signature network that heard so many sentences of every draw."""
        net = ranking.informed(
            *self.listened(n_sentences), (self.parts.table, self.parts.features), self.options.seed
        )
        name = f"informed, {n_sentences} sentence{'s' * (n_sentences > 1)}"
        return self.rank(name, ranking.expected_by(net, self.candidates))

    def repaired(self, repair: str) -> Contender:
        """The model's own signature among draws that were brought back to the speakers."""
        rows = self.drawn(repair)
        expected = ranking.expected_by(self.parts.signature, rows)
        return self.rank(f"{OWN}, {repair}", expected, rows)

    def drawn(self, repair: str) -> Float32:
        """Speaker embeddings (n, S) of the mixture under one of `draws.REPAIRS`."""
        rng = np.random.default_rng([self.options.seed, 4])  # the same draws, as far as they stay
        return self._manifold.draw(self.parts.gmm, self.options.n, rng, repair)

    @functools.cached_property
    def _manifold(self) -> Manifold:
        return Manifold(self.parts.table, self.options.seed)

    def listened(self, n_sentences: int) -> tuple[Float32, Float32]:
        """Draws (n, S) that are no candidates, and how they sounded (n, V) in so many sentences."""
        rng = np.random.default_rng([self.options.seed, 5])
        draws = self.parts.gmm.sample(self.options.listened, rng)
        heard = self.ear.hear_all(draws, "listening", SENTENCES[:n_sentences])
        spoken = ~np.isnan(heard).any(axis=1)
        return draws[spoken], heard[spoken]

    @functools.cache  # noqa: B019 - one workshop a run
    def known_heard(self) -> Float32:
        """voice_features (P, V) of the bank's speakers, each in one sentence."""
        return self.ear.hear(self.parts.table, "bank")

    def recordings(self) -> tuple[list[int], Float32] | None:
        """Which of the bank's speakers have recordings, and what is heard in those (n, V)."""
        data = self.options.recordings
        if data is None and self.parts.name == BUNDLED.name:  # its speakers are named like theirs
            data = self.options.data
        if data is None or not (data / "voices" / "manifest.csv").is_file():
            return None
        from vclip.recipes.tts.prepare import transcribed  # imports Praat

        manifest, files = data / "voices" / "manifest.csv", dict[str, list[str]]()
        for speaker, _, path in transcribed(data):
            files.setdefault(speaker, []).append(key_of(path, manifest.parent))
        made = make_features(
            manifest, voice_encoder=self.options.voice_encoder, store=self.options.store
        )
        heard = open_features(made)[1]
        keys = [[k for k in files.get(s, []) if k in heard] for s in self.parts.speaker_ids]
        rows = [i for i, mine in enumerate(keys) if mine]
        if not rows:
            return None
        return rows, np.stack([mean_voice(list(heard.matrix(keys[i]))) for i in rows])

    def heard(self, contender: Contender) -> Float32:
        """voice_features (N, k, V) of a method's choices."""
        n, k, width = contender.rows.shape
        flat = self.ear.hear(contender.rows.reshape(n * k, width), contender.name)
        return flat.reshape(n, k, -1)

    def true_row(self, judge: Judge) -> Row:
        """The recordings themselves; v2v is one half of each against the other, where they are."""
        row = judge.row("true recordings", self.voices[:, None])
        v2v: Float32 | float = np.nan
        if not self.options.features:
            v2v = np.sum(np.prod([unit(half) for half in self._recording_halves()], axis=0), axis=1)
        values = row.values.copy()
        values[:, 0] = v2v
        return replace(row, values=values)

    def _recording_halves(self) -> tuple[Float32, Float32]:
        """Features (N, V) of the first and of the second half of the true recordings."""
        halves: tuple[list[Float32], list[Float32]] = ([], [])
        for pair in self.test.pairs:
            wav, rate = read_voice(pair.voice)
            middle = len(wav) // 2
            for found, part in zip(halves, (wav[:middle], wav[middle:]), strict=True):
                found.append(self.encoder.encode(part, rate))
        return np.stack(halves[0]), np.stack(halves[1])
