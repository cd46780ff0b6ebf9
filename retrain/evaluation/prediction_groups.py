"""Groups: the figures of some of the predictions, by what is known of each beside its rank.

Owns the bounds of the groups. Bounds are fixed, so that two models, and two files, have the same groups.
Callers: `retrain.evaluation.evaluation_building`, `retrain.evaluation.window_evaluation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.evaluation.evaluation_sections import Group
from retrain.evaluation.item_popularity import ItemPopularity
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.ranking_metrics import Values, metric_table

RARE_BELOW = 5
"""An item with fewer training events is rare."""
_POSITIONS = (1, 2, 3, 4, 5, 6, 10, 20)
_LENGTHS = (2, 3, 4, 5, 6, 10, 20, 50)
_POPULARITIES = (0, 1, RARE_BELOW, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True, eq=False)
class PredictionFacts:
    """What is known of n predictions whatever the model."""

    session: NDArray[np.int32]
    """int32 [n]: number of the session, from 0; rising, except where windows are joined."""
    session_ids: pl.Series
    """String [sessions]: the id of each number."""
    position: NDArray[np.int32]
    """int32 [n]."""
    session_length: NDArray[np.int32]
    """int32 [n]."""
    popularity: NDArray[np.int64]
    """int64 [n]: training events of the target."""
    target_types: NDArray[np.str_]
    """[n]: the target's event type."""

    def __len__(self) -> int:
        return len(self.session)

    @property
    def sessions(self) -> int:
        """Sessions with a prediction."""
        return len(self.session_ids)


def facts_of(prefixes: Prefixes, popularity: ItemPopularity) -> PredictionFacts:
    """The facts of some prefixes."""
    return PredictionFacts(
        session=prefixes.session,
        session_ids=prefixes.session_ids,
        position=prefixes.position,
        session_length=prefixes.session_length,
        popularity=popularity.counts(prefixes.targets),
        target_types=prefixes.target_types.to_numpy().astype(np.str_),
    )


def joined(parts: Sequence[PredictionFacts]) -> PredictionFacts:
    """The facts of the predictions of several windows, one after the other.

    A session that straddles windows is one session, known by its id: its predictions depend on each other
    wherever they were made.
    """
    ids = pl.concat([part.session_ids for part in parts])
    number = (ids.rank("dense").to_numpy() - 1).astype(np.int32)
    ends = np.cumsum([part.sessions for part in parts])
    numbers = np.split(number, ends[:-1])
    whatever = [each.name for each in fields(PredictionFacts) if each.name not in {"session", "session_ids"}]
    return PredictionFacts(
        session=np.concatenate([of[part.session] for of, part in zip(numbers, parts, strict=True)]),
        session_ids=ids.unique().sort(),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in whatever},
    )


def by_position(values: Values, facts: PredictionFacts) -> list[Group]:
    """By how many events of the session the list was made from."""
    return grouped(values, facts.position, _POSITIONS)


def by_session_length(values: Values, facts: PredictionFacts) -> list[Group]:
    """By the events of the whole session."""
    return grouped(values, facts.session_length, _LENGTHS)


def by_popularity(values: Values, facts: PredictionFacts) -> list[Group]:
    """By the training events of the target."""
    return grouped(values, facts.popularity, _POPULARITIES)


def by_target_type(values: Values, facts: PredictionFacts) -> list[Group]:
    """By the event type of the target; nothing where there is one only."""
    types = np.unique(facts.target_types).tolist()
    if len(types) < 2:
        return []
    return [one_group(values, facts.target_types == name, name) for name in types]


def grouped(values: Values, amounts: NDArray[np.integer], least: Sequence[int]) -> list[Group]:
    """The predictions by an amount.

    Args:
        values: see `retrain.evaluation.ranking_metrics.accuracy_values`.
        amounts: int [n], none below `least[0]`.
        least: the smallest amount of each group, rising; groups without a prediction are left out.
    """
    number = np.searchsorted(least, amounts, side="right") - 1
    groups = []
    for at in np.unique(number).tolist():
        first = least[at]
        last = least[at + 1] - 1 if at + 1 < len(least) else None
        label = f"{first}+" if last is None else str(first) if first == last else f"{first}-{last}"
        groups.append(one_group(values, number == at, label, first, last))
    return groups


def one_group(
    values: Values,
    where: NDArray[np.bool_],
    label: str,
    least: int | None = None,
    greatest: int | None = None,
) -> Group:
    """The figures of the predictions where `where`, bool [n], is true."""
    return Group(
        label=label,
        n=int(where.sum()),
        metrics=metric_table(values, where),
        least=least,
        greatest=greatest,
    )
