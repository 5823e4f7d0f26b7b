"""HTML templates of the page: Jinja macros in assets/*.html, which escape all that they are given.

Templates ask for texts by name as Python does, `texts.speak`; one that does not exist is an error.
"""

import math
import re
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension


class JoinedLines(Extension):
    """A template's line breaks are for its readers: nothing after a tag, else a space."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source in one line."""
        return re.sub(r"\s*\n\s*", " ", re.sub(r"(?<=[>}])\s*\n\s*", "", source))


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "assets"),
    extensions=[JoinedLines],
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
ENVIRONMENT.tests["nan"] = math.isnan
ENVIRONMENT.filters["fixed"] = lambda number, digits: f"{number:.{digits}f}"


def render(macro: str, *values: Any) -> str:
    """HTML of a macro called with values: `takes.player` is `player` of takes.html."""
    file, _, name = macro.partition(".")
    drawn = getattr(ENVIRONMENT.get_template(f"{file}.html").module, name)(*values)
    return str(drawn)
