"""Manifests and the feature cache: what is read, what is kept, what is skipped and said."""

from pathlib import Path

import numpy as np
import pytest
from toys import CountingImages, CountingVoices, NoFaces, make_extractors, make_media

from vclip import audio
from vclip.errors import DataError
from vclip.face.photo import crop_face, load_photo
from vclip.recipes.data import feature_store
from vclip.recipes.data import manifest as pairs


def test_features_are_computed_once_and_the_same_when_read_back(tmp_path: Path) -> None:
    manifest = pairs.read_pairs(make_media(tmp_path))
    faces, voices = make_extractors()
    store = feature_store.FeatureStore(tmp_path / "store.sqlite")
    first = feature_store.pair_features(manifest, faces, voices, store)
    store.close()  # as after an interruption
    store = feature_store.FeatureStore(tmp_path / "store.sqlite")
    again = feature_store.pair_features(manifest, faces, voices, store)
    assert faces.encoder.calls == voices.encoder.calls == 3  # type: ignore[attr-defined]
    for one, other in zip(first.first(), again.first(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.report == again.report and len(again.report.whole_pictures) == 1


def test_other_weights_and_other_media_are_other_keys(tmp_path: Path) -> None:
    make_media(tmp_path)
    store, report = feature_store.FeatureStore(tmp_path / "s.sqlite"), feature_store.Report()

    def calls(weights: str) -> int:
        encoder = CountingVoices()
        feature_store.VoiceFeatures(encoder, weights)(tmp_path / "1.wav", store, report)
        return encoder.calls

    assert [calls("one"), calls("two"), calls("one")] == [1, 1, 0]
    audio.save(tmp_path / "1.wav", np.ones(16000, "f4"), 16000)
    assert calls("one") == 1


def test_the_first_row_is_what_the_app_computes(tmp_path: Path) -> None:
    make_media(tmp_path)
    faces, voices = make_extractors(n_views=5, windows=True)
    store, report = feature_store.FeatureStore(tmp_path / "s.sqlite"), feature_store.Report()
    rows = faces(tmp_path / "1.png", store, report)
    photo = load_photo((tmp_path / "1.png").read_bytes())
    crop = crop_face(photo, NoFaces().find(photo)[0], 16)
    assert rows.shape == (5, 12)
    np.testing.assert_allclose(rows[:2], CountingImages().encode(np.stack([crop, crop[:, ::-1]])))
    wav, rate = audio.load_wav(tmp_path / "1.wav")
    voice = voices(tmp_path / "1.wav", store, report)
    assert voice.shape == (1 + 2, 2)  # 3.5 s hold windows of 2 s from 0 s and 1 s
    np.testing.assert_allclose(voice[0], CountingVoices().encode(wav, rate))
    np.testing.assert_allclose(voice[2], CountingVoices().encode(wav[16000:48000], rate))


def test_views_of_a_picture_do_not_depend_on_the_run(tmp_path: Path) -> None:
    make_media(tmp_path)
    runs = []
    for name in ("a", "b"):
        store = feature_store.FeatureStore(tmp_path / name)
        runs.append(make_extractors(6)[0](tmp_path / "2.png", store, feature_store.Report()))
    np.testing.assert_array_equal(*runs)
    assert len(np.unique(runs[0], axis=0)) == 5  # this encoder cannot see mirroring


def test_unusable_media_are_skipped_counted_and_named(tmp_path: Path) -> None:
    manifest = pairs.read_pairs(make_media(tmp_path, n=6))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:100])
    (tmp_path / "3.wav").write_text("no sound")
    audio.save(tmp_path / "4.wav", np.zeros(100, "f4"), 16000)
    (tmp_path / "5.png").unlink()
    store = feature_store.FeatureStore(tmp_path / "s.sqlite")
    found = feature_store.pair_features(manifest, *make_extractors(), store)
    assert [pair.person for pair in found.pairs] == ["p0", "p2"]
    assert "skipped: 4" in found.report.lines()
    for name in ("3.wav", "4.wav", "5.png"):
        assert any(name in line for line in found.report.skipped)


def test_too_few_usable_rows_are_an_error(tmp_path: Path) -> None:
    manifest = pairs.read_pairs(make_media(tmp_path, n=2))
    (tmp_path / "1.wav").unlink()
    store = feature_store.FeatureStore(tmp_path / "s.sqlite")
    with pytest.raises(DataError, match=r"1 of 2 rows.*1\.wav"):
        feature_store.pair_features(manifest, *make_extractors(), store)


def test_a_manifest_is_read_with_paths_beside_it(tmp_path: Path) -> None:
    rows = pairs.read_pairs(make_media(tmp_path), "dev")
    assert [(r.person, r.sex, r.split) for r in rows] == [("p2", "F", "dev")]
    assert rows[0].face == tmp_path / "2.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,face,sex\na,b,F\n", "no column voice"),
        ("person,face,voice,sex\n", "no rows"),
        ("person,face,voice,sex\na,,c,F\n", "line 2: face is empty"),
        ("person,face,voice,sex\na,b,c,x\n", "neither F, M nor empty"),
        ("person,face,voice,sex,split\na,b,c,F,train\na,d,e,F,dev\n", "in two splits"),
    ],
)
def test_faulty_manifests_say_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        pairs.read_pairs(tmp_path / "m.csv")


def test_unknown_splits_and_unreadable_manifests_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has 'dev', 'train'"):
        pairs.read_pairs(make_media(tmp_path), "test")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("binary.csv", "missing.csv"):
        with pytest.raises(DataError, match=name):
            pairs.read_pairs(tmp_path / name)


def test_labelled_rows_are_those_with_a_sex_of_the_wanted_sources(tmp_path: Path) -> None:
    text = "path,source,speaker,sex,age\na,vctk,p1,F,23\nb,vctk,p2,,\nc,other,p3,M,x\n"
    (tmp_path / "m.csv").write_text(text)
    rows = pairs.read_labelled(tmp_path / "m.csv")
    assert [(r.path.name, r.sex, r.age) for r in rows] == [("a", "F", 23.0), ("c", "M", None)]
    assert len(pairs.read_labelled(tmp_path / "m.csv", ("other",))) == 1


def test_every_shared_pair_exists(shared: Path) -> None:
    rows = pairs.read_pairs(shared / "pairs" / "avspeech.csv")
    assert len(rows) > 900 and all(r.face.is_file() and r.voice.is_file() for r in rows)
    ravdess = pairs.read_pairs(shared / "pairs" / "ravdess.csv")
    assert len({r.person for r in ravdess}) == 24
