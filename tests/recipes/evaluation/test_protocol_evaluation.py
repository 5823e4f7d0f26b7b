"""Protocols under planted features: closed forms, scikit-learn, what becomes of missing media."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from planted import of_keys, people, plain_heads, write_features
from sklearn.metrics import average_precision_score, roc_auc_score
from toy_protocols import write_p1, write_pickles

from vclip.association.model import save_association
from vclip.errors import DataError
from vclip.recipes.data.shards import open_features
from vclip.recipes.evaluation import association, protocols, text_lists
from vclip.recipes.evaluation.media import person_of, read_ids
from vclip.recipes.evaluation.protocol_evaluation import (
    ProtocolEvaluation,
    ProtocolFigure,
    embed_media,
    mean_eer,
)
from vclip.recipes.evaluation.trials import PublishedProtocol
from vclip.recipes.metrics.intervals import Estimate

pytestmark = pytest.mark.slow

DIMENSION = 16


def planted(
    protocol: PublishedProtocol, folder: Path, noise: float = 0.5, left_out: Mapping[str, int] = {}
) -> Path:
    """Shards in which a person's media are his vector plus noise; some media are left out."""
    vectors = people(sorted(protocol.persons), DIMENSION, seed=3)
    rng = np.random.default_rng(4)

    def make(person: str) -> np.ndarray:
        return vectors[person] + noise * rng.normal(size=DIMENSION) / np.sqrt(DIMENSION)

    sides = {}
    for side, suffix, name in (("faces", ".jpg", "face"), ("voices", ".wav", "voice")):
        keys = protocol.media(name)[left_out.get(side, 0) :]  # type: ignore[arg-type]
        sides[side] = of_keys(keys, make, suffix)
    return write_features(folder, sides)


def evaluated(protocol: PublishedProtocol, folder: Path, draws: int = 20) -> ProtocolEvaluation:
    embedded = embed_media(protocol, {}, open_features(folder), plain_heads(DIMENSION))
    return ProtocolEvaluation(protocol, *embedded, draws, seed=0)


def by_name(evaluation: ProtocolEvaluation) -> dict[tuple[str, str, str], ProtocolFigure]:
    return {(line.what, line.name, line.figure): line for line in evaluation.figures()}


@pytest.fixture
def p1(tmp_path: Path) -> PublishedProtocol:
    return protocols.read("p1", write_p1(tmp_path / "lists", n_people=30))[0]


def naive(
    evaluation: ProtocolEvaluation, protocol: PublishedProtocol
) -> dict[tuple[str, str, str], float]:
    """Every figure, trial by trial and probe by probe."""
    voice = dict(zip(protocol.media("voice"), evaluation.voices.emb, strict=True))
    face = dict(zip(protocol.media("face"), evaluation.faces.emb, strict=True))
    found = {}
    for trials in protocol.verification:
        cosines = [
            float(voice[v] @ face[f]) for v, f in zip(trials.voices, trials.faces, strict=True)
        ]
        found["verification", trials.name, "AUC"] = roc_auc_score(trials.positive, cosines)
    for match in protocol.matching:
        mine, theirs = (voice, face) if match.probe == "voice" else (face, voice)
        what = "voice to face" if match.probe == "voice" else "face to voice"
        for n in range(2, len(match.candidates[0]) + 1):
            hits = [
                np.argmax([mine[probe] @ theirs[key] for key in keys[:n]]) == 0
                for probe, keys in zip(match.probes, match.candidates, strict=True)
            ]
            found[what, f"{match.name}, 1:{n}", "accuracy"] = float(np.mean(hits))
    return found


def test_every_figure_of_p1_is_that_of_a_naive_copy(p1: PublishedProtocol, tmp_path: Path) -> None:
    evaluation = evaluated(p1, planted(p1, tmp_path / "features"))
    lines = by_name(evaluation)
    expected = naive(evaluation, p1)
    for key, value in expected.items():
        assert lines[key].estimate.value == pytest.approx(value), key
        assert lines[key].missing == 0 and lines[key].protocol == "P1"
    drawn = {key for key in lines if "drawn here" in key[1]}
    assert len(drawn) == 18  # among 2 to 10, both ways
    (gallery,) = p1.retrieval
    rows = evaluation.voices.emb[evaluation.voices.rows(gallery.voices)]
    scores = rows @ evaluation.faces.emb[evaluation.faces.rows(gallery.faces)].T
    right = np.equal.outer(
        *(np.array([*map(person_of, keys)]) for keys in (gallery.voices, gallery.faces))
    )
    for what, table, hit in (
        ("voice to face", scores, right),
        ("face to voice", scores.T, right.T),
    ):
        mean = np.mean([average_precision_score(h, s) for h, s in zip(hit, table, strict=True)])
        assert lines[what, "retrieval, 20k", "mAP"].estimate.value == pytest.approx(mean)


