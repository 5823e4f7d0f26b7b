"""Trial lists of a few people in the formats of published protocols."""

import pickle
from pathlib import Path

import numpy as np


def voice(person: int, n: int = 1) -> str:
    return f"id{person:05d}/abcdefghij_/{n:05d}.wav"


def face(person: int, n: int = 1) -> str:
    return f"Name_{person}/1.6/abcdefghij_/{n:07d}.jpg"


def write_p1(folder: Path, n_people: int = 12) -> Path:
    """P1 of a few people: one stratum, 1:2 both ways, a gallery with two media a person."""
    for name in ("veriflist", "matching", "retrieval"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    head = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
    meta = [f"id{i:05d}\tName_{i}\t{'mf'[i % 2]}\tNowhere\tdev" for i in range(n_people)]
    (folder / "vox1_meta.csv").write_text("\n".join([head, *meta]) + "\n")
    trials, matches = ["id,voice-speaker-id,face-speaker-id,label,voice-path,face-path"], []
    for i in range(n_people):
        other = (i + 1) % n_people
        said = f"Name_{i}/abcdefghij__0000001.wav"
        for whose, label in ((i, 1), (other, 0)):
            trials.append(
                f"{len(trials)},{i},{whose},{label},{said},Name_{whose}/abcdefghij_/0000001.jpg"
            )
        matches.append((voice(i), face(i), face(other)))
    text = "\n".join(trials) + "\n"
    (folder / "veriflist" / "veriflist_test_random_unseenunheard.txt").write_text(text)
    lines = [" ".join(row) for row in matches]
    (folder / "matching" / "matching_v2f_U.csv").write_text("\n".join(lines) + "\n")
    for file, of in (("wav", voice), ("jpg", face)):
        rows = [f"id{i:05d}\t{of(i, n)}" for i in range(n_people) for n in (1, 2)]
        path = folder / "retrieval" / f"{file}_20k.csv"
        path.write_text("\n".join([f"VoxCeleb1 ID\t{file}", *rows]) + "\n")
    return folder


def write_pickles(folder: Path, n_people: int) -> Path:
    """All test lists of Self-Lifting and vfal-eva, of so many people."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    names = [f"Name_{i}" for i in range(n_people)]

    def wav(name: str, n: int) -> str:
        return f"{name}/abcdefghijk/{n:05d}.wav"

    def jpg(name: str, n: int) -> str:
        return f"{name}/abcdefghijk/{n:07d}.jpg"

    verification = [[wav(a, 1), jpg(b, 1), int(a == b)] for a in names for b in (a, names[0])]
    pairs = []
    for i in range(n_people):
        one, other = np.array(names)[[i, i - 1]]  # NumPy's texts, as np.random.choice draws them
        pairs.append((one, wav(one, 1), jpg(one, 1), other, wav(other, 1), jpg(other, 1)))
    tens = []
    for _ in range(20):
        drawn = [names[i] for i in rng.permutation(n_people)[:10]]
        tens.append([[wav(x, 1) for x in drawn], [jpg(x, 1) for x in drawn]])
    groups = [[(wav(x, n), jpg(x, n), x) for x in names for n in (1, 2)] for _ in range(3)]
    sets = {"wav_set": {wav(x, 1) for x in names}, "jpg_set": {jpg(x, 1) for x in names}}
    for file, key, rows in (
        ("test_verification", "list", verification),
        ("test_verification_g", "list", verification),
        ("test_matching", "match_list", pairs),
        ("test_matching_g", "match_list", pairs),
        ("test_matching_10", "match_list", tens),
        ("test_retrieval", "retrieval_lists", groups),
    ):
        (folder / f"{file}.pkl").write_bytes(pickle.dumps({key: rows, **sets}))
    return folder
