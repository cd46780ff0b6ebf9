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

Floats = NDArray[np.float64]
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
