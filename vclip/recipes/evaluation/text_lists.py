"""Trial lists that are text files: PINs' of VoxCeleb1 (P1) and FAME's of MAV-Celeb (P4)."""

import csv
import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from vclip.errors import DataError
from vclip.recipes.evaluation.media import media_key, person_of
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
CANDIDATES = 10  # of the matching that is drawn here
SEED = 0


def lines(path: Path) -> list[str]:
    """Lines of a text file or of its .gz; none if neither is there. Raises DataError."""
    packed = path.with_name(f"{path.name}.gz")
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8").splitlines()
        if packed.is_file():
            return gzip.decompress(packed.read_bytes()).decode().splitlines()
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise DataError(f"cannot read the list {path}: {error}; fetch it again") from error
    return []


def read_p1(folder: Path, ids: Mapping[str, str]) -> PublishedProtocol:
    """PINs' lists: folders veriflist, matching, retrieval and, needed, vox1_meta.csv."""
    if not ids:
        raise DataError(f"{folder} has no vox1_meta.csv, without which P1's names mean nothing")
    verification = [
        trials
        for people in ("unseenunheard", "seenheard")
        for stratum in STRATA
        if (trials := read_verification(folder / "veriflist", stratum, people, ids))
    ]
    probes: tuple[Modality, ...] = ("voice", "face")
    matching = [
        match
        for probe in probes
        for stratum in MATCHES
        if (match := _matching(folder / "matching", stratum, probe, ids))
    ]
    retrieval = _retrieval(folder / "retrieval", ids)
    drawn = [m for gallery in retrieval for m in draw_matching(gallery, CANDIDATES, 10_000, SEED)]
    if not verification + matching + retrieval:
        raise DataError(f"{folder} has no list of P1: none in veriflist, matching, retrieval")
    title = "PINs' VoxCeleb1 lists, 901/100/250 people, trained on the first two parts"
    note = f"P1 publishes no list of 1:N; those of N > 2 are drawn here, seed {SEED}"
    return PublishedProtocol("P1", title, verification, matching + drawn, retrieval, [note])


def _rows(path: Path, text: list[str], separator: str, n: int) -> list[list[str]]:
    rows = [row for row in csv.reader(text, delimiter=separator) if row]
    if wrong := next((i for i, row in enumerate(rows) if len(row) != n), None):
        raise DataError(f"{path}, line {wrong + 1}: {len(rows[wrong])} columns, not {n}")
    return rows


def read_verification(
    folder: Path, stratum: str, people: str, ids: Mapping[str, str]
) -> VerificationTrials | None:
    """Trials of a stratum of P1 and of `unseenunheard` or `seenheard` people; None without a list.

    id,voice-speaker-id,face-speaker-id,label,voice-path,face-path; the first line is those.
    """
    path = folder / f"veriflist_test_{stratum}_{people}.txt"
    if not (text := lines(path)):
        return None
    rows = _rows(path, text, ",", 6)[1:]
    name = f"{STRATA[stratum]}, {'un' * (people == 'unseenunheard')}seen people"
    trials = VerificationTrials.of_keys(
        name,
        [media_key(old_voice(row[4]), ids) for row in rows],
        [media_key(row[5], ids) for row in rows],
        np.array([row[3] == "1" for row in rows]),
    )
    genuine = [voice == face for voice, face in trials.persons]
    if genuine != [row[3] == "1" for row in rows]:
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
    """Lines of probe, right candidate, wrong candidates."""
    direction = "v2f" if probe == "voice" else "f2v"
    path = folder / f"matching_{direction}_{stratum}.csv"
    if not (text := lines(path)):
        return None
    table = [[media_key(cell, ids) for cell in row.split()] for row in text if row.strip()]
    if len({len(row) for row in table}) != 1 or len(table[0]) < 3:
        raise DataError(f"{path} does not hold a probe and two or more candidates a line")
    candidates = [tuple(row[1:]) for row in table]
    return MatchingTrials(stratum, probe, [row[0] for row in table], candidates)


def _retrieval(folder: Path, ids: Mapping[str, str]) -> list[RetrievalGallery]:
    """Tab-separated person and path, a first line with their names."""
    voices, faces = (
        [
            media_key(path, ids)
            for _, path in _rows(folder / file, lines(folder / file)[1:], "\t", 2)
        ]
        for file in ("wav_20k.csv", "jpg_20k.csv")
    )
    return [RetrievalGallery("20k", voices, faces)] if voices and faces else []


def draw_matching(
    gallery: RetrievalGallery, n: int, trials: int, seed: int
) -> list[MatchingTrials]:
    """1:n both ways among n drawn people, a drawn voice and face of each (as vfal-eva draws)."""
    voices, faces = _by_person(gallery.voices), _by_person(gallery.faces)
    people = sorted(voices.keys() & faces.keys())
    if len(people) < n:
        return []
    rng = np.random.default_rng(seed)
    order = rng.random((trials, len(people))).argsort(axis=1)[:, :n]
    who = [[people[i] for i in row] for row in order.tolist()]
    said, seen = (
        [
            tuple(keys[p][int(share * len(keys[p]))] for p, share in zip(row, shares, strict=True))
            for row, shares in zip(who, rng.random((trials, n)).tolist(), strict=True)
        ]
        for keys in (voices, faces)
    )
    return both_ways("U drawn here", said, seen)


def _by_person(keys: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(person_of(key), []).append(key)
    return found


def read_p4(folder: Path, ids: Mapping[str, str]) -> PublishedProtocol:
    """FAME's LANGUAGE_test.txt: lines of id[ label] voice face. Nobody knows the persons."""
    found = []
    for path in sorted(folder.glob("*_test.txt")):
        rows = [line.split() for line in lines(path) if line.strip()]
        widths = {len(row) for row in rows}
        if widths not in ({3}, {4}):
            raise DataError(f"{path} does not hold id, voice, face or id, 0 or 1, voice, face")
        labelled = widths == {4}
        if labelled and {row[1] for row in rows} - {"0", "1"}:
            raise DataError(f"{path}: the second of four columns must be 0 or 1")
        found.append(
            VerificationTrials(
                path.name.removesuffix("_test.txt"),
                [media_key(row[-2], ids) for row in rows],
                [media_key(row[-1], ids) for row in rows],
                np.array([row[1] == "1" for row in rows]) if labelled else None,
                [(str(i), str(i)) for i in range(len(rows))],
                [row[0] for row in rows],
            )
        )
    if not found:
        raise DataError(f"{folder} has no LANGUAGE_test.txt of FAME's splits")
    title = f"FAME's MAV-Celeb lists of {folder.name}"
    return PublishedProtocol(
        "P4", title, found, notes=["intervals over trials: P4 hides the persons"]
    )
