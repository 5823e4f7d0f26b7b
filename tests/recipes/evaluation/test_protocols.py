"""Readers of published trial lists, on tiny files in their formats and on the real lists of P1."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from toy_protocols import face, voice, write_p1, write_pickles

from vclip.errors import DataError
from vclip.recipes.data.manifest import read_pairs
from vclip.recipes.evaluation import media, pickled_lists, protocols, text_lists
from vclip.recipes.evaluation.trials import PublishedProtocol

IDS = {"A.J._Buckley": "id10001", "A.R._Rahman": "id10002"}


@pytest.mark.parametrize(
    "path",
    [
        "A.J._Buckley/1.6/Y8hIVOBuels/0002275.jpg",
        "/vox1/unzippedFaces/A.J._Buckley/1.6/Y8hIVOBuels/0002275.jpg",
        "A.J._Buckley/Y8hIVOBuels/0002275.jpg",
        "wav/id10001/Y8hIVOBuels/0002275.wav",
        "id10001/Y8hIVOBuels/0002275",
    ],
)
def test_one_medium_has_one_key_however_it_is_written(path: str) -> None:
    assert media.media_key(path, IDS) == "id10001/Y8hIVOBuels/0002275"


def test_short_paths_are_keys_of_themselves() -> None:
    assert media.media_key("a.wav", {}) == "a"
    assert media.media_key("voices/a.wav", {}) == "voices/a"


def test_two_files_for_one_key_are_refused() -> None:
    with pytest.raises(DataError, match="are both a/b/1"):
        media.index_media(["x/a/b/1.wav", "y/a/b/1.m4a"], {})


def test_voices_of_the_old_naming_have_the_key_of_the_new_one() -> None:
    old = text_lists.old_voice("A.J._Buckley/ab_defghijk_0000012.wav")
    assert media.media_key(old, IDS) == "id10001/ab_defghijk/00012"


def test_p1_is_read_and_its_keys_meet_across_lists(tmp_path: Path) -> None:
    protocol, ids = protocols.read("p1", write_p1(tmp_path))
    (trials,) = protocol.verification
    assert protocol.name == "P1" and ids["Name_3"] == "id00003"
    assert trials.name == "U, unseen people" and trials.positive is not None
    assert trials.positive.tolist() == [True, False] * 12
    assert trials.voices[0] == "id00000/abcdefghij_/00001"
    assert trials.faces[1] == "id00001/abcdefghij_/0000001"
    match = protocol.matching[0]
    assert (match.probe, match.probes[2]) == ("voice", trials.voices[4])
    assert match.persons[2] == ("id00002", "id00003")
    (gallery,) = protocol.retrieval
    assert (
        len(gallery.voices) == 24
        and [media.person_of(key) for key in gallery.faces[:2]] == ["id00000"] * 2
    )
    assert set(trials.voices) < set(protocol.media("voice")) == set(gallery.voices)


@pytest.mark.slow
def test_drawn_matching_is_of_distinct_people_with_the_probes_first(tmp_path: Path) -> None:
    protocol, _ = protocols.read("p1", write_p1(tmp_path))
    to_face, to_voice = text_lists.draw_matching(protocol.retrieval[0], 10, 50, seed=1)
    again, _ = text_lists.draw_matching(protocol.retrieval[0], 10, 50, seed=1)
    assert to_face == again and to_face.persons == to_voice.persons
    for probe, candidates, persons in zip(
        to_face.probes, to_face.candidates, to_face.persons, strict=True
    ):
        assert len(set(persons)) == 10 and probe.split("/")[0] == persons[0]
        assert [key.split("/")[0] for key in candidates] == list(persons)


def test_a_packed_list_is_read_like_a_plain_one(tmp_path: Path) -> None:
    import gzip

    plain, _ = protocols.read("p1", write_p1(tmp_path))
    for path in [*tmp_path.rglob("*.txt"), *tmp_path.glob("*/*.csv")]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed, _ = protocols.read("p1", tmp_path)
    assert packed.media("voice") == plain.media("voice") and packed.matching == plain.matching


def test_labels_that_contradict_the_names_are_refused(tmp_path: Path) -> None:
    path = write_p1(tmp_path) / "veriflist" / "veriflist_test_random_unseenunheard.txt"
    path.write_text(path.read_text().replace("1,0,0,1,", "1,0,0,0,"))
    with pytest.raises(DataError, match="labels and names disagree"):
        protocols.read("p1", tmp_path)


def test_pickled_lists_are_read_with_all_their_parts(tmp_path: Path) -> None:
    protocol, _ = protocols.read("p3", write_pickles(tmp_path, 11))
    assert [v.name for v in protocol.verification] == ["U", "G"]
    assert [(m.name, m.probe) for m in protocol.matching] == [
        (name, probe) for name in ("U", "G", "U, of ten") for probe in ("voice", "face")
    ]
    assert len(protocol.retrieval) == 3 and len(protocol.persons) == 11
    first = protocol.matching[0]
    assert first.probes[1] == "Name_1/abcdefghijk/00001"
    assert first.candidates[1] == ("Name_1/abcdefghijk/0000001", "Name_0/abcdefghijk/0000001")
    ten = protocol.matching[5]
    assert ten.probes[0].split("/")[0] == ten.persons[0][0] and len(ten.candidates[0]) == 10


def test_p2_and_p3_are_told_apart_by_their_people(tmp_path: Path) -> None:
    folder = write_pickles(tmp_path, pickled_lists.P3_PEOPLE)
    assert protocols.read("p3", folder)[0].name == "P3"
    with pytest.raises(DataError, match="those are the lists of P3"):
        protocols.read("p2", folder)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "test_verification.pkl").write_bytes(pickle.dumps({"list": Evil()}))
    with pytest.raises(DataError, match="no list of trials does"):
        protocols.read("p3", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_names_of_old_numpy_are_read(tmp_path: Path) -> None:
    stored = pickle.dumps({"list": [["a/b/1.wav", "a/b/1.jpg", np.int64(1)]]}, protocol=2)
    old = stored.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != stored
    (tmp_path / "test_verification.pkl").write_bytes(old)
    (trials,) = protocols.read("p2", tmp_path)[0].verification
    assert trials.positive is not None and trials.positive.tolist() == [True]


def test_p4_reads_lists_with_and_without_answers(tmp_path: Path) -> None:
    blind = "ysuvkz41 voices/English/00000.wav faces/English/00000.jpg\n"
    told = "tog3zj45 1 voices/Urdu/00001.wav faces/Urdu/00001.jpg\n"
    (tmp_path / "English_test.txt").write_text(blind)
    (tmp_path / "Urdu_test.txt").write_text(told)
    english, urdu = protocols.read("p4", tmp_path)[0].verification
    assert (english.name, english.positive, english.ids) == ("English", None, ["ysuvkz41"])
    assert english.voices == ["voices/English/00000"] and urdu.faces == ["faces/Urdu/00001"]
    assert urdu.positive is not None and urdu.positive.tolist() == [True]


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("p4", "English_test.txt", "a b\n"),
        ("p4", "English_test.txt", "a 7 v.wav f.jpg\n"),
        ("p2", "test_verification.pkl", "no pickle"),
        ("p1", "vox1_meta.csv", "nothing\n"),
        ("p1", "readme", ""),
        ("p3", "readme", ""),
    ],
)
def test_lists_of_another_form_are_one_clear_line(
    tmp_path: Path, name: str, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError) as error:
        protocols.read(name, tmp_path)
    assert "\n" not in str(error.value)


def test_the_manifest_holds_every_listed_medium_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = write_p1(tmp_path / "lists")
    for i in range(11):  # nobody has media of the twelfth
        for path, numbers in ((voice, (1, 2)), (face, (1,))):
            for n in numbers:
                file = tmp_path / "media" / path(i, n)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
    for file in (tmp_path / "media").rglob("*"):
        if file.is_file():
            side = tmp_path / ("wav" if file.suffix == ".wav" else "jpg")
            target = side / file.relative_to(tmp_path / "media")
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    out = tmp_path / "manifest.csv"
    options = f"p1 --lists {lists} --faces {tmp_path}/jpg --voices {tmp_path}/wav --out {out}"
    assert protocols.main(options.split()) == 0
    said = capsys.readouterr().out
    assert "22 rows" in said and "13 of 24 faces, 2 of 24 voices" in said
    pairs = read_pairs(out)
    assert len({pair.voice for pair in pairs}) == 22 and len({pair.face for pair in pairs}) == 11
    assert {pair.person for pair in pairs} == {f"id{i:05d}" for i in range(11)}


@pytest.fixture(scope="module")
def real(shared: Path) -> PublishedProtocol:
    return protocols.read("p1", shared / "protocols" / "voxceleb1")[0]


@pytest.mark.slow
def test_the_real_lists_have_the_published_sizes(real: PublishedProtocol) -> None:
    """docs/method.md, Protocols, P1."""
    sizes = {trials.name: len(trials.voices) for trials in real.verification}
    unseen = {"U": 30_496, "G": 30_496, "N": 28_193, "A": 30_496, "GNA": 27_280}
    seen = {"U": 18_020, "G": 18_020, "N": 17_840, "A": 18_020, "GNA": 17_380}
    assert sizes == {f"{k}, unseen people": n for k, n in unseen.items()} | {
        f"{k}, seen people": n for k, n in seen.items()
    }
    matches = {m.name: len(m.probes) for m in real.matching if m.probe == "voice"}
    assert matches == {"U": 10_000, "G": 10_000, "N": 9_360, "GN": 9_120, "U drawn here": 10_000}
    (gallery,) = real.retrieval
    assert len(gallery.voices) == len(gallery.faces) == 20_000
    assert all(
        len({media.person_of(key) for key in keys}) == 250
        for keys in (gallery.voices, gallery.faces)
    )


@pytest.mark.slow
def test_negatives_of_the_real_strata_share_what_they_are_named_for(
    real: PublishedProtocol, shared: Path
) -> None:
    rows = (shared / "protocols" / "voxceleb1" / "vox1_meta.csv").read_text().splitlines()[1:]
    cells = [row.split("\t") for row in rows]
    sex = {row[0]: row[2] for row in cells}
    nation = {row[0]: row[3] for row in cells}
    shares = {}
    for trials in real.verification:
        strangers = [pair for pair in trials.persons if pair[0] != pair[1]]
        shares[trials.name] = [
            np.mean([of[one] == of[other] for one, other in strangers]) for of in (sex, nation)
        ]
    for people in ("unseen people", "seen people"):
        assert shares[f"N, {people}"][1] == shares[f"GNA, {people}"][1] == 1
        # the lists are older than the table: of two people a set it tells another sex
        assert shares[f"G, {people}"][0] > 0.98 and shares[f"GNA, {people}"][0] > 0.98
        assert 0.4 < shares[f"U, {people}"][0] < 0.6 and shares[f"U, {people}"][1] < 0.6
