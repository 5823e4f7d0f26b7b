"""What is drawn from features: versions of rows, and which rows make a batch."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from vclip.errors import DataError
from vclip.recipes.association.batches import Batches, VersionedFeatures
from vclip.recipes.association.settings import FitConfig

CONFIG = FitConfig(batch=8, seed=3)
PERSON = torch.tensor([0] * 7 + [1] * 2 + [2] * 4 + [3] * 1 + [4] * 6)
RNG = torch.Generator()


def test_several_windows_are_averaged_at_the_norm_of_the_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = np.eye(3, dtype="f4") * 2
    side = VersionedFeatures([rows, rows[:1]])
    drawn = torch.stack([side.draw_mean(torch.tensor([0, 1]), rng) for _ in range(50)])
    torch.testing.assert_close(drawn.norm(dim=2), torch.full((50, 2), 2.0))
    assert (drawn[:, 1, 0] == 2).all()  # padding is never drawn
    assert len({tuple(row.tolist()) for row in drawn[:, 0]}) > 3


def test_a_random_version_is_one_of_those_there() -> None:
    side = VersionedFeatures([np.full((2, 3), 5, "f4"), np.full((4, 3), 7, "f4")])
    rows = side.draw(torch.tensor([0, 1] * 50), torch.Generator().manual_seed(1))
    assert set(rows[0::2].flatten().tolist()) == {5.0}
    assert set(rows[1::2].flatten().tolist()) == {7.0}


def test_the_first_version_is_the_plain_one_of_all_or_of_some_rows() -> None:
    side = VersionedFeatures(
        [np.full((n, 3), n, "f4") + np.arange(n, dtype="f4")[:, None] for n in (2, 1, 4)]
    )
    assert side.plain()[:, 0].tolist() == [2, 1, 4] and len(side) == 3
    assert side.plain(torch.tensor([2, 0]))[:, 0].tolist() == [4, 2]


def test_a_pass_visits_every_row_at_most_once_in_an_order_of_its_own() -> None:
    batches = Batches(PERSON, CONFIG)
    first, second = (
        torch.cat([batches.at(step, RNG) for step in steps]) for steps in ((0, 1), (2, 3))
    )
    for one in (first, second):
        assert len(one) == len(set(one.tolist())) == 16  # four of twenty wait
    assert not torch.equal(first, second)
    again = Batches(PERSON, CONFIG)
    assert torch.equal(again.at(3, RNG), second[8:])  # whatever came before
    other = Batches(PERSON, replace(CONFIG, seed=4))
    assert not torch.equal(other.at(3, RNG), second[8:])


def test_over_many_passes_every_row_has_its_turn() -> None:
    batches = Batches(PERSON, CONFIG)
    seen = torch.bincount(torch.cat([batches.at(i, RNG) for i in range(400)]), minlength=20)
    assert seen.min() > 120 and seen.max() <= 200  # 160 on average, 5.7 the deviation


@pytest.mark.parametrize("together", [2, 3])
def test_rows_of_a_person_come_together(together: int) -> None:
    batches = Batches(PERSON, replace(CONFIG, batch=20, rows_per_person=together))
    persons = PERSON[batches.at(0, RNG)].tolist()
    assert sorted(batches.at(0, RNG).tolist()) == list(range(20))
    runs = [[persons[0]]]
    for person in persons[1:]:
        runs[-1].append(person) if person == runs[-1][0] else runs.append([person])
    expected = {k: -(-persons.count(k) // together) for k in range(5)}  # full runs and a rest
    for k, n in expected.items():
        assert sum(run[0] == k for run in runs) <= n
    assert max(len(run) for run in runs) <= max(persons.count(k) for k in range(5))
    apart = sum(a != b for a, b in itertools.pairwise(persons))
    assert apart < sum(expected.values())


def test_without_passes_batches_are_drawn_from_the_generator() -> None:
    batches = Batches(PERSON, replace(CONFIG, passes=False))
    one, again = (batches.at(0, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, again) and len(set(one.tolist())) == 8


def test_few_rows_are_one_batch_and_processes_get_equal_shares() -> None:
    assert len(Batches(PERSON, replace(CONFIG, batch=99)).at(5, RNG)) == 20
    assert len(Batches(PERSON, replace(CONFIG, batch=99), share=3).at(5, RNG)) == 18
    with pytest.raises(DataError, match="too few for 4 processes"):
        Batches(PERSON[:3], CONFIG, share=4)
