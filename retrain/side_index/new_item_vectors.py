"""Vectors of new items: from sums of queries to what the side index searches.

A new item's vector is fitted to what the release's own items were fitted to, the softmax over all items, with
encoder and known items as they are: of the recent queries, those that led to the item should score it above
what they score it on the whole. Its direction starts at the mean of the queries that led to it and its kind
of items, and moves towards the former and away from the queries that would list it without cause; its bias is
such that, over the recent queries, the item is expected as often as it occurred. So its scores and those of
known items are of one scale. Pure. Figures: docs/new-items.md. Caller: `retrain.side_index.new_items`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.side_index.new_item_counts import Floats
from retrain.side_index.query_spaces import Learned

SCORED_AT_ONCE = 65_536
OWN_WEIGHT = 1.0
"""Queries that the mean of all queries counts for beside those that led to an item."""
KIND_WEIGHT = 5.0
"""Likewise the mean of the known items of its category and brand."""
TRIAL_QUERIES = 1000.0
"""For so many queries an item is expected to occur as often as the known ones of its kind."""
STEPS = 5
"""Moves of the directions."""
TRUST = 10.0
"""From so many queries on a direction is moved by half as far as they say."""
_BIAS_ROUNDS = 3
_LEAST = 1e-12
_LEAST_RATE, _GREATEST_RATE = 1e-9, 0.5


class RecentQueries(NamedTuple):
    """A sample of what was searched lately, by anyone."""

    queries: Floats
    """float64 [n, dim], without the last value, which is 1 and takes the bias."""
    log_mass: Floats
    """float64 [n], the logarithm of the sum of exp(score) over all known items."""
    length: float
    """Of a query."""


class Evidence(NamedTuple):
    """What is known of some new items."""

    towards: Floats
    """float64 [items, dim], the mean of the queries that led to it and of its kind, of length 1 at most."""
    led: Floats
    """float64 [items], how many queries led to it."""
    rate: Floats
    """float64 [items], the share of all events that are expected to be its."""


class SoftmaxSpace:
    """The space of a release whose scores are inner products and a bias, trained by a softmax."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """See `retrain.side_index.query_spaces.QuerySpace`.

        Args:
            vectors: float32 [items, index_dim], of the release; the last value is the bias.
        """
        self._vectors = vectors
        self._length = float(np.median(np.linalg.norm(vectors[:, :-1], axis=1)))

    def vectors(self, learned: Learned) -> NDArray[np.float32]:
        """The vectors of the new items, float32 [items, index_dim]."""
        recent = recent_queries(learned.sample, self._vectors, SCORED_AT_ONCE)
        return fitted_vectors(_evidence(learned, recent), recent, self._length)


def _evidence(learned: Learned, recent: RecentQueries) -> Evidence:
    """What queries, kind, and the mean of all queries say of each item."""
    sums, of_kind = learned.sums, learned.of_kind
    has_kind = np.linalg.norm(of_kind.directions, axis=1) > 0
    mean = recent.queries.mean(axis=0) / recent.length
    prior = np.where(has_kind[:, None], KIND_WEIGHT * of_kind.directions, OWN_WEIGHT * mean)
    weight = sums.led + np.where(has_kind, KIND_WEIGHT, OWN_WEIGHT)
    towards = (sums.queries[:, :-1] / recent.length + prior) / weight[:, None]
    trial = TRIAL_QUERIES / (sums.exposure + TRIAL_QUERIES)
    return Evidence(towards, sums.led, (sums.events + of_kind.events * trial) / learned.events)


def recent_queries(sample: NDArray[np.float32], vectors: NDArray[np.float32], block: int) -> RecentQueries:
    """What a sample of queries expects of the known items.

    Args:
        sample: float32 [n, index_dim].
        vectors: float32 [items, index_dim], of the release.
        block: items scored at once.
    """
    greatest = np.full(len(sample), -np.inf)
    mass = np.zeros(len(sample))
    for start in range(0, len(vectors), block):
        scores = (sample @ vectors[start : start + block].T).astype(np.float64)
        higher = np.maximum(greatest, scores.max(axis=1))
        mass = mass * np.exp(greatest - higher) + np.exp(scores - higher[:, None]).sum(axis=1)
        greatest = higher
    queries = sample[:, :-1].astype(np.float64)
    return RecentQueries(queries, greatest + np.log(mass), float(np.linalg.norm(queries, axis=1).mean()))


def fitted_vectors(evidence: Evidence, recent: RecentQueries, length: float) -> NDArray[np.float32]:
    """The vectors of new items, float32 [items, index_dim].

    Args:
        evidence: of them.
        recent: what was searched lately, at least one query.
        length: of a known item's vector without its bias.
    """
    rate = np.clip(evidence.rate, _LEAST_RATE, _GREATEST_RATE)
    direction = _of_length_one(evidence.towards)
    biases, _ = _expected(direction * length, rate, recent)
    led = np.flatnonzero(evidence.led)  # the others stay where their kind is
    if len(led):
        few = Evidence(evidence.towards[led], evidence.led[led], rate[led])
        direction[led], biases[led] = _moved(few, recent, length)
    return np.concatenate([direction * length, biases[:, None]], axis=1).astype(np.float32)


def _moved(evidence: Evidence, recent: RecentQueries, length: float) -> tuple[Floats, Floats]:
    """The directions [items, dim] of items that queries have led to, after all steps, and their biases."""
    trust = (evidence.led / (evidence.led + TRUST))[:, None]
    direction = _of_length_one(evidence.towards)
    biases, shares = _expected(direction * length, evidence.rate, recent)
    for _ in range(STEPS):
        without_cause = shares.T @ recent.queries / np.maximum(shares.sum(axis=0), _LEAST)[:, None]
        direction = _of_length_one(
            direction + trust * (evidence.towards - without_cause / max(recent.length, _LEAST))
        )
        biases, shares = _expected(direction * length, evidence.rate, recent)
    return direction, biases


def _expected(vectors: Floats, rate: Floats, recent: RecentQueries) -> tuple[Floats, Floats]:
    """The biases [items] under which items have their rates, and their shares of each query [n, items]."""
    scores = recent.queries @ vectors.T - recent.log_mass[:, None]
    biases = np.log(rate) - np.log(np.exp(scores).mean(axis=0) + _LEAST)
    shares = _share(scores + biases)
    for _ in range(_BIAS_ROUNDS):
        biases += np.log(rate) - np.log(shares.mean(axis=0) + _LEAST)
        shares = _share(scores + biases)
    return biases, shares


def _share(scores: Floats) -> Floats:
    """What an item has of a query, beside all known items: 1 / (1 + exp(-score))."""
    shares: Floats = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
    return shares


def _of_length_one(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, _LEAST)
    return unit
