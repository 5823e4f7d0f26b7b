"""Trial lists that are text files: PINs' of VoxCeleb1 (P1) and FAME's of MAV-Celeb (P4)."""

import gzip
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from vclip.arrays import Indices
from vclip.errors import DataError
from vclip.recipes.evaluation.media import by_person, media_key
from vclip.recipes.evaluation.trials import (
    MatchingTrials,
    Modality,
    PublishedProtocol,
    RetrievalGallery,
    VerificationTrials,
    both_ways,
)

STRATA = {"random": "U", "G": "G", "N": "N", "A": "A", "GNA": "GNA"}  # what negatives share
MATCHES = ("U", "G", "N", "GN")
PROBES: tuple[Modality, ...] = ("voice", "face")
CANDIDATES = 10  # of the matching that is drawn here
SEED = 0


def read_rows(
    path: Path, columns: str, widths: Collection[int], separator: str | None = None
) -> list[list[str]]:
    """Cells of every line of a text file or of its .gz, equally many; none if neither is there.

    Raises DataError if there are not as many as one of widths; columns says which.
    """
    packed = path.with_name(f"{path.name}.gz")
    try:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
        else:
            text = gzip.decompress(packed.read_bytes()).decode() if packed.is_file() else ""
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise DataError(f"cannot read the list {path}: {error}; fetch it again") from error
    rows = [line.split(separator) for line in text.splitlines() if line.strip()]
    for i, row in enumerate(rows, start=1):
        if len(row) not in widths or len(row) != len(rows[0]):
            raise DataError(f"{path}, line {i}: {len(row)} columns, not {columns}")
    return rows


def read_p1(folder: Path, ids: Mapping[str, str]) -> PublishedProtocol:
    """PINs' lists: folders veriflist, matching, retrieval and, needed, vox1_meta.csv."""
    if not ids:
        raise DataError(f"{folder} has no vox1_meta.csv, without which P1's names mean nothing")
    verification = [
        read_verification(folder / "veriflist", stratum, people, ids)
        for people in ("unseenunheard", "seenheard")
        for stratum in STRATA
    ]
    matching = [
        _matching(folder / "matching", stratum, probe, ids)
        for probe in PROBES
        for stratum in MATCHES
    ]
    retrieval = _retrieval(folder / "retrieval", ids)
    drawn = [m for gallery in retrieval for m in draw_matching(gallery, CANDIDATES, 10_000, SEED)]
    protocol = PublishedProtocol(
        "P1",
        "PINs' VoxCeleb1 lists, 901/100/250 people, trained on the first two parts",
        [trials for trials in verification if trials],
        [trials for trials in matching if trials] + drawn,
        retrieval,
        [f"P1 publishes no list of 1:N; those of N > 2 are drawn here, seed {SEED}"],
    )
    if not protocol.media("voice"):
        raise DataError(f"{folder} has no list of P1: none in veriflist, matching, retrieval")
    return protocol


def read_verification(
    folder: Path, stratum: str, people: str, ids: Mapping[str, str]
) -> VerificationTrials | None:
    """Trials of a stratum of P1 and of `unseenunheard` or `seenheard` people; None without a list.

    The first line names the columns.
    """
    path = folder / f"veriflist_test_{stratum}_{people}.txt"
    columns = "id,voice-speaker-id,face-speaker-id,label,voice-path,face-path"
    if not (rows := read_rows(path, columns, [6], ",")[1:]):
        return None
    trials = VerificationTrials(
        f"{STRATA[stratum]}, {'un' * (people == 'unseenunheard')}seen people",
        [media_key(old_voice(row[4]), ids) for row in rows],
        [media_key(row[5], ids) for row in rows],
        np.array([row[3] == "1" for row in rows]),
    )
    if [voice == face for voice, face in trials.persons] != [row[3] == "1" for row in rows]:
        raise DataError(f"{path}: labels and names disagree; is vox1_meta.csv of VoxCeleb1?")
    return trials


def old_voice(path: str) -> str:
    """A.J._Buckley/Y8hIVOBuels_0000001.wav, as VoxCeleb first named it, -> …/Y8hIVOBuels/00001.wav.

    A video's id has eleven characters, underscores among them.
    """
    name, file = path.rsplit("/", 1)
    return f"{name}/{file[:11]}/{file[14:]}"


def _matching(
    folder: Path, stratum: str, probe: Modality, ids: Mapping[str, str]
) -> MatchingTrials | None:
    path = folder / f"matching_{'v2f' if probe == 'voice' else 'f2v'}_{stratum}.csv"
    rows = read_rows(path, "a probe, its match and others", range(3, 100))
    table = [tuple(media_key(cell, ids) for cell in row) for row in rows]
    candidates = [row[1:] for row in table]
    return MatchingTrials(stratum, probe, [row[0] for row in table], candidates) if table else None


def _retrieval(folder: Path, ids: Mapping[str, str]) -> list[RetrievalGallery]:
    """The first line of either list names the columns."""
    voices, faces = (
        [media_key(path, ids) for _, path in read_rows(folder / file, "id, path", [2], "\t")[1:]]
        for file in ("wav_20k.csv", "jpg_20k.csv")
    )
    return [RetrievalGallery("20k", voices, faces)] if voices and faces else []


def draw_matching(
    gallery: RetrievalGallery, n: int, trials: int, seed: int
) -> list[MatchingTrials]:
    """1:n both ways among n drawn people, a drawn voice and face of each (as vfal-eva draws)."""
    voices, faces = by_person(gallery.voices), by_person(gallery.faces)
    people = sorted(voices.keys() & faces.keys())
    if len(people) < n:
        return []
    rng = np.random.default_rng(seed)
    order = rng.random((trials, len(people))).argsort(axis=1)[:, :n]
    said, seen = (
        _draw_media([theirs[person] for person in people], order, rng) for theirs in (voices, faces)
    )
    return both_ways("U drawn here", said, seen)


def _draw_media(
    keys: Sequence[Sequence[str]], order: Indices, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """One of everybody's keys for the people of order (K, N)."""
    sizes = np.array([len(theirs) for theirs in keys])
    drawn = (rng.random(order.shape) * sizes[order]).astype(int)
    return [
        tuple(keys[person][k] for person, k in zip(*rows, strict=True))
        for rows in zip(order.tolist(), drawn.tolist(), strict=True)
    ]


def read_p4(folder: Path, ids: Mapping[str, str]) -> PublishedProtocol:
    """FAME's LANGUAGE_test.txt: lines of id[ label] voice face. Nobody knows the persons."""
    columns, found = "id, voice, face or id, 0 or 1, voice, face", []
    for path in sorted(folder.glob("*_test.txt")):
        rows = read_rows(path, columns, [3, 4])
        labels = [row[1] for row in rows if len(row) == 4]
        if not rows or set(labels) - {"0", "1"}:
            raise DataError(f"{path} must hold {columns}")
        found.append(
            VerificationTrials(
                path.name.removesuffix("_test.txt"),
                [media_key(row[-2], ids) for row in rows],
                [media_key(row[-1], ids) for row in rows],
                np.array(labels) == "1" if labels else None,
                [row[0] for row in rows],
            )
        )
    if not found:
        raise DataError(f"{folder} has no LANGUAGE_test.txt of FAME's splits")
    title = f"FAME's MAV-Celeb lists of {folder.name}"
    notes = ["intervals over trials: P4 hides the persons"]
    return PublishedProtocol("P4", title, found, notes=notes)
