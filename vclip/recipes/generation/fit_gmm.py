"""The speaker GMM of a model directory, its size chosen by held-out likelihood.

`python -m vclip.recipes.generation.fit_gmm` prints the mean held-out log-likelihood per speaker for
each number of components (ten folds, twins in one; every fold is scored in its own PCA of equal
rank) and writes generation.npz with the best. The paper takes 100 components for 2130 speakers.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from tqdm import tqdm

from vclip.arrays import Float32, Int64
from vclip.models.directory import BUNDLED
from vclip.recipes.generation.spoken_features import bank_rows
from vclip.recipes.options import command
from vclip.speakers.gmm import SpeakerGMM

FOLDS = 10
CHOICES = (1, 2, 4, 8, 16, 32, 100)


@dataclass(frozen=True)
class FitGmmSettings:
    """A model directory and its mixture."""

    directory: Path = BUNDLED
    n_components: int = 0  # instead of choosing
    seed: int = 0


def held_out(
    table: Float32, n_components: int, rank: int, folds: list[tuple[Int64, Int64]], seed: int
) -> float:
    """Mean log-likelihood of left-out speakers (rows of (N, S)) under a fit of every fold."""
    mixture = GaussianMixture(
        n_components, covariance_type="diag", reg_covar=1e-3, n_init=3, random_state=seed
    )
    model = make_pipeline(PCA(rank, svd_solver="full"), mixture)
    scores = cross_val_score(model, table.astype(np.float64), cv=folds)  # means over each fold
    return float(np.average(scores, weights=[len(test) for _, test in folds]))


def twins(table: Float32, share: float = 0.5) -> Int64:
    """A group number (N,) for every speaker; those much nearer than usual are in one group.

    Speakers that began as copies of others stay near them. Split over folds they would make a
    mixture of one narrow component a speaker look like a good model of unseen speakers.
    """
    distances = pdist(table)
    linked = linkage(distances, "single")
    groups = fcluster(linked, share * float(np.median(distances)), "distance")
    if len(set(groups.tolist())) < FOLDS:  # a few tight clusters are no twins
        groups = np.arange(len(table))
    return np.asarray(groups, dtype=np.int64)


def choose(table: Float32, seed: int) -> int:
    """The number of components with the best held-out likelihood; prints all of them."""
    groups = twins(table)
    folds = list(GroupKFold(FOLDS).split(table, groups=groups))
    rank = int(PCA(0.99, svd_solver="full").fit(table).n_components_)
    rank = min(rank, *(len(train) - 1 for train, _ in folds))  # fewer speakers span no more
    choices = [n for n in CHOICES if n <= len(table) // 2]
    scores = {n: held_out(table, n, rank, folds, seed) for n in tqdm(choices, desc="components")}
    best: int = max(scores, key=scores.__getitem__)
    for n, score in scores.items():
        print(f"{n:4d} components: {score:8.2f} nats{'  <- chosen' if n == best else ''}")
    twinned = f"{len(table)} speakers in {len(np.unique(groups))} groups of twins"
    print(f"{twinned}, PCA rank {rank} of {table.shape[1]}")
    return best


@command(FitGmmSettings)
def main(settings: FitGmmSettings) -> None:
    table, _ = bank_rows(settings.directory)
    n_components = settings.n_components or choose(table, settings.seed)
    path = settings.directory / "generation.npz"
    SpeakerGMM.fit(table, n_components, settings.seed).save(path)
    print(path)


if __name__ == "__main__":
    raise SystemExit(main())
