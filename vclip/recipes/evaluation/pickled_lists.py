"""Trial lists that are pickles: Self-Lifting's (P2) and vfal-eva's (P3), one format.

A pickle can run anything, so only lists, sets, texts and numbers are let in.
"""

import pickle
from collections.abc import Mapping
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

    def rows(file: str, key: str) -> list[Any]:
        return list(files[file][key]) if file in files else []

    try:
        protocol = PublishedProtocol(
            name,
            title,
            _verification("U", rows("test_verification", "list"), ids)
            + _verification("G", rows("test_verification_g", "list"), ids),
            _matching("U", rows("test_matching", "match_list"), ids)
            + _matching("G", rows("test_matching_g", "match_list"), ids)
            + _both_ways("U, of ten", rows("test_matching_10", "match_list"), ids),
            [
                RetrievalGallery(f"group {i}", *_columns(group, ids))
                for i, group in enumerate(rows("test_retrieval", "retrieval_lists"), start=1)
            ],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder} holds lists of another format: {error!r}") from error
    if not protocol.media("voice"):
        raise DataError(f"{folder} has no test_*.pkl with lists of {name}")
    if len(protocol.persons) == other[1]:
        raise DataError(f"{folder} tests {other[1]} people: those are the lists of {other[0]}")
    return protocol


def _columns(rows: list[Any], ids: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Keys of the first two columns, voices and faces."""
    voices, faces = ([media_key(row[i], ids) for row in rows] for i in (0, 1))
    return voices, faces


def _verification(name: str, rows: list[Any], ids: Mapping[str, str]) -> list[VerificationTrials]:
    """Rows of voice, face, 0 or 1."""
    positive = np.array([int(row[2]) == 1 for row in rows])
    return [VerificationTrials.of_keys(name, *_columns(rows, ids), positive)] if rows else []


def _matching(name: str, rows: list[Any], ids: Mapping[str, str]) -> list[MatchingTrials]:
    """Rows of name, voice and face of one person, then of another; the first is asked for."""
    return _both_ways(name, [[(row[1], row[4]), (row[2], row[5])] for row in rows], ids)


def _both_ways(name: str, rows: list[Any], ids: Mapping[str, str]) -> list[MatchingTrials]:
    """Rows of N voices and the N faces of the same people; the first is asked for."""
    voices, faces = (
        [tuple(media_key(path, ids) for path in row[i]) for row in rows] for i in (0, 1)
    )
    return both_ways(name, voices, faces) if rows else []


# Self-Lifting's dataset/voxceleb/eval and vfal-eva's dataset/evals
read_p2 = partial(
    _read, "P2", "Self-Lifting's VoxCeleb1 lists, 924/112/189 people", ("P3", P3_PEOPLE)
)
read_p3 = partial(_read, "P3", "vfal-eva's VoxCeleb1 lists, 901/100/250 people", ("P2", P2_PEOPLE))
