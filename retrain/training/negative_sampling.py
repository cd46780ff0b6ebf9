"""Negative sampling: items drawn with probability ~ popularity ** alpha (Hidasi & Karatzoglou 2018).

Owns the table that is drawn from and which items belong to which step of a training: they depend on seed and
step alone, so a training that resumes at a step draws what the uninterrupted one would. Caller:
`retrain.training.training_loop`.

An alias table draws in two look-ups, many steps at once. One core, a draw: 8-11 ns (17 000 items) and 33 ns
(a million), against 100-200 and 550 by binary search step by step; multinomial counts, repeated and shuffled:
23-37 and 75.
"""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 18
"""Items drawn at once, about: their 2 MiB stay in a core's cache."""


class NegativeSampler:
    """Draws rows of items, with replacement (the alias method, Walker 1977)."""

    def __init__(self, counts: NDArray[np.int64], alpha: float) -> None:
        """Make the table.

        Args:
            counts: int64 [items], the training events of each item; at least one is positive.
            alpha: 0 draws uniformly, 1 by popularity; an item without an event is drawn for alpha = 0 only.
        """
        weights = counts.astype(np.float64) ** alpha
        self.probabilities = weights / weights.sum()
        """float64 [items], of each item at one draw."""
        self._kept, self._alias = alias_table(self.probabilities)

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.int64]:
        """The rows of n items, int64 [n]."""
        part = random.random(n)
        part *= len(self._kept)
        row = part.astype(np.int64)
        part -= row
        return np.where(part < self._kept.take(row), row, self._alias.take(row))


class StepNegatives:
    """The negatives of every step, drawn some hundred steps ahead."""

    def __init__(self, sampler: NegativeSampler, per_step: int, seed: int) -> None:
        """Draw nothing yet.

        Args:
            sampler: to draw with.
            per_step: items for each step; may be 0.
            seed: of the draws, with the step.
        """
        self._sampler = sampler
        self._per_step = per_step
        self._seed = seed
        self._steps = max(1, _BLOCK // max(1, per_step))
        self._block = -1
        self._rows = np.zeros((0, per_step), dtype=np.int64)

    def at(self, step: int) -> NDArray[np.int64]:
        """The rows of the step's items, int64 [per_step], to be read only.

        Args:
            step: from 0, through all epochs. Any order is allowed; rising steps are fast.
        """
        block, place = divmod(step, self._steps)
        if block != self._block:
            random = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(block,)))
            drawn = self._sampler.draw(self._steps * self._per_step, random)
            self._rows = drawn.reshape(self._steps, self._per_step)
            self._block = block
        rows: NDArray[np.int64] = self._rows[place]
        return rows


def alias_table(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Spread items over equal cells, at most two in each, so that a cell is drawn uniformly.

    Cell c holds item c with probability `kept[c]`, else item `alias[c]`. Items lighter than a cell are filled
    up, in order, by the heavier ones, in order; a heavy item that has given too much is filled by the next.
    In cumulative sums each filler is found at once (Huebschle-Schneider & Sanders 2019, "sweeping").

    Args:
        probabilities: float64 [items], of sum 1.

    Returns:
        kept float64 [items], alias int64 [items].
    """
    sizes = probabilities * len(probabilities)
    is_heavy = sizes >= min(1.0, sizes.max())
    heavy, light = np.flatnonzero(is_heavy), np.flatnonzero(~is_heavy)
    kept, alias = sizes.copy(), np.arange(len(sizes))
    kept[heavy] = 1.0
    if len(light) == 0:
        return kept, alias
    given, lacking = np.cumsum(sizes[heavy] - 1), np.cumsum(1 - sizes[light])
    filler = np.searchsorted(given, lacking - (1 - sizes[light]), side="right")
    alias[light] = heavy[np.minimum(filler, len(heavy) - 1)]
    overdrawn_by = np.searchsorted(lacking, given, side="right")
    overdrawn = np.flatnonzero(overdrawn_by[:-1] < len(light))
    overdrawn = overdrawn[filler[overdrawn_by[overdrawn]] <= overdrawn]  # not where it gave just what it had
    kept[heavy[overdrawn]] -= lacking[overdrawn_by[overdrawn]] - given[overdrawn]
    alias[heavy[overdrawn]] = heavy[overdrawn + 1]
    return kept, alias
