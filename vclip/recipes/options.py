"""Command lines of recipes: one option per field of a frozen dataclass of settings."""

import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

import tyro

from vclip.errors import OutputError, reported

Settings = TypeVar("Settings")
Command = Callable[..., int]  # of the words after its name, sys.argv's by default; to an exit code
PARSED = ContextVar[str]("PARSED")  # the line that was read last


def parse(
    kind: type[Settings],
    argv: Sequence[str] | None = None,
    default: Settings | None = None,
    command: str = "",
) -> Settings:
    """The settings of this kind that a command line asks for; sys.argv where argv is None.

    Fields are options, their docstrings the help, fields without a default are required, fields of
    type tyro.conf.Positional are arguments, fields of a dataclass of their own are options as well.
    Truth values are --name and --no-name. command: __name__ of the module that is run, if the
    settings are defined elsewhere; its docstring introduces --help. Exits with 2 and says why if
    the line cannot be read.
    """
    module = sys.modules[command or kind.__module__]
    name = module.__spec__.name if module.__spec__ else module.__name__
    words = sys.argv[1:] if argv is None else argv
    PARSED.set(shlex.join(["python", "-m", name, *words]))
    found = tyro.cli(
        kind,
        prog=f"python -m {name}",
        description=module.__doc__,
        args=words,
        default=default,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    assert isinstance(found, kind)  # for mypy: tyro's overloads lose it
    return found


def command(
    kind: type[Settings],
    threads: int = 0,
    read: Callable[[list[str] | None], Settings] | None = None,
) -> Callable[[Callable[[Settings], int | None]], Command]:
    """Make a recipe's main of settings the command `python -m` of its module.

    It parses its line, sets torch's threads if a number is given, and exits with what main returns
    (0 for nothing), or with 2 and one line on stderr for input, or a file, that cannot be used.
    read: makes settings of a line instead of `parse`.
    """

    def decorate(main: Callable[[Settings], int | None]) -> Command:
        @reported
        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> int:
            settings = read(argv) if read else parse(kind, argv, command=main.__module__)
            if threads:
                import torch  # which not every recipe needs

                torch.set_num_threads(threads)
            try:
                return main(settings) or 0
            except OSError as error:
                if not error.filename:
                    raise
                raise OutputError(f"cannot use {error.filename}: {error.strerror}") from error

        return run

    return decorate


def command_line() -> str:
    """The command that runs this recipe: kept as provenance of what it makes."""
    return PARSED.get()
