"""One command line option per field of a frozen config dataclass, and the config back from them."""

import argparse
from dataclasses import fields
from typing import Any, TypeVar

Config = TypeVar("Config")


def add_fields(parser: argparse.ArgumentParser, config: Any) -> None:
    """Add --name for every field of the config instance; its values are the defaults."""
    for item in fields(config):
        default = getattr(config, item.name)
        option = f"--{item.name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(
                option, type=type(default), default=default, help=f"default {default}"
            )


def from_arguments(kind: type[Config], arguments: argparse.Namespace) -> Config:
    """The config of this kind that the parsed options describe."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names})
