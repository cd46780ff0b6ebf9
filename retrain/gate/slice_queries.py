"""Queries of the newest slice: what the index is really asked.

Owns which events they come from; all events go through the encoder, so that no NaN is missed. Caller:
`retrain.gate.engine_figures`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.release import Release
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.served_release import ServedRelease
from retrain.gate.gate_figures import BATCHES
from retrain.gate.gate_rules import GateRules

_FEW = 1024
"""Events that are encoded where nothing is predicted."""
_SPARE = 4
"""Events drawn for each query wanted: of some sessions nothing is known."""


def slice_queries(
    release: Release, events: pl.DataFrame, prefixes: Prefixes | None, rules: GateRules
) -> tuple[NDArray[np.float32], int]:
    """A sample of the queries, float32 [n, index_dim], and how many values of all of them are wrong.

    All events are encoded; only those drawn are kept, so that a long slice takes no more memory than a short
    one. Sessions of which nothing is known have no query.

    Args:
        release: whose queries.
        events: the newest slice in log order.
        prefixes: what is predicted of it; None: nothing, and the first events stand for all.
        rules: how many queries, and the seed.
    """
    model, found, nonfinite = ServedRelease(release), [], 0
    if prefixes is None:
        parts = [events.head(_FEW).with_columns(pl.col("occurred_at_ms").fill_null(0))]
    else:
        parts = [prefixes.events[at] for at in prefixes.batches()]
    drawn = _drawn(sum(map(len, parts)), _SPARE * max(rules.index_queries, *BATCHES), rules.seed)
    for part, chosen in zip(
        parts, np.split(drawn, np.cumsum([len(part) for part in parts])[:-1]), strict=True
    ):
        if part.is_empty():
            continue
        encoded = model.encode(part)
        nonfinite += int((~np.isfinite(encoded.queries[encoded.known])).sum())
        found.append(encoded.queries[encoded.known & chosen])
    if not sum(map(len, found)):
        found = [model.encode(_popular_views(release)).queries]
        nonfinite += int((~np.isfinite(found[0])).sum())
    return np.concatenate(found), nonfinite


def _drawn(events: int, n: int, seed: int) -> NDArray[np.bool_]:
    """Bool [events]: n of them, drawn without replacement; all where there are fewer."""
    drawn = np.zeros(events, dtype=np.bool_)
    drawn[np.random.default_rng(seed).permutation(events)[:n]] = True
    return drawn


def _popular_views(release: Release) -> pl.DataFrame:
    """What stands in for a slice of which nothing is known: sessions that begin with a popular item."""
    rows = release.popular["row"][:_FEW].tolist()
    return pl.DataFrame(
        {
            "session_id": [str(row) for row in rows],
            "item_id": [release.vocabulary.item_id(row) for row in rows],
            "event_type": ["view"] * len(rows),
            "occurred_at_ms": [0] * len(rows),
        }
    )


def sample(queries: NDArray[np.float32], n: int, seed: int) -> NDArray[np.float32]:
    """Up to n queries, drawn without replacement."""
    drawn = np.random.default_rng(seed).permutation(len(queries))[:n]
    sample: NDArray[np.float32] = queries[np.sort(drawn)]
    return sample
