"""Templates: strict about names, safe with whatever they are given, free of white space."""

import re

import jinja2
import pytest

from vclip.ui import templates
from vclip.ui.texts import ENGLISH, Texts

FILES = sorted(templates.ENVIRONMENT.list_templates(extensions=["html"]))


def test_values_are_escaped_and_texts_may_hold_them() -> None:
    evil = "<script>'\"&"
    drawn = templates.render("page.around", ENGLISH, evil)
    assert "<script" not in drawn and "&lt;script&gt;&#39;&#34;&amp;" in drawn
    assert '<b class="id">' in drawn and type(drawn) is str


def test_a_text_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="credit"):
        templates.render("page.example_strip", Texts("en", {"examples": ""}), [])


@pytest.mark.parametrize("name", FILES)
def test_what_is_drawn_has_no_line_breaks(name: str) -> None:
    """They would be white space between inline elements, and text to screen readers."""
    path = templates.ENVIRONMENT.get_template(name).filename
    assert path is not None
    with open(path, encoding="utf-8") as file:
        source = templates.ENVIRONMENT.preprocess(file.read())
    assert "\n" not in source and not re.search(r"> +<(?!b>)", source)
