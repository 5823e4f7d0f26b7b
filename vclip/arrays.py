"""Types of NumPy arrays, one name each; shapes stand in the docstrings of what takes them.

What is measured in samples or embeddings is float32, what is counted or averaged is float64.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Floating = npt.NDArray[np.floating[Any]]  # of either precision

UInt8 = npt.NDArray[np.uint8]  # pixels
Int16 = npt.NDArray[np.int16]  # samples as files hold them
Int64 = npt.NDArray[np.int64]  # counts, phoneme ids
Indices = npt.NDArray[np.intp]  # what np.argsort gives

Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]

Wav = Float32
"""Sound (T,) in [−1, 1]; its sample rate in Hz travels with it."""

Pixels = UInt8
"""A picture (H, W, 3), RGB."""

Images = UInt8
"""Pictures (N, H, W, 3) of one size, RGB."""
