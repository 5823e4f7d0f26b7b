"""Trial lists that are pickles: Self-Lifting's (P2) and vfal-eva's (P3), one format.

A pickle can run anything, so only lists, sets, texts and numbers are let in.
"""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vclip.errors import DataError
from vclip.recipes.evaluation.media import media_key
from vclip.recipes.evaluation.trials import (
    MatchingTrials,
    PublishedProtocol,
    RetrievalGallery,
    VerificationTrials,
    both_ways,
)

P2_PEOPLE, P3_PEOPLE = 189, 250  # of the test part; both of VoxCeleb1, not the same
NUMPY = {"numpy.core.multiarray", "numpy._core.multiarray"}  # before and since NumPy 2


class _Plain(pickle.Unpickler):
    """Reads names that NumPy drew, too, which are its scalars."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "builtins" and name in ("set", "frozenset", "list", "tuple", "dict"):
            return super().find_class(module, name)
        if module in NUMPY and name == "scalar":
            return super().find_class("numpy._core.multiarray", name)
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("_codecs", "encode"):  # bytes, as pickles before Python 3 had them
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, no list of trials does")


def load(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle of lists. Raises DataError."""
    try:
        with path.open("rb") as file:
            found = _Plain(file).load()
    except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ValueError) as error:
        raise DataError(f"cannot read the list {path}: {error}; fetch it again") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no lists of trials; fetch it again")
    return found


def _read(
    name: str, title: str, other: tuple[str, int], folder: Path, ids: Mapping[str, str]
) -> PublishedProtocol:
    """The format is the same, so a protocol is known by how many people it tests."""
    files = {path.stem: load(path) for path in sorted(folder.glob("test_*.pkl"))}
    try:
        protocol = PublishedProtocol(name, title, *_trials(files, ids))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{folder} holds lists of another format: {error!r}") from error
    if not protocol.media("voice"):
        raise DataError(f"{folder} has no test_*.pkl with lists of {name}")
    if len(protocol.persons) == other[1]:
        raise DataError(f"{folder} tests {other[1]} people: those are the lists of {other[0]}")
    return protocol


def _trials(
    files: Mapping[str, Mapping[str, Any]], ids: Mapping[str, str]
) -> tuple[list[VerificationTrials], list[MatchingTrials], list[RetrievalGallery]]:
    """All lists of those files that are there; a trial and a gallery's item begin with a voice."""

    def rows(file: str, key: str) -> list[Any]:
        return list(files[file][key]) if file in files else []

    def keys(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(media_key(path, ids) for path in paths)

    def columns(table: Sequence[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return keys(row[0] for row in table), keys(row[1] for row in table)

    matching = {  # voices, then faces; lists of 1:2 have name, voice, face of one, then of another
        name: [((row[1], row[4]), (row[2], row[5])) for row in rows(file, "match_list")]
        for name, file in (("U", "test_matching"), ("G", "test_matching_g"))
    }
    matching["U, of ten"] = rows("test_matching_10", "match_list")
    return (
        [
            VerificationTrials(name, *columns(table), np.array([int(row[2]) == 1 for row in table]))
            for name, file in (("U", "test_verification"), ("G", "test_verification_g"))
            if (table := rows(file, "list"))
        ],
        [
            trials
            for name, table in matching.items()
            if table
            for trials in both_ways(name, *([keys(row[i]) for row in table] for i in (0, 1)))
        ],
        [
            RetrievalGallery(f"group {i}", *columns(table))
            for i, table in enumerate(rows("test_retrieval", "retrieval_lists"), start=1)
        ],
    )


# Self-Lifting's dataset/voxceleb/eval and vfal-eva's dataset/evals
read_p2 = partial(
    _read, "P2", "Self-Lifting's VoxCeleb1 lists, 924/112/189 people", ("P3", P3_PEOPLE)
)
read_p3 = partial(_read, "P3", "vfal-eva's VoxCeleb1 lists, 901/100/250 people", ("P2", P2_PEOPLE))
