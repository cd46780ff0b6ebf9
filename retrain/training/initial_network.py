"""The network before its first step: which shape a config gives it, and where its item embeddings start.

Callers: `retrain.training.training_state`, `retrain.training.training_loop`, `retrain.training.warm_start`.
"""

import numpy as np
import torch
from torch import Tensor

from models.gru4rec import EncoderShape, initial_item_matrix
from models.model_config import ModelConfig
from models.session_rule import EVENT_TYPE_CODES
from retrain.training.cooccurrence_embeddings import cooccurrence_embeddings
from retrain.training.sessionize import Sessions

_INITIAL_LENGTH = 1.5
"""Of an embedding that starts at its factors, on average: three times that of a random one. Adagrad's first
steps move each value by the learning rate, however small it is, and would wash short factors away."""


def encoder_shape(config: ModelConfig, sessions: Sessions) -> EncoderShape:
    """The network of a config; event types are read where it says so and the sessions have several."""
    several = sessions.event_types is not None
    return EncoderShape(
        hidden_size=config.hidden_size,
        layers=config.layers,
        event_types=len(EVENT_TYPE_CODES) if config.event_type_input and several else 0,
        tied=config.tied_embeddings,
        cosine_scale=config.cosine_scale,
        repeat_bias=config.repeat_bias == "on" or (config.repeat_bias == "auto" and not several),
    )


def initial_items(sessions: Sessions, items: int, config: ModelConfig, shape: EncoderShape) -> Tensor:
    """The item matrix before the first step; items without company start at random in any case."""
    matrix = initial_item_matrix(items, shape)
    if config.initial_embeddings == "cooccurrence":
        random = np.random.default_rng(config.seed)
        units = shape.hidden_size
        embeddings = torch.from_numpy(cooccurrence_embeddings(sessions, items, units, random))
        embeddings *= _INITIAL_LENGTH / units**0.5
        known = embeddings.any(dim=1)
        for first in range(0, shape.item_dim - 1, units):
            matrix[known, first : first + units] = embeddings[known]
    return matrix
