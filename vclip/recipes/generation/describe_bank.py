"""Age and accent of a bank's speakers: `python -m vclip.recipes.generation.describe_bank`.

Speakers of the bank that bear the name of a speaker of the manifest's --source get that one's age
and accent. With them the zero-shot heads (`vclip.association.zero_shot`) tells speakers apart by
more than sex; nothing else reads them. Run `python -m vclip.recipes.generation.assemble`
afterwards.

Writes into bank.npz: age (N,) float32 in years, nan where unknown; accent (N,), '' where unknown;
and, in provenance, where they are from. Refuses where names deceive: in coqui's VITS of VCTK they
are shuffled, so that the sexes of its bank are those of the manifest for only half of the speakers.

The manifest is a CSV with the columns source, speaker, sex, age, accent; docs/recipes.md says where
VCTK's comes from.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vclip.arrays import Strings
from vclip.association.zero_shot import SpeakerProfile
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.data.manifest import file_hash, read_rows, sex_of
from vclip.recipes.generation.npz import read_npz, write_npz
from vclip.recipes.options import command

# share of speakers whose sex is the manifest's; the bank's is heard, not always rightly
LEAST = 0.9


@dataclass(frozen=True)
class DescribeBankSettings:
    """A bank and those who know its speakers."""

    manifest: Path  # recordings with the columns source, speaker, sex, age, accent
    directory: Path = BUNDLED
    source: str = "vctk"  # of the manifest


def read_speakers(manifest: Path, source: str) -> dict[str, SpeakerProfile]:
    """Speakers of a source by name. Raises DataError."""
    speakers = {}
    for line, row in read_rows(manifest, ("source", "speaker", "sex", "age", "accent")):
        if row["source"] == source:
            where = f"{manifest}, line {line}"
            try:
                age = float(row["age"]) if row["age"] else None
            except ValueError as error:
                raise DataError(f"{where}: the age {row['age']!r} is no number") from error
            accent = "" if row["accent"].lower() == "unknown" else row["accent"]
            speakers[row["speaker"]] = SpeakerProfile(sex_of(row["sex"], where), age, accent)
    if not speakers:
        raise DataError(f"{manifest} has no speakers of the source {source!r}")
    return speakers


def agreement(heard: Strings, told: Strings) -> float:
    """The share of speakers whose sex (N,), where both are known, is the same. Raises DataError."""
    known = (told != "") & (heard != "")
    if not known.any():
        raise DataError("the bank and the manifest have no speaker of known sex in common")
    share = float(np.mean((told == heard)[known]))
    if share < LEAST:
        raise DataError(
            f"only {100 * share:.0f} % of the bank's speakers have the sex that the manifest gives "
            "to their names, so these are other people; name another --source"
        )
    return share


@command(DescribeBankSettings)
def main(settings: DescribeBankSettings) -> None:
    """Rewrite the bank, and print what its provenance says of it."""
    path = settings.directory / "bank.npz"
    bank, provenance = read_npz(path, "build_bank")
    if "sex" not in bank:
        raise DataError(f"{path} has no sexes to check names with; build it with --manifest")
    speakers = read_speakers(settings.manifest, settings.source)
    found = [speakers.get(name, SpeakerProfile()) for name in bank["speaker_ids"].tolist()]
    share = agreement(bank["sex"], np.array([profile.sex for profile in found]))
    age = np.array([profile.age for profile in found], dtype=np.float32)  # None is nan
    accent = np.array([profile.accent for profile in found], dtype=np.str_)
    origin = {
        "source": settings.source,
        "manifest": file_hash(settings.manifest),
        "same_sex": round(share, 4),
        "n_age": int(np.isfinite(age).sum()),
        "n_accent": int((accent != "").sum()),
    }
    write_npz(path, bank | {"age": age, "accent": accent}, provenance | {"people": origin})
    print(json.dumps(origin))


if __name__ == "__main__":
    raise SystemExit(main())
