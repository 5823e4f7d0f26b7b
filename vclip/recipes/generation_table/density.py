"""How far draws of a speaker mixture lie from real speakers, and two ways to bring them back.

    python -m vclip.recipes.generation_table.density [--model M | --table CSV]
        [--n-components 100 8 1] [--n 5000]

A plain mixture may draw speakers that no synthesizer has learned (paper.md §4: 10 Gaussians over
verification embeddings gave g2s .35 where speakers lie .20 apart), or speakers that are copies of
those it was fitted to. Per size of the mixture, and per repair, the table says

inside     share of draws at least as likely as 95 % of left-out speakers are
log-lik.   mean log density under 4 Gaussians minus that of left-out speakers, in nats
radius     median distance from the mean speaker, as a share of the speakers'
s2s g2s g2g  TacoSpawn's distances around the mean speaker, among as many draws as speakers
Vendi      effective number of different ones among as many draws as speakers; the speakers' beside

`reject` keeps the draws that are inside; `rescale` moves those that lie farther from the mean than
95 % of speakers back to that distance, in deviations of the mixture.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold

from vclip.arrays import Bools, Float32, Float64
from vclip.errors import DataError, reported
from vclip.recipes.metrics.speaker_generation import (
    GenerationDistances,
    generation_distances,
    vendi,
)
from vclip.speakers.gmm import SpeakerGMM

JUDGE = 4  # components of the density that judges (paper §4.3)
SHARE = 0.95  # of the speakers, who count as ordinary
FOLDS = 5
REPAIRS = ("as drawn", "reject", "rescale")


class Density:
    """The density of vectors like a table (N, S): PCA of 99 %, 4 diagonal Gaussians.

    Left-out rows are scored in the full table's axes by mixtures fitted without them: otherwise
    rows of a table with fewer rows than columns would be more likely than anything drawn.
    """

    def __init__(self, table: npt.ArrayLike, seed: int = 0, n_components: int = JUDGE) -> None:
        rows = np.asarray(table, dtype=np.float64)
        self._pca = PCA(0.99, svd_solver="full", whiten=True).fit(rows)
        projected = self._pca.transform(rows)
        self._mixture = _mixture(projected, n_components, seed)
        held = np.zeros(len(rows))
        for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(projected):
            held[test] = _mixture(projected[train], n_components, seed).score_samples(
                projected[test]
            )
        self.held_out: Float64 = held  # (N,) of the table's rows

    def log_prob(self, rows: npt.ArrayLike) -> Float64:
        """Log density (M,) of rows (M, S), in nats, of whitened coordinates."""
        projected = self._pca.transform(np.asarray(rows, dtype=np.float64))
        return np.asarray(self._mixture.score_samples(projected))

    @property
    def least(self) -> float:
        """What all but 5 % of left-out rows reach."""
        return float(np.quantile(self.held_out, 1 - SHARE))


def _mixture(rows: Float64, n_components: int, seed: int) -> GaussianMixture:
    return GaussianMixture(
        min(n_components, len(rows) // 2),
        covariance_type="diag",
        reg_covar=1e-2,  # of a variance of 1: a component may not sit on one row
        n_init=3,
        random_state=seed,
    ).fit(rows)


class Manifold:
    """Where the speakers of a table (N, S) lie, and draws of a mixture brought back to it."""

    def __init__(self, table: Float32, seed: int = 0) -> None:
        self.table, self.density = table, Density(table, seed)

    def draw(self, gmm: SpeakerGMM, n: int, rng: np.random.Generator, repair: str) -> Float32:
        """n speaker embeddings (n, S) under one of the REPAIRS. Raises DataError."""
        if repair == "reject":
            return self._reject(gmm, n, rng)
        rows = gmm.sample(n, rng)
        return self.rescale(gmm, rows) if repair == "rescale" else rows

    def inside(self, rows: Float32) -> Bools:
        """Which rows (M, S) are as likely as ordinary speakers."""
        return np.asarray(self.density.log_prob(rows) >= self.density.least)

    def _reject(self, gmm: SpeakerGMM, n: int, rng: np.random.Generator) -> Float32:
        kept: list[Float32] = []
        for _ in range(50):  # of draws that are mostly outside, no mixture that we know makes more
            rows = gmm.sample(n, rng)
            kept.append(rows[self.inside(rows)])
            if sum(map(len, kept)) >= n:
                return np.concatenate(kept)[:n]
        raise DataError(
            f"of {50 * n} draws only {sum(map(len, kept))} lie among the speakers; fit a mixture "
            "of fewer components (vclip.recipes.generation.fit_gmm)"
        )

    def rescale(self, gmm: SpeakerGMM, rows: Float32) -> Float32:
        """rows (M, S), those beyond the ordinary radius moved back to it."""
        centre = gmm.mean + (gmm.weights @ gmm.means) @ gmm.axes
        limit = np.quantile(radius(gmm, self.table), SHARE)
        shrink = np.minimum(1, limit / np.maximum(radius(gmm, rows), 1e-12))[:, None]
        return (centre + shrink * (rows - centre)).astype(np.float32)


def radius(gmm: SpeakerGMM, rows: Float32) -> Float64:
    """Distance (M,) of rows (M, S) from the mixture's mean, in its standard deviations."""
    found = np.stack([gmm.coordinates(row) for row in rows])
    return np.asarray(np.linalg.norm(found, axis=1) / np.sqrt(found.shape[1]))


