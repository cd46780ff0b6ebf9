"""Sequential rules (SR): what follows the last items, the sooner the more.

Owns the counting of rules and their lookup by last item. Source: Ludewig & Jannach 2018, "Evaluation of
session-based recommendation algorithms", section 3.1; its rules are those of the last item alone. Callers:
`retrain.baselines.registry`, `retrain.baselines.item_cooccurrence`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class SequentialRulesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `sr`; `last_items=1,distance_power=1,half_life=0` are the paper's rules."""

    steps: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    """How far an item may lie behind the one that it follows."""
    distance_power: Annotated[float, msgspec.Meta(ge=0)] = 1.5
    """A rule's weight is 1 / distance ** distance_power."""
    half_life: Annotated[float, msgspec.Meta(ge=0)] = 0.75
    """Sessions older than the last one by this share of the log count half; 0: all count alike."""
    last_items: Annotated[int, msgspec.Meta(ge=1, le=50)] = 5
    """Items of the session whose rules are added up, the last ones; the rules of each sum to 1 before."""
    item_decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.3
    """The rules of each item count so much of those of the item after it."""


def fit_sequential_rules(
    sessions: Sessions, items: int, config: SequentialRulesConfig
) -> Callable[[SessionPrefixes], csr_array]:
    """Count the rules of the training sessions.

    Args:
        sessions: the training sessions by the time of their end.
        items: the size of the vocabulary.
        config: see there.

    Returns:
        Scores [n, items] by prefixes.
    """
    rules = _rules(sessions, items, config)
    totals = np.asarray(rules.sum(axis=1)).ravel()
    shares = (diags_array(1 / np.maximum(totals, 1e-300)) @ rules).tocsr()
    return rule_scores(shares, config.last_items, config.item_decay)


def rule_scores(
    rules: csr_array, last_items: int = 1, decay: float = 1.0
) -> Callable[[SessionPrefixes], csr_array]:
    """Scores by the rules of a prefix's last items; nothing for an empty prefix.

    Args:
        rules: [items, items], from an item to those that follow.
        last_items: how many of the prefix's last items count.
        decay: the weight of each beside that of the item after it.
    """

    def score(prefixes: SessionPrefixes) -> csr_array:
        last = prefixes.last_items(last_items)
        weights = decay ** last.age.astype(np.float64)
        shape = (len(prefixes), rules.shape[0])
        return csr_array((weights, (last.prefix, last.item_row)), shape=shape) @ rules

    return score


def _rules(sessions: Sessions, items: int, config: SequentialRulesConfig) -> csr_array:
    """For each item the summed weights of all places where another follows it, float64 [items, items]."""
    rows = sessions.item_rows
    session_of = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    recency = _recency(len(sessions), config.half_life)[session_of]
    before, after, weights = [], [], []
    for distance in range(1, config.steps + 1):
        inside = session_of[:-distance] == session_of[distance:]
        before.append(rows[:-distance][inside])
        after.append(rows[distance:][inside])
        weights.append(recency[distance:][inside] / distance**config.distance_power)
    pairs = (np.concatenate(before), np.concatenate(after))
    return coo_array((np.concatenate(weights), pairs), shape=(items, items)).tocsr()


def _recency(sessions: int, half_life: float) -> NDArray[np.float64]:
    """The weight of each session, float64 [sessions]."""
    if half_life == 0:
        return np.ones(sessions)
    return np.exp2((np.arange(sessions) - (sessions - 1)) / (half_life * sessions))