def test_who_is_who_in_the_features_decides_the_figures(
    p1: PublishedProtocol, tmp_path: Path
) -> None:
    """Clean features give perfect figures, noise alone the chance that stands beside them."""
    clean = evaluated(p1, planted(p1, tmp_path / "clean", noise=0))
    noise = evaluated(p1, planted(p1, tmp_path / "noise", noise=1000), draws=200)
    for key, line in by_name(clean).items():
        assert line.estimate.value == pytest.approx(0 if key[2] == "EER" else 1)
    for line in noise.figures():
        wide = 2 * (line.estimate.high - line.estimate.low)  # 8 standard errors to each side
        assert abs(line.estimate.value - line.chance) < wide, line


def test_trials_with_missing_media_are_left_out_and_counted(
    p1: PublishedProtocol, tmp_path: Path
) -> None:
    whole = evaluated(p1, planted(p1, tmp_path / "whole", noise=0))
    parts = evaluated(p1, planted(p1, tmp_path / "parts", noise=0, left_out={"faces": 5}))
    assert (parts.faces.missing, parts.voices.missing) == (5, 0)
    gone = set(p1.media("face")[:5])
    (trials,) = p1.verification
    n_gone = sum(key in gone for key in trials.faces)
    lines = by_name(parts)
    line = lines["verification", trials.name, "AUC"]
    assert line.missing == n_gone > 0 and line.used == len(trials.faces) - n_gone
    for key, before in by_name(whole).items():
        after = lines[key]
        assert after.used + after.missing == before.used + before.missing
        assert after.missing >= before.missing


def test_pickled_protocols_have_all_their_figures(tmp_path: Path) -> None:
    protocol, _ = protocols.read("p3", write_pickles(tmp_path / "lists", 14))
    evaluation = evaluated(protocol, planted(protocol, tmp_path / "features"))
    lines = by_name(evaluation)
    for key, value in naive(evaluation, protocol).items():
        assert lines[key].estimate.value == pytest.approx(value)
    assert {key[1] for key in lines if key[0] == "verification"} == {"U", "G"}
    assert lines["face to voice", "retrieval, 3 groups", "mAP"].used == 3 * 28


def line(protocol: str, name: str, value: float, half: float) -> ProtocolFigure:
    estimate = Estimate(value, value - half, value + half)
    return ProtocolFigure(protocol, "verification", name, "EER", estimate, 0.5, 10, 0)


def test_p4_is_the_mean_eer_over_languages_and_nothing_else_is() -> None:
    (mean,) = mean_eer([line("P4", "English", 0.2, 0.03), line("P4", "Urdu", 0.4, 0.04)])
    assert mean.estimate.value == pytest.approx(0.3) and mean.used == 20
    assert mean.estimate.high - mean.estimate.value == pytest.approx(0.025)  # 5 / 2
    assert mean_eer([line("P1", "U", 0.2, 0.1), line("P1", "G", 0.4, 0.1)]) == []


