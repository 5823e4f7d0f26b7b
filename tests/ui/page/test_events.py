"""The page without a browser: steps and their parts, messages, endpoints that it names."""

import asyncio
import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pytest
from fake_model import FakeModel, picture

from vclip.errors import ImageError
from vclip.pipeline import FaceToVoice
from vclip.ui.page import events
from vclip.ui.session import VisitorSession
from vclip.ui.speech.takes import TakeStore
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import K, Visit, VisitController


@pytest.fixture(scope="module")
def controller() -> VisitController:
    return VisitController(cast(FaceToVoice, FakeModel()))


@pytest.mark.parametrize("where", events.MESSAGES)
def test_a_step_that_fails_changes_nothing_but_its_message(
    controller: VisitController, where: str
) -> None:
    for error, told in [(ImageError("too dark"), "Too dark"), (KeyError("x"), ENGLISH.failed)]:

        def fail(visit: Visit, error: Exception = error) -> Visit:
            raise error

        session = VisitorSession()
        same, *values = events.guarded(controller, fail, events.ALL, where)(session)
        assert same is session and session.visit == Visit()
        shown = dict(zip(events.ALL, values, strict=True))
        assert told in shown.pop(where)
        assert all(value == gr.skip() for value in shown.values())


def test_hasty_clicks_are_taken_one_after_the_other(controller: VisitController) -> None:
    """However their threads interleave: the visit is what all the steps make of it."""

    def add(visit: Visit) -> Visit:
        seed = visit.seed
        time.sleep(0.001)
        return replace(visit, seed=seed + 1)

    session, run = VisitorSession(), events.guarded(controller, add, ("seed",), "voice_message")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(run, [session] * 40))
    assert session.visit.seed == 40
    assert sorted(seed for _, seed, *_ in told) == list(range(1, 41))


def test_each_visitor_has_a_session_of_their_own() -> None:
    one, two = copy.deepcopy(VisitorSession()), copy.deepcopy(VisitorSession())
    one.visit = replace(one.visit, seed=7)
    assert two.visit.seed == 0 and one.lock is not two.lock


def test_what_is_forgotten(controller: VisitController) -> None:
    session = VisitorSession()
    session.visit = replace(controller.open_photo(session.visit, picture(90)), language="de", k=4)
    session.compared = ("token",)
    session.forget()
    assert session.visit == Visit(language="de", k=4) and session.tokens == []


def test_show_marks_the_picked_voice_in_the_right_list(controller: VisitController) -> None:
    visit = controller.search(controller.open_photo(Visit(), picture(90)), "generated", 0, K)
    assert events.show(controller, visit)["bank"]["value"] is None
    shown = events.show(controller, controller.pick(visit, "p4"))
    assert shown["bank"]["value"] == "p4"
    fits = [float(label.rsplit("fit ")[1]) for label, _ in shown["bank"]["choices"]]
    assert fits == sorted(fits, reverse=True) and len(fits) == 12


def test_every_group_of_parts_can_be_shown(controller: VisitController) -> None:
    visit = controller.open_photo(Visit(), picture(90))
    for names in (events.ALL, events.PICKED, events.SHAPED, events.CONTROL):
        shown = events.show(controller, visit, names)
        assert tuple(shown) == tuple(names)


async def build(controller: VisitController, folder: Path, stage: bool) -> gr.Blocks:
    """In a running loop: without one Gradio opens some, for ever."""
    return events.build_page(controller, TakeStore(folder), stage)


@pytest.mark.parametrize("stage", [False, True])
def test_page_builds_and_names_its_endpoints(
    controller: VisitController, tmp_path: Path, stage: bool
) -> None:
    built = asyncio.run(build(controller, tmp_path, stage))
    named = {f.api_name for f in built.fns.values() if f.api_visibility == "public"}
    assert named == {"candidates", "resample", "speak", "describe_model"}
    assert built.analytics_enabled is False


def test_the_queue_is_bounded_and_the_work_is_shared(
    controller: VisitController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, sizes = gr.Blocks.queue, []

    def noted(page: gr.Blocks, **options: Any) -> gr.Blocks:
        sizes.append(options.get("max_size"))
        return queue(page, **options)

    monkeypatch.setattr(gr.Blocks, "queue", noted)
    built = asyncio.run(build(controller, tmp_path, False))
    assert sizes[-1] == 32  # Gradio itself begins with a queue without a limit
    limits: dict[str, set[Any]] = {}
    for f in built.fns.values():
        if f.concurrency_id in ("search", "speech"):
            limits.setdefault(f.concurrency_id, set()).add(f.concurrency_limit)
    assert 4 in limits["search"] and 2 in limits["speech"]


@pytest.mark.slow
@pytest.mark.parametrize("zero_shot", [False, True])
def test_the_page_names_the_fallback_where_it_is_one(zero_shot: bool, tmp_path: Path) -> None:
    model = FakeModel()
    model.zero_shot = zero_shot
    built = asyncio.run(build(VisitController(cast(FaceToVoice, model)), tmp_path, False))
    parts = list(built.blocks.values())
    assert ("zero-shot" in [getattr(part, "elem_id", None) for part in parts]) == zero_shot
    (words,) = [part for part in parts if getattr(part, "elem_id", None) == "words"]
    tab = words.parent
    while not isinstance(tab, gr.Tab):
        tab = tab.parent
    assert tab.visible == zero_shot
    named = {f.api_name for f in built.fns.values() if f.api_visibility == "public"}
    assert ("described" in named) == zero_shot


def test_words_are_shown_where_a_photo_would_be(controller: VisitController) -> None:
    visit = Visit(words="a <b>man")
    shown = events.show(controller, visit, ("face", "words"))
    assert "a &lt;b&gt;man" in shown["face"] and shown["words"] == "a <b>man"
    assert ENGLISH.no_photo in events.show(controller, Visit(), ("face",))["face"]
