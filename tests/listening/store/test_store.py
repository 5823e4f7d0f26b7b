"""What every store promises: SQLite, PostgreSQL and JSON lines are asked the same."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from simulated_ratings import counted
from stores import answer, enrol, kept, toy, url

from vclip.errors import ConflictError, StudyError
from vclip.listening.design.trials import Counts, Trial, cells
from vclip.listening.store import codes, store
from vclip.listening.store.records import Mark, Rating
from vclip.listening.store.store import Store

__all__ = ["kept", "url"]  # fixtures


def at_once(*jobs: Callable[[], object]) -> list[BaseException]:
    """Run them in threads that start together; what they raised."""
    barrier, raised = threading.Barrier(len(jobs)), list[BaseException]()

    def run(job: Callable[[], object]) -> None:
        barrier.wait()
        try:
            job()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def everything(opened: Store) -> list[object]:
    """All that can be asked of it."""
    found: list[object] = [opened.secret, opened.ratings(), opened.counts(), opened.raters()]
    for one in opened.raters():
        rater = one.rater
        found += [opened.trials(rater), opened.answers(rater)]
        found += [opened.marks(rater), opened.events(rater)]
    return found


def test_raters_are_known_by_their_token_alone(kept: Store) -> None:
    one, other = enrol(kept), enrol(kept)
    assert kept.rater(one.token) == one.rater != other.rater == kept.rater(other.token)
    for nobody in (
        "",
        "x",
        one.token[:-1],
        one.token + "x",
        one.withdrawal,
        codes.digest(one.token),
    ):
        assert kept.rater(nobody) is None


def test_the_same_request_enrols_one_rater(kept: Store) -> None:
    one = enrol(kept, request="a page's random name")
    assert enrol(kept, request="a page's random name") == one
    assert enrol(kept, request="another one's") != one
    assert len(kept.raters()) == kept.counts().raters == 2


def test_an_answer_is_kept_as_it_was_sent(kept: Store) -> None:
    rater = enrol(kept).rater
    sent = [answer(0), answer(1, value={"A": 1.5, "B": 99})]
    for one in sent:
        kept.record(rater, one, "tab")
    found = kept.answers(rater)
    assert [replace(found[i], created="") for i in (0, 1)] == sent
    assert all(one.created.endswith("+00:00") for one in found.values())


def test_everything_is_there_after_a_restart(url: str) -> None:
    opened = store.open_store(url, toy())
    one, other = enrol(opened), enrol(opened)
    opened.record(one.rater, answer(0), "tab")
    opened.mark(other.rater, Mark("volume", result={"ü": [1, None]}))
    opened.log(one.rater, [{"kind": "play", "at": 0.5}, {"kind": "pause"}])
    opened.withdraw(enrol(opened).withdrawal)
    before = everything(opened)
    opened.close()
    again = store.open_store(url, toy())
    assert everything(again) == before
    assert again.rater(one.token) == one.rater
    assert again.events(one.rater) == [{"kind": "play", "at": 0.5}, {"kind": "pause"}]
    assert enrol(again).rater == 4
    again.close()


def test_an_answer_sent_twice_is_one_and_no_other_follows(kept: Store) -> None:
    rater = enrol(kept).rater
    kept.record(rater, answer(0, "first", "4"), "tab")
    before = kept.answers(rater)
    kept.record(rater, answer(0, "first", "1"), "another tab")  # what was sent first stays
    with pytest.raises(ConflictError, match="answered before"):
        kept.record(rater, answer(0, "second", "1"), "tab")
    assert kept.answers(rater) == before


def test_of_many_answers_at_once_one_is_taken(kept: Store) -> None:
    rater = enrol(kept).rater
    sent = [answer(0, f"request {i // 3}", str(i // 3)) for i in range(12)]  # four, each thrice
    raised = at_once(*(lambda one=one: kept.record(rater, one, "tab") for one in sent))
    assert len(raised) == 9 and {type(error) for error in raised} == {ConflictError}
    assert len(kept.ratings()) == 1


def test_only_the_tab_that_claimed_last_may_answer(kept: Store) -> None:
    rater = enrol(kept).rater
    kept.record(rater, answer(0), "one")  # nobody claimed: the first to answer does
    with pytest.raises(ConflictError, match="another window"):
        kept.record(rater, answer(1), "other")
    kept.claim(rater, "other")
    with pytest.raises(ConflictError, match="another window"):
        kept.record(rater, answer(1), "one")
    kept.record(rater, answer(1), "other")
    assert sorted(kept.answers(rater)) == [0, 1]


def test_there_must_be_a_trial_to_answer(kept: Store) -> None:
    rater = enrol(kept).rater
    for position in (-1, len(kept.trials(rater))):
        with pytest.raises(ConflictError):
            kept.record(rater, answer(position), "tab")
    with pytest.raises(ConflictError):
        kept.record(rater + 1, answer(0), "tab")
    kept.claim(rater + 1, "tab")
    kept.mark(rater + 1, Mark("volume"))
    kept.log(rater + 1, [{"kind": "play"}])
    assert kept.ratings() == [] and kept.marks(rater + 1) == kept.events(rater + 1) == []


def test_the_first_mark_of_a_kind_and_position_stays(kept: Store) -> None:
    rater = enrol(kept).rater
    for mark in (Mark("break", 3, {"n": 1}), Mark("break", 3, {"n": 2}), Mark("break", 6)):
        kept.mark(rater, mark)
    found = [(mark.kind, mark.position, mark.result) for mark in kept.marks(rater)]
    agreed = ("agree", 0, {"study_sha256": kept.study.sha256})
    assert found == [agreed, ("break", 3, {"n": 1}), ("break", 6, {})]


def test_who_withdraws_is_gone_and_nobody_else(kept: Store) -> None:
    one, other = enrol(kept), enrol(kept)
    for rater in (one.rater, other.rater):
        for position in range(3):
            kept.record(rater, answer(position), "tab")
        kept.mark(rater, Mark("volume"))
        kept.log(rater, [{"kind": "play"}])
    typed = one.withdrawal.lower().replace("-", " ")
    assert kept.withdraw(typed) == 3
    assert kept.withdraw(one.withdrawal) is None and kept.withdraw("") is None
    assert kept.rater(one.token) is None
    assert {rating.rater for rating in kept.ratings()} == {other.rater}
    assert [one.rater for one in kept.raters()] == [other.rater]
    assert kept.trials(one.rater) == kept.marks(one.rater) == kept.events(one.rater) == []
    assert kept.answers(one.rater) == {}
    assert kept.counts().raters == 2  # of whom one is gone
    assert enrol(kept).rater == other.rater + 1
    with pytest.raises(ConflictError):
        kept.record(one.rater, answer(4), "tab")


def test_withdrawal_amid_answers_leaves_nothing(kept: Store) -> None:
    one = enrol(kept)
    jobs = [lambda i=i: kept.record(one.rater, answer(i), "tab") for i in range(7)]
    raised = at_once(*jobs, lambda: kept.withdraw(one.withdrawal))
    assert {type(error) for error in raised} <= {ConflictError}
    assert kept.ratings() == [] and kept.answers(one.rater) == {}


def test_counts_are_those_of_the_plans(kept: Store) -> None:
    raters = [enrol(kept, seed).rater for seed in range(5)]
    plans = [kept.trials(rater) for rater in raters]
    assert kept.counts() == counted(kept.study, plans)


def test_trials_of_raters_long_gone_are_free_again(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rater = enrol(kept).rater
    rated = [trial.position for trial in kept.trials(rater) if trial.purpose == "rating"]
    kept.record(rater, answer(rated[0]), "tab")
    monkeypatch.setattr("vclip.listening.store.state.RESERVED", timedelta(seconds=-1))
    found = kept.counts()
    assert sum(found.cells.values()) == sum(found.orders.values()) == 1 == found.raters


def test_trials_of_the_refused_are_free_at_once(kept: Store) -> None:
    kept.mark(enrol(kept).rater, Mark("refused"))
    assert not kept.counts().cells


def test_raters_who_come_at_once_fill_cells_evenly(kept: Store) -> None:
    """Two who planned on the same counts would take the same cells."""
    assert not at_once(*(lambda i=i: enrol(kept, i) for i in range(12)))
    found = Counter({cell: 0 for cell in cells(kept.study)}) + Counter(kept.counts().cells)
    filled = [found[cell] for cell in cells(kept.study)]
    assert sum(filled) == 48 and max(filled) - min(filled) <= 1
    assert sorted(one.rater for one in kept.raters()) == list(range(1, 13))


def test_a_plan_that_fails_enrols_nobody(kept: Store) -> None:
    def full(_: Counts) -> list[Trial]:
        raise ConflictError("full")

    with pytest.raises(ConflictError, match="full"):
        kept.enrol(full)
    assert kept.raters() == [] and kept.counts().raters == 0


def of(kept: Store, position: int) -> dict[str, str]:
    """What a rating says of its study; training has one trial of each question, in the order."""
    kind = kept.study.questions[position].type
    return {"study": kept.study.study, "version": kept.study.version, "type": kind}


def test_ratings_hold_trial_and_answer(kept: Store) -> None:
    raters = [enrol(kept, seed).rater for seed in range(2)]
    for rater in reversed(raters):
        for position in (2, 0, 1):
            kept.record(rater, answer(position), "tab")
    expected = [
        Rating(
            **vars(kept.trials(rater)[i]),
            **of(kept, i),
            rater=rater,
            value="4",
            seconds=3.5,
            heard=0.875,
            plays=(1, 2),
            created=kept.answers(rater)[i].created,
        )
        for rater in raters
        for i in range(3)
    ]
    assert kept.ratings() == expected


def test_ratings_can_be_had_without_the_study(kept: Store, url: str) -> None:
    kept.record(enrol(kept).rater, answer(0), "tab")
    assert store.load_ratings(url) == store.load_ratings(url, "toy") == kept.ratings() != []
    with pytest.raises(StudyError):
        store.load_ratings(f"{url}x" if "options" not in url else f"{url}x,y")
    if url.startswith("jsonl:"):
        with pytest.raises(StudyError, match="not of another"):
            store.load_ratings(url, "another")
    else:
        assert store.load_ratings(url, "another") == []


def test_progress_tells_how_far_each_is(kept: Store) -> None:
    one, other = enrol(kept).rater, enrol(kept).rater
    total = len(kept.trials(one))
    for position in range(total):
        kept.record(one, answer(position), "tab")
    kept.mark(other, Mark("volume"))
    first, second = kept.raters()
    assert (first.done, first.total, first.complete) == (total, total, True)
    assert (second.done, second.complete) == (0, False)
    assert [mark.kind for mark in second.marks] == ["agree", "volume"]
    assert first.created <= first.seen and second.created <= second.seen


def test_a_study_that_changed_is_refused(url: str) -> None:
    opened = store.open_store(url, toy())
    opened.close()
    changed = toy(break_every=2)
    opened = store.open_store(url, changed)  # nobody rated it yet
    enrol(opened)
    opened.close()
    with pytest.raises(StudyError, match="changed after raters had begun"):
        store.open_store(url, toy())
    if not url.startswith("jsonl:"):
        newer = store.open_store(url, toy(version="2"))
        assert newer.raters() == [] and newer.counts().raters == 0
        newer.close()


def test_tokens_and_codes_are_not_in_the_store(tmp_path: Path) -> None:
    for place in (f"sqlite:///{tmp_path}/ratings.db", f"jsonl:{tmp_path}/lines"):
        opened = store.open_store(place, toy())
        one = enrol(opened)
        opened.close()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        data = b"".join(path.read_bytes() for path in files)
        assert codes.digest(one.token).encode() in data
        for secret in (one.token, one.withdrawal, codes.plain(one.withdrawal)):
            assert secret.encode() not in data


@pytest.mark.parametrize("wrong", ["ratings.csv", "mysql://x/y", "sqlite://", "jsonl:", "sqlite:x"])
def test_other_urls_are_no_stores(wrong: str) -> None:
    with pytest.raises(StudyError):
        store.open_store(wrong, toy())


@pytest.mark.parametrize(
    "place", ["postgres://me:secret@127.0.0.1:1/no", "mysql://me:secret@127.0.0.1/no", "nowhere"]
)
def test_urls_that_lead_nowhere_are_told_without_the_password(place: str) -> None:
    with pytest.raises(StudyError) as raised:
        store.open_store(place, toy())
    assert "secret" not in str(raised.value)
