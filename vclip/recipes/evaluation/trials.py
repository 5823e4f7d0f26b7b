"""Trials of published protocols: which media are compared with which (docs/method.md, Protocols).

Media are named by their keys (`vclip.recipes.evaluation.media`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from vclip.arrays import Bools
from vclip.recipes.evaluation.media import person_of

Modality = Literal["voice", "face"]


@dataclass(frozen=True)
class ListedMedia:
    """Voices and faces of one list."""

    name: str
    voices: Sequence[str]  # media keys
    faces: Sequence[str]

    def media(self, modality: Modality) -> Sequence[str]:
        """Keys of one modality, repeated as the list repeats them."""
        return self.voices if modality == "voice" else self.faces


class RetrievalGallery(ListedMedia):
    """Every one of these voices against every one of these faces, and the other way round."""


@dataclass(frozen=True)
class VerificationTrials(ListedMedia):
    """Trials (K,) of one list: are this voice and this face one person's?"""

    positive: Bools | None  # (K,); None where the organisers keep the answer
    ids: Sequence[str] = ()  # of trials, where the list names them and hides the persons

    @property
    def persons(self) -> list[tuple[str, str]]:
        """Of voice and face (K, 2). Where they are hidden, each trial has somebody of its own."""
        if self.ids:
            return [(str(i), str(i)) for i in range(len(self.ids))]
        return list(zip(map(person_of, self.voices), map(person_of, self.faces), strict=True))


@dataclass(frozen=True)
class MatchingTrials:
    """Trials of one list: which of the candidates is the probe's person? The first one."""

    name: str
    probe: Modality
    probes: Sequence[str]  # (K,) media keys
    candidates: Sequence[tuple[str, ...]]  # (K, N)

    @property
    def persons(self) -> list[tuple[str, ...]]:
        """The candidates' (K, N)."""
        return [tuple(map(person_of, row)) for row in self.candidates]

    def media(self, modality: Modality) -> Iterable[str]:
        """Keys of one modality, repeated as the trials repeat them."""
        return self.probes if modality == self.probe else chain.from_iterable(self.candidates)


def both_ways(
    name: str, voices: Sequence[tuple[str, ...]], faces: Sequence[tuple[str, ...]]
) -> list[MatchingTrials]:
    """Trials of (K, N) voices and (K, N) faces of the same people, the first of whom is asked for.

    The first voice of a row among its faces, then the first face among its voices.
    """
    return [
        MatchingTrials(name, "voice", [row[0] for row in voices], faces),
        MatchingTrials(name, "face", [row[0] for row in faces], voices),
    ]


@dataclass(frozen=True)
class PublishedProtocol:
    """All lists of one protocol."""

    name: str  # "P1", beside every figure
    title: str
    verification: list[VerificationTrials] = field(default_factory=list)
    matching: list[MatchingTrials] = field(default_factory=list)
    retrieval: list[RetrievalGallery] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def media(self, modality: Modality) -> list[str]:
        """Every key of one modality, each once, in the lists' order."""
        lists: list[ListedMedia | MatchingTrials]
        lists = [*self.verification, *self.matching, *self.retrieval]
        return list(dict.fromkeys(chain.from_iterable(x.media(modality) for x in lists)))

    @property
    def persons(self) -> set[str]:
        """Everybody whom a key names."""
        return {person_of(key) for key in (*self.media("voice"), *self.media("face"))}
