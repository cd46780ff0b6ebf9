"""Fitting a baseline: from training events and a rule's own fitting function to an evaluable model.

Owns what a baseline is fitted on; one adapter for each of the three forms of a rule. Caller:
`retrain.baselines.registry`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.vocabulary import Vocabulary
from retrain.baselines.factor_baseline import FactorBaseline
from retrain.baselines.fixed_list_baseline import FixedListBaseline
from retrain.baselines.scored_baseline import ScoredBaseline
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.evaluation.next_item_model import NextItemModel
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize


@dataclass(frozen=True, eq=False)
class FittingData:
    """What a baseline learns from."""

    name: str
    """Of the model that is made."""
    events: pl.DataFrame
    """The training events in log order."""
    session_gap_s: float
    """See `models.session_rule.starts_session`."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All items, the most popular first."""
        return build_vocabulary(self.events)

    @cached_property
    def sessions(self) -> Sessions:
        """By the time of their end."""
        return sessionize(self.events, self.vocabulary, self.session_gap_s)


Fitting = Callable[[FittingData, Any], NextItemModel]
"""A fitting with a config of the baseline's own type."""


def by_fixed_list(fit: Callable[[pl.DataFrame, Vocabulary, Any], NDArray[np.float64]]) -> Fitting:
    """A rule that scores items alike for everybody: (events, vocabulary, config) -> float64 [items]."""

    def fitted(data: FittingData, config: Any) -> NextItemModel:
        scores = fit(data.events, data.vocabulary, config).astype(np.float32)
        return FixedListBaseline(data.name, data.vocabulary, scores)

    return fitted


def by_scores(
    fit: Callable[[Sessions, int, Any], Callable[[SessionPrefixes], csr_array]],
) -> Fitting:
    """A rule that scores some items: (sessions, number of items, config) -> scores by prefixes."""

    def fitted(data: FittingData, config: Any) -> NextItemModel:
        score = fit(data.sessions, len(data.vocabulary), config)
        return ScoredBaseline(data.name, data.vocabulary, data.session_gap_s, score)

    return fitted


def by_factors(
    vectors: Callable[[Sessions, int, Any], NDArray[np.float32]],
    queries: Callable[[NDArray[np.float32], Any], Callable[[SessionPrefixes], NDArray[np.float32]]],
) -> Fitting:
    """Vectors of items from (sessions, number of items, config), and the queries of prefixes by them."""

    def fitted(data: FittingData, config: Any) -> NextItemModel:
        item_vectors = vectors(data.sessions, len(data.vocabulary), config)
        return FactorBaseline(
            data.name, data.vocabulary, data.session_gap_s, item_vectors, queries(item_vectors, config)
        )

    return fitted
