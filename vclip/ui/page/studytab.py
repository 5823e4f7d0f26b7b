"""A tab for the listening test beside the demo's; the test is a page of its own, shown within."""

import contextlib
from collections.abc import Iterator

import gradio as gr

from vclip.ui.texts import static

# Nothing of it is loaded before the tab is opened
FRAME = (
    '<p class="note"><a href="/study" target="_blank" rel="noopener">{open}</a></p>'
    '<iframe src="/study" title="{title}" loading="lazy" allow="clipboard-write"></iframe>'
)


@contextlib.contextmanager
def beside(has_study: bool) -> Iterator[None]:
    """What is built within is a tab of its own where there is a study, else the page itself."""
    if not has_study:
        yield
        return
    with gr.Tabs(elem_id="sides"):
        with gr.Tab(static("tab_demo")):
            yield
        with gr.Tab(static("tab_study")):
            frame = FRAME.format(open=static("study_open"), title=static("tab_study"))
            gr.HTML(frame, elem_id="study")
