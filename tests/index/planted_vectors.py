"""Vectors with a structure that is known."""

import numpy as np
from numpy.typing import NDArray


def planted(
    items: int, dim: int, seed: int = 7, queries: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Items around 40 centres, and queries near some of the items."""
    random = np.random.default_rng(seed)
    centres = 3 * random.standard_normal((40, dim), dtype=np.float32)
    vectors = centres[random.integers(40, size=items)] + random.standard_normal(
        (items, dim), dtype=np.float32
    )
    near = vectors[random.integers(items, size=queries)]
    return vectors, near + 0.3 * random.standard_normal(near.shape, dtype=np.float32)