@dataclass(frozen=True)
class Draws:
    """One line of the table."""

    n_components: int
    repair: str
    inside: float
    log_gap: float
    radius: float
    distances: GenerationDistances
    vendi: float

    def __str__(self) -> str:
        near = self.distances
        return (
            f"{self.n_components:10d}  {self.repair:9}{self.inside:8.3f}{self.log_gap:10.1f}"
            f"{self.radius:8.2f}{near.s2s:9.3f}{near.g2s:7.3f}{near.g2g:7.3f}{self.vendi:8.1f}"
        )


def measure(manifold: Manifold, gmm: SpeakerGMM, rows: Float32, repair: str) -> Draws:
    """rows (M, S) against the speakers."""
    table = manifold.table
    centre = table.mean(axis=0)
    few = rows[: len(table)] - centre  # neighbours are nearer among more: compare equally many
    log_prob = manifold.density.log_prob(rows)
    return Draws(
        len(gmm.weights),
        repair,
        float(manifold.inside(rows).mean()),
        float(log_prob.mean() - manifold.density.held_out.mean()),
        float(_median_norm(rows - centre) / _median_norm(table - centre)),
        generation_distances(table - centre, few),
        vendi(few),
    )


def _median_norm(rows: Float32) -> float:
    return float(np.median(np.linalg.norm(rows, axis=1)))


def report(table: Float32, sizes: list[int], n: int, seed: int, say: Callable[[str], None]) -> None:
    """Say a line for every size and repair."""
    manifold = Manifold(table, seed)
    speakers = vendi(table - table.mean(axis=0))
    say(f"{len(table)} speakers of {table.shape[1]} numbers, Vendi score {speakers:.1f}; {n} draws")
    say("components  repair     inside  log-lik.  radius      s2s    g2s    g2g   Vendi")
    for size in sizes:
        gmm = SpeakerGMM.fit(table, min(size, len(table)), seed)
        for repair in REPAIRS:
            try:
                rows = manifold.draw(gmm, n, np.random.default_rng(seed), repair)
            except DataError as error:
                say(f"{size:10d}  {repair:9}{error}")
            else:
                say(str(measure(manifold, gmm, rows, repair)))


def read_table(path: Path) -> Float32:
    """A CSV of numbers with one line of names above, (N, S). Raises DataError."""
    try:
        return np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the speaker table {path}: {error}") from error


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.generation_table.density",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--model", default="bundled", help="model directory (default: bundled)")
    options.add_argument("--table", type=Path, help="a speaker table as CSV instead")
    options.add_argument("--n-components", type=int, nargs="+", default=[100, 8, 1])
    options.add_argument("--n", type=int, default=5000, help="draws (default: the paper's 5000)")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(argv)
    table = read_table(given.table) if given.table else _speakers(given.model)
    report(table, given.n_components, given.n, given.seed, print)
    return 0


def _speakers(model: str) -> Float32:
    """The speaker table of a model directory's bank."""
    from vclip.models.directory import find_model
    from vclip.recipes.generation.spoken_features import bank_rows  # loads the synthesizer

    return bank_rows(find_model(model))[0]


if __name__ == "__main__":
    raise SystemExit(main())
