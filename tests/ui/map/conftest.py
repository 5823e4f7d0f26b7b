"""Voices to be drawn: unit vectors that vary more along some axes than along others."""

import numpy as np
import pytest

D = 16


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def embs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(D, D)) * np.linspace(3, 0.1, D)
    return unit(rng.normal(size=(40, D)) @ mix.T), unit(rng.normal(size=(5000, D)) @ mix.T)