def fame(folder: Path, n: int = 60, labelled: bool = True) -> Path:
    folder.mkdir()
    for language in ("English", "German"):
        rows = []
        for i in range(n):
            mark = f" {i % 2}" if labelled else ""
            said, seen = f"voices/{language}/{i:05d}.wav", f"faces/{language}/{i:05d}.jpg"
            rows.append(f"key{i}{mark} {said} {seen}")
        (folder / f"{language}_test.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def told(tmp_path: Path) -> tuple[str, Path]:
    """FAME's lists and features in which every second trial is one person."""
    rng = np.random.default_rng(0)
    faces, voices = {}, {}
    for language in ("English", "German"):
        for i in range(60):
            seen = rng.normal(size=DIMENSION)
            said = seen + 0.3 * rng.normal(size=DIMENSION) if i % 2 else rng.normal(size=DIMENSION)
            faces[f"faces/{language}/{i:05d}.jpg"] = seen
            voices[f"voices/{language}/{i:05d}.wav"] = said
    features = write_features(tmp_path / "features", {"faces": faces, "voices": voices})
    (tmp_path / "model").mkdir()
    heads = plain_heads(DIMENSION)
    save_association(tmp_path / "model" / "association.safetensors", heads, {})
    return f"--protocol p4 --features {features} --model {tmp_path}/model --draws 20", tmp_path


def test_the_command_prints_each_figure_with_its_protocol(
    told: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    options, folder = told
    lists = fame(folder / "v3")
    assert association.main([*options.split(), "--lists", str(lists)]) == 0
    out = capsys.readouterr().out.splitlines()
    figures = [row for row in out if row.startswith("P4  ")]
    assert len(figures) == 5 and "mean" in figures[-1]  # AUC and EER of two, and the mean EER
    assert "listed media without features: 0 of 120 faces, 0 of 120 voices" in out
    assert association.main([*options.split(), "--lists", str(lists), "--json"]) == 0
    told_json = json.loads(capsys.readouterr().out)
    assert told_json["protocol"] == "P4" and len(told_json["lines"]) == 5
    assert told_json["lines"][0]["estimate"]["value"] > 0.9


def test_a_submission_holds_an_id_and_a_distance_a_line(
    told: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    options, folder = told
    lists = fame(folder / "v3", labelled=False)
    more = ["--lists", str(lists), "--submission", str(folder), "--heard", "German"]
    assert association.main([*options.split(), *more]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/sub_score_German_unheard.txt", f"{folder}/sub_score_German_heard.txt"
    ]  # fmt: skip
    rows = (folder / "sub_score_German_heard.txt").read_text().splitlines()
    assert len(rows) == 60 and rows[3].startswith("key3 ")
    faces, voices = open_features(folder / "features")
    unit = [
        side.matrix([f"{name}/German/00003.{end}"])[0]
        for side, name, end in ((faces, "faces", "jpg"), (voices, "voices", "wav"))
    ]
    one, other = (row / np.linalg.norm(row) for row in unit)
    assert float(rows[3].split()[1]) == pytest.approx(np.linalg.norm(one - other), abs=1e-4)


def test_pairs_are_evaluated_from_shards_too(
    told: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = told
    rows = [f"{i},faces/English/{i:05d}.jpg,voices/English/{i:05d}.wav,F" for i in range(1, 60, 2)]
    (folder / "pairs.csv").write_text("\n".join(["person,face,voice,sex", *rows]) + "\n")
    options = f"--pairs {folder}/pairs.csv --features {folder}/features --model {folder}/model"
    assert association.main([*options.split(), "--json", "--draws", "20"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 30 and found["association"]["auc"]["value"] > 0.95
    assert found["sex_only"] is None


@pytest.mark.parametrize(
    "options",
    ["", "--lists nowhere", "--lists {0}/v3 --features {0}/features --model {0}/other"],
)
def test_what_is_missing_or_does_not_fit_is_one_line(
    told: tuple[str, Path], options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = told
    fame(folder / "v3")
    (folder / "other").mkdir()
    save_association(folder / "other" / "association.safetensors", plain_heads(8), {})
    assert association.main(["--protocol", "p4", *options.format(folder).split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("side", "known"), [("faces", "face_encoder_sha256"), ("voices", "voice_encoder")]
)
def test_features_of_another_encoder_of_the_same_size_are_refused(
    told: tuple[str, Path], side: str, known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would score like chance without a word."""
    options, folder = told
    lists = fame(folder / "v3")
    about = json.loads((folder / "features" / "features.json").read_text())
    about[side] |= {"weights_sha256": "made by this", "spec": "some"}
    (folder / "features" / "features.json").write_text(json.dumps(about))
    for digest, code in (("made by this", 0), ("made by that", 2)):
        named = digest if known == "face_encoder_sha256" else {"sha256": digest}
        path = folder / "model" / "association.safetensors"
        save_association(path, plain_heads(DIMENSION), {known: named})
        assert association.main([*options.split(), "--lists", str(lists)]) == code
    assert "not of the encoder that the heads" in capsys.readouterr().err


def test_features_of_other_media_are_no_evaluation(p1: PublishedProtocol, tmp_path: Path) -> None:
    rows = {"somebody/else/1.jpg": np.ones(DIMENSION)}
    folder = write_features(tmp_path / "features", {"faces": rows, "voices": rows})
    with pytest.raises(DataError, match="none of the media"):
        evaluated(p1, folder)


def test_sex_alone_reaches_what_the_real_lists_allow_and_nothing_within_sex(
    shared: Path, tmp_path: Path
) -> None:
    """Scores that only say whether the sexes agree have an AUC in closed form in each stratum."""
    folder = shared / "protocols" / "voxceleb1"
    ids = read_ids(folder / "vox1_meta.csv")
    rows = (folder / "vox1_meta.csv").read_text().splitlines()[1:]
    sex = {row.split("\t")[0]: row.split("\t")[2] for row in rows}
    lists = [
        text_lists.read_verification(folder / "veriflist", stratum, "unseenunheard", ids)
        for stratum in ("random", "G")
    ]
    protocol = PublishedProtocol("P1", "two strata", [trials for trials in lists if trials])

    def make(person: str) -> np.ndarray:
        return np.eye(DIMENSION)[0] * (1 if sex[person] == "m" else -1)

    sides = {
        side: of_keys(protocol.media(name), make, suffix)  # type: ignore[arg-type]
        for side, name, suffix in (("faces", "face", ".jpg"), ("voices", "voice", ".wav"))
    }
    evaluation = evaluated(protocol, write_features(tmp_path, sides), draws=2)
    lines = by_name(evaluation)
    for trials in protocol.verification:
        strangers = [pair for pair in trials.persons if pair[0] != pair[1]]
        told_apart = np.mean([sex[one] != sex[other] for one, other in strangers])
        line = lines["verification", trials.name, "AUC"]
        assert line.estimate.value == pytest.approx(0.5 + told_apart / 2)
        assert line.used == 30_496 and line.missing == 0
    assert lines["verification", "U, unseen people", "AUC"].estimate.value > 0.72
    assert lines["verification", "G, unseen people", "AUC"].estimate.value < 0.51
