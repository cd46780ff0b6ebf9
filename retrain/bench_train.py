"""`millrace bench train`: how many events a second an epoch trains, on a file or on drawn sessions.

The speed depends on the numbers of items, events and sessions and on the model's sizes, not on what the
shoppers like: drawn sessions have popularities by Zipf's law and nothing to learn. Caller:
`retrain.offline_bench_commands`.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from models.model_config import ModelConfig
from models.vocabulary import Vocabulary
from retrain.event_split import train_events
from retrain.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training import train
from schemas.bench_report import Row
from schemas.ids import ItemId

MEAN_SESSION_EVENTS = 4.0
_SEED = 1


class TrainingData(NamedTuple):
    """What is trained on."""

    sessions: Sessions
    vocabulary: Vocabulary


def drawn_data(events: int, items: int) -> TrainingData:
    """About so many events over so many items."""
    random = np.random.default_rng(_SEED)
    n = max(1, round(events / (1 + MEAN_SESSION_EVENTS)))
    lengths = 2 + random.poisson(MEAN_SESSION_EVENTS - 1, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    weights = 1 / np.arange(1, items + 1)
    rows = random.choice(items, size=offsets[-1], p=weights / weights.sum()).astype(np.int32)
    return TrainingData(Sessions(rows, offsets), Vocabulary([ItemId(str(row)) for row in range(items)]))


def logged_data(log: pl.DataFrame, config: ModelConfig) -> TrainingData:
    """The training part of a log, as `millrace train` sees it."""
    events = train_events(log, config.test_share)
    vocabulary = build_vocabulary(events, config.min_item_support)
    return TrainingData(sessionize(events, vocabulary, config.session_gap_s), vocabulary)


def bench_train(data: TrainingData, config: ModelConfig) -> list[Row]:
    """Train the epochs of the configuration; a row for each.

    Raises:
        UsageError: see `retrain.training.train`.
    """
    model = train(data.sessions, data.vocabulary, config)
    return [
        {
            "epoch": epoch.epoch,
            "items": len(data.vocabulary),
            "events": epoch.total_events // epoch.epochs,
            "units": config.hidden_size,
            "batch": config.batch_size,
            "negatives": config.n_negatives,
            "events_per_s": round(epoch.events_per_s, 1),
        }
        for epoch in model.history
    ]
