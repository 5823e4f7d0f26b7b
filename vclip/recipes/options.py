"""One command line option per field of a frozen config dataclass, and the config back from them."""

import argparse
from dataclasses import fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


def add_fields(parser: argparse.ArgumentParser, config: Any) -> None:
    """Add --name for every field of the config instance; its values are the defaults.

    A field that is a Literal takes one of its values.
    """
    kinds = get_type_hints(type(config))
    for item in fields(config):
        default = getattr(config, item.name)
        option = f"--{item.name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            choices = (
                get_args(kinds[item.name]) if get_origin(kinds[item.name]) is Literal else None
            )
            about: dict[str, Any] = {"default": default, "help": f"default {default}"}
            parser.add_argument(option, type=type(default), choices=choices, **about)


def from_arguments(kind: type[Config], arguments: argparse.Namespace) -> Config:
    """The config of this kind that the parsed options describe."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names})
