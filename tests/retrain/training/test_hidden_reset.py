"""The hidden state starts anew with each session: what a lane's last session held cannot help the next.

Planted: sessions (0, 0) and (1, 1) take turns with (2, 3) or (2, 4). What follows item 2 is told by the
session before it in the lane, and by nothing else.
"""

import math

import numpy as np

from models.model_config import ModelConfig
from models.vocabulary import Vocabulary
from retrain.training.sessionize import Sessions
from retrain.training.training import train
from schemas.ids import ItemId

TURNS = 100
UNTOLD = math.log(2) / 2
"""Cross-entropy an event of who knows all but what follows item 2: that is one event of two."""


def sessions_of_turns(one_session_a_turn: bool) -> Sessions:
    random = np.random.default_rng(5)
    told = random.integers(2, size=TURNS)
    rows = np.stack([told, told, np.full(TURNS, 2), told + 3], axis=1).astype(np.int32)
    length = 4 if one_session_a_turn else 2
    return Sessions(rows.reshape(-1), np.arange(0, rows.size + 1, length, dtype=np.int64))


def last_loss(sessions: Sessions) -> float:
    config = ModelConfig(
        hidden_size=12, epochs=3, min_steps=0, batch_size=1, n_negatives=32, hidden_dropout=0, sample_alpha=0
    )
    vocabulary = Vocabulary([ItemId(str(item)) for item in range(5)])
    return train(sessions, vocabulary, config).history[-1].loss


def test_last_session_of_a_lane_tells_the_next_nothing() -> None:
    assert last_loss(sessions_of_turns(one_session_a_turn=False)) > 0.9 * UNTOLD


def test_the_same_items_in_one_session_tell_it() -> None:
    assert last_loss(sessions_of_turns(one_session_a_turn=True)) < 0.6 * UNTOLD
