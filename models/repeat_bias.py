"""Repeat bias: how the score of an item changes for having occurred in the session, by when and how often.

A recurrent state tells that a session likes a kind of item; whether its user goes back to an item seen two
events ago, or has seen enough of it, it tells badly (Ren et al. 2019, RepeatNet, give repeats a network of
their own). Here it is one number for each of 96 cases, learned with the other weights and added to the scores
of the session's last items. Owns the cases, which items of a session have one, and the form that is served.
Callers: `models.list_ranker`, `models.release`, `retrain.training.training_state`, the evaluation.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import UNKNOWN
from schemas.errors import InvalidRelease

RECENCIES = 8
"""Different items of a session that are remembered, the last ones."""
_COUNTS = 3
"""Occurred once, twice, more often."""
_DISTINCT = (2, 3, 5)
"""Where the next case of the number of different items begins: 1, 2, 3 to 4, 5 to 8."""
TABLE_SHAPE = (RECENCIES, len(_DISTINCT) + 1, _COUNTS)
SERVED_SHAPE = (2, *TABLE_SHAPE)
"""What a release has for each case: a slope and a bias."""
_PIVOT = 0.8
"""Cosine towards which the scores of repeated items are drawn."""
_FIRST_CASE = (
    np.arange(RECENCIES) * TABLE_SHAPE[1] + np.digitize(np.arange(RECENCIES + 1), _DISTINCT)[:, None]
) * _COUNTS - 1
"""By the number of different items and by recency, the case of an item that occurred no time."""


class LastItems(NamedTuple):
    """The last different items of some sessions, the latest first."""

    rows: NDArray[np.int64]
    """int64 [sessions, RECENCIES]; `UNKNOWN` where a session has fewer."""
    counts: NDArray[np.int64]
    """int64 [sessions, RECENCIES]: how often each occurred since it was last forgotten; 0 where there is
    none."""


def no_items(sessions: int) -> LastItems:
    """Sessions that start."""
    shape = sessions, RECENCIES
    return LastItems(np.full(shape, UNKNOWN, dtype=np.int64), np.zeros(shape, dtype=np.int64))


def after_events(last: LastItems, item_rows: NDArray[np.int64], starts: NDArray[np.bool_]) -> LastItems:
    """The last items after one more event of each session.

    Args:
        last: before it.
        item_rows: int64 [sessions], what occurs; known items.
        starts: bool [sessions], whether the session starts with it.
    """
    rows = np.where(starts[:, None], UNKNOWN, last.rows)
    counts = np.where(starts[:, None], 0, last.counts)
    same = rows == item_rows[:, None]
    place = np.where(same.any(axis=1), same.argmax(axis=1), RECENCIES - 1)
    count = 1 + (counts * same).sum(axis=1)
    stays = np.arange(RECENCIES) > place[:, None]
    return LastItems(
        np.where(stays, rows, np.concatenate([item_rows[:, None], rows[:, :-1]], axis=1)),
        np.where(stays, counts, np.concatenate([count[:, None], counts[:, :-1]], axis=1)),
    )


def last_items(sessions: Sequence[Iterable[int]]) -> LastItems:
    """The last items of whole sessions; equal to `after_events` event by event.

    Args:
        sessions: of each the rows of its items in order; `UNKNOWN` ones count for nothing.
    """
    rows: list[int] = []
    occurrences: list[int] = []
    for session in sessions:
        counts: dict[int, int] = {}
        for row in session:
            if row != UNKNOWN:
                counts[row] = counts.pop(row, 0) + 1
                if len(counts) > RECENCIES:
                    del counts[next(iter(counts))]
        missing = RECENCIES - len(counts)
        rows += [*reversed(counts), *[UNKNOWN] * missing]
        occurrences += [*reversed(counts.values()), *[0] * missing]
    shape = len(sessions), RECENCIES
    return LastItems(
        np.array(rows, dtype=np.int64).reshape(shape), np.array(occurrences, dtype=np.int64).reshape(shape)
    )


def bias_cases(last: LastItems) -> NDArray[np.int64]:
    """Which value of the flat table each item has, int64 [sessions, RECENCIES]; without an item the first."""
    here = last.rows != UNKNOWN
    cases = np.minimum(last.counts, _COUNTS) + _FIRST_CASE[np.count_nonzero(here, axis=1)]
    return np.where(here, cases, 0)


def served_table(biases: NDArray[np.float32], cosine_scale: float, shrinkage: float) -> NDArray[np.float32]:
    """The table of a release, float32, of `SERVED_SHAPE`: slopes, and what is added after them.

    A network remembers the items of the sessions that it learns from, and so is surer of a session's own
    items, for better or worse, than new sessions bear out. So their scores s are drawn towards a constant:
    s + shrinkage * (0.8 * cosine_scale - s) + bias. Found on validation sessions, see docs/quality.md.

    Args:
        biases: float32, of `TABLE_SHAPE`, as trained.
        cosine_scale: of the scores; 0, for inner products without a scale: nothing is drawn anywhere.
        shrinkage: 0 to 1.
    """
    share = shrinkage if cosine_scale else 0.0
    slopes = np.full_like(biases, 1 - share)
    return np.stack([slopes, biases + np.float32(share * _PIVOT * cosine_scale)])


def load_repeat_bias(path: Path) -> NDArray[np.float32]:
    """Read a release's table, float32, of `SERVED_SHAPE`.

    Raises:
        InvalidRelease: the file holds something else.
    """
    table: NDArray[np.float32] = np.load(path)
    if table.shape != SERVED_SHAPE or table.dtype != np.float32 or not np.isfinite(table).all():
        raise InvalidRelease(f"{path} is no finite float32 of shape {SERVED_SHAPE}")
    return table


def rescored(table: NDArray[np.float32], last: LastItems, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores of the last items with their repeat biases, float32 [sessions, RECENCIES].

    Args:
        table: float32, of `SERVED_SHAPE`.
        last: of the sessions.
        scores: float32 [sessions, RECENCIES], without.
    """
    slopes, biases = table.reshape(2, -1)[:, bias_cases(last)]
    with_biases: NDArray[np.float32] = slopes * scores + biases
    return with_biases
