"""Simulated raters: bias, variance, inattention and haste around known qualities of sounds.

A rater's opinion of a sound is a normal number around its condition's quality, on the scale of ACR
answers; what they answer is that number rounded to 1 … 5. All other questions are answered from the
same opinions. What a panel of infinitely many such raters would give on average is known in closed
form (`GroundTruth.mean`), so intervals can be held against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import stats

from vclip.listening.design.study import ACR, SLOTS, Study
from vclip.listening.store.records import Value

Kind = Literal["attentive", "inattentive", "hasty"]
StimulusId = tuple[str, str]
"""Item, condition."""

# Qualities of gold sounds; 1 and 5 are five deviations of an opinion from being taken for anything
# else: one honest rater in a hundred must not fail by chance
GOLD = {"5": 9.0, "4": 4.0, "3": 3.0, "2": 2.0, "1": -3.0}
TIE = 0.4  # opinions this close are no preference
HEARD_ALIKE = 0.9  # share of abx trials whose difference is heard


@dataclass(frozen=True)
class GroundTruth:
    """Planted qualities by condition, and the standard deviations around them."""

    quality: Mapping[str, float]
    rater: float = 0.5  # bias of raters
    item: float = 0.3
    noise: float = 0.7  # of one opinion
    gold: Mapping[StimulusId, float] = field(default_factory=dict)  # sounds of gold trials

    def mean(self, condition: str) -> float:
        """Expected ACR answer over all raters and items: Σ P(answer > k) for k = 1 … 4, plus 1."""
        spread = np.sqrt(self.rater**2 + self.item**2 + self.noise**2)
        above = stats.norm.sf(np.arange(1.5, 5), self.quality[condition], spread)
        return float(1 + above.sum())


def planted(study: Study, effect: float = 0.6) -> GroundTruth:
    """Conditions apart by the effect, best first, around 3; gold sounds where they are expected."""
    names = [condition.id for condition in study.conditions]
    quality = {name: 3 + effect * ((len(names) - 1) / 2 - i) for i, name in enumerate(names)}
    gold: dict[StimulusId, float] = {}
    for probe in study.design.gold:
        for name in probe.conditions if probe.expected else []:
            if study.question(probe.question).type in ACR:
                gold[probe.item, name] = GOLD[str(probe.expected)]
            else:  # ab: the expected one is far better, a tie is exact
                far = {probe.expected: GOLD["5"], "tie": 3.0}.get(name, GOLD["1"])
                gold[probe.item, name] = 3.0 if probe.expected == "tie" else far
    return GroundTruth(quality, gold=gold)


@dataclass(frozen=True)
class SimulatedRater:
    """One person. inattentive: answers by lot; hasty: too, without listening or waiting."""

    kind: Kind
    bias: float

    @property
    def seconds(self) -> float:
        """Median time of an answer, s."""
        return 0.4 if self.kind == "hasty" else 8.0


class RaterPanel:
    """Raters over one truth; item effects are drawn once, for all raters alike."""

    def __init__(
        self,
        study: Study,
        truth: GroundTruth,
        rng: np.random.Generator,
        inattentive: float = 0.0,
        hasty: float = 0.0,
    ) -> None:
        self.study, self.truth = study, truth
        self._shares = (inattentive, hasty)
        self._items = {item.id: truth.item * rng.standard_normal() for item in study.items}

    def raters(self, n: int, rng: np.random.Generator) -> list[SimulatedRater]:
        """n of them, with the shares of careless ones as exact as they can be."""
        inattentive, hasty = (round(n * share) for share in self._shares)
        kinds: list[Kind] = ["attentive" for _ in range(n)]
        for i in range(inattentive + hasty):
            kinds[i] = "inattentive" if i < inattentive else "hasty"
        biases = self.truth.rater * rng.standard_normal(n)
        return [SimulatedRater(kinds[i], float(biases[i])) for i in rng.permutation(n)]

    def answer(
        self,
        rater: SimulatedRater,
        question: str,
        sounds: Sequence[StimulusId],
        face: str | None,
        told: str | None,
        rng: np.random.Generator,
    ) -> Value:
        """To a trial with these sounds (abx: A, B, X); face: the item shown; told: what to say."""
        asked = self.study.question(question)
        slots = SLOTS[: 2 if asked.type in ("ab", "abx") else len(sounds)]
        if rater.kind != "attentive":
            if asked.type == "multi":
                return {slot: float(rng.integers(0, 101)) for slot in slots}
            return str(rng.choice(asked.values))
        if told is not None:
            return told
        opinions = [self._opinion(rater, sound, rng) for sound in sounds]
        if asked.type in ACR:
            return str(int(np.clip(np.rint(opinions[0]), 1, 5)))
        if asked.type == "multi":
            scale = np.clip((np.array(opinions) - 1) * 25, 0, 100)
            return {slot: float(round(x)) for slot, x in zip(slots, scale, strict=True)}
        if asked.type == "ab" and asked.ties and abs(opinions[0] - opinions[1]) < TIE:
            return "tie"
        if asked.type == "abx":
            right = SLOTS[list(sounds[:2]).index(sounds[2])]
            return right if rng.random() < HEARD_ALIKE else str(rng.choice(list(slots)))
        if asked.type == "afc":  # one's own voice fits better by as much as the planted quality
            fits = self.truth.quality[sounds[0][1]] / 2
            own = [fits * (item == face) for item, _ in sounds]
            opinions = [x + more for x, more in zip(opinions, own, strict=True)]
        return slots[int(np.argmax(opinions))]

    def _opinion(self, rater: SimulatedRater, sound: StimulusId, rng: np.random.Generator) -> float:
        item, condition = sound
        quality = self.truth.gold.get(sound, self.truth.quality[condition] + self._items[item])
        return float(quality + rater.bias + self.truth.noise * rng.standard_normal())
