"""ModelConfig: everything that changes the model, as it goes into training and into the release manifest.

What changes a run and not the model (paths, filters, list length) lives in settings and command options.
Not owned: reading one from a file (`models.model_config_file`). Callers: `retrain` (training, releases).
"""

import re
from typing import Literal

import msgspec

from index.item_index import IndexChoice
from schemas.errors import UsageError

StrategyName = Literal["gru4rec", "als"]
LossName = Literal["cross_entropy", "bpr", "bpr_max", "top1", "top1_max"]
ScheduleName = Literal["constant", "linear", "cosine"]
InitialEmbeddings = Literal["cooccurrence", "random"]
RepeatBias = Literal["auto", "on", "off"]
MAX_STATE_SIZE = 512
"""Values of an encoder state: one KiB in float16."""
SUBJECT = "model config"
"""How messages begin."""
_FINAL_ACTIVATION = re.compile(r"linear|relu|selu|tanh|elu(-\d*\.?\d+)?|leaky-\d*\.?\d+")


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of one model; the defaults are tuned on validation sessions, see docs/quality.md.

    Raises:
        UsageError: a value is out of its range.
    """

    strategy: StrategyName = "gru4rec"
    """What is trained: a GRU4Rec, or `als`, a matrix factorization without a neural network; for it the
    fields als_* and those from session_gap_s on count alone."""
    hidden_size: int = 100
    """Units of each GRU layer = dimensions of an item's embeddings."""
    layers: int = 1
    """GRU layers; hidden_size * layers * members values are the state of a session."""
    members: int = 1
    """Networks of this size, each trained by itself from other random numbers, that serve as one: scores
    are the means of theirs."""
    tied_embeddings: bool = True
    """Whether an item has one embedding for input and output (constrained embeddings), or two."""
    event_type_input: bool = True
    """Whether the type of an event (view, cart, purchase) is read beside its item; without effect on data of
    one type."""
    initial_embeddings: InitialEmbeddings = "cooccurrence"
    """Where item embeddings start: at factors of how often items stand near one another, or at random."""
    cosine_scale: float = 16.0
    """A score is this times the cosine of query and item; 0: their inner product."""
    repeat_bias: RepeatBias = "auto"
    """Whether the scores of a session's last eight items gain a learned number, by how recently and how often
    they occurred; `auto`: where all events are of one type, as in logs of clicks."""
    repeat_shrinkage: float = 0.3
    """Share by which, in serving, the scores of a session's last items are drawn towards 0.8 times
    cosine_scale, if that is not 0: of a session's own items a network is too sure."""
    loss: LossName = "cross_entropy"
    """What is minimised; `bpr_max`, `top1` and `top1_max` are those of the GRU4Rec papers, and take
    cosine_scale = 0 and a lower learning rate."""
    final_activation: str = "linear"
    """What scores go through before the loss: linear, elu, elu-0.5, leaky-0.1, relu, selu, tanh."""
    elu_param: float = 1.0
    """Of the final activation elu."""
    bpreg: float = 1.0
    """Strength of the score regularisation of bpr_max."""
    label_smoothing: float = 0.0
    """Share of the probability that cross_entropy spreads over all candidates."""
    epochs: int = 4
    """Passes over the training sessions."""
    min_steps: int = 500
    """At least as many steps; small data gets more epochs until they are made."""
    batch_size: int = 192
    """Sessions trained side by side; also the in-batch candidates of each step."""
    learning_rate: float = 0.1
    """Step size of Adagrad."""
    learning_rate_schedule: ScheduleName = "constant"
    """How the step size falls over the training."""
    warm_up: float = 0.0
    """Share of the training in which the step size rises from 0."""
    final_learning_rate: float = 0.0
    """Where linear and cosine schedules end, as a share of the learning rate."""
    momentum: float = 0.0
    """Share of its last step that each step of Adagrad repeats."""
    warm_epochs: int = 1
    """In place of epochs where a training begins with the weights of a release; min_steps does not count."""
    warm_learning_rate_factor: float = 2.0
    """Of learning_rate there: the last clicks of the new data count for more."""
    n_negatives: int = 1024
    """Items drawn at each step as negatives for the whole batch, besides its targets; 0: in-batch only."""
    sample_alpha: float = 0.5
    """Negatives are drawn with probability ~ popularity ** sample_alpha; 0 uniform, 1 by popularity."""
    logq: float = 1.0
    """Strength of the correction of cross_entropy's scores for how often an item is a candidate; 0 none, 1
    full."""
    embedding_dropout: float = 0.0
    """Share of an input embedding's values set to zero in training."""
    hidden_dropout: float = 0.25
    """Share of a hidden state's values set to zero in training, before scoring."""
    als_factors: int = 128
    """Dimensions of an item's vector; als_factors * als_last_items values are the state of a session."""
    als_regularization: float = 3.0
    """Of the factors."""
    als_alpha: float = 100.0
    """Confidence in an event, beside 1 for an item that a session does not have."""
    als_iterations: int = 10
    """Passes over sessions and items."""
    als_warm_iterations: int = 3
    """In place of als_iterations where a training begins with the factors of a release."""
    als_last_items: int = 4
    """Items of a session that are folded in, the last ones."""
    als_decay: float = 0.4
    """The confidence falls by this factor from an item to the one before it; in serving only."""
    session_gap_s: float = 1800.0
    """The session rule's gap in seconds, in training and in serving; 0: no gap ends a session."""
    min_item_support: int = 1
    """Training events that an item needs to be in the vocabulary."""
    test_share: float = 0.1
    """Share of the sessions, those that end last, kept for evaluation where the file has no split."""
    index: IndexChoice = "auto"
    """How the release's item vectors are searched; `auto`: as measurements on them say, see docs/index.md."""
    index_recall: float = 0.99
    """Share of the exact answer that a measured index must find."""
    index_budget_us: float = 1000.0
    """Microseconds of one core that a search may take in batches, if any index finds enough in them."""
    seed: int = 1
    """Of weights, negatives and dropout: the same seed and data give the same model on the same machine."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, (least, greatest) in RANGES.items():
            value = getattr(self, name)
            if not least <= value <= greatest:
                raise UsageError(f"{SUBJECT}: {name} is {value}; use {least} to {greatest}")
        if not _FINAL_ACTIVATION.fullmatch(self.final_activation):
            raise UsageError(
                f"{SUBJECT}: final_activation is {self.final_activation!r}; use linear, elu, elu-0.5, "
                "leaky-0.1, relu, selu or tanh"
            )
        if self.hidden_size * self.layers * self.members > MAX_STATE_SIZE:
            raise UsageError(
                f"{SUBJECT}: hidden_size {self.hidden_size} * layers {self.layers} * members "
                f"{self.members} is more than {MAX_STATE_SIZE}, which is what the state of a session has "
                "room for; lower one of them"
            )
        if self.als_factors * self.als_last_items > MAX_STATE_SIZE:
            raise UsageError(
                f"{SUBJECT}: als_factors {self.als_factors} * als_last_items {self.als_last_items} is "
                f"more than {MAX_STATE_SIZE}, for which the state of a session has room; lower one of them"
            )


RANGES: dict[str, tuple[float, float]] = {
    "hidden_size": (1, 512),
    "layers": (1, 8),
    "members": (1, 8),
    "cosine_scale": (0, 1000),
    "repeat_shrinkage": (0, 1),
    "elu_param": (1e-6, 100),
    "bpreg": (0, 1000),
    "label_smoothing": (0, 0.95),
    "epochs": (1, 1000),
    "min_steps": (0, 10**7),
    "batch_size": (1, 4096),
    "learning_rate": (1e-6, 10),
    "warm_epochs": (1, 1000),
    "warm_learning_rate_factor": (1e-6, 1000),
    "warm_up": (0, 0.95),
    "final_learning_rate": (0, 1),
    "momentum": (0, 0.99),
    "n_negatives": (0, 65536),
    "sample_alpha": (0, 1),
    "logq": (0, 1),
    "embedding_dropout": (0, 0.95),
    "hidden_dropout": (0, 0.95),
    "als_factors": (1, 512),
    "als_regularization": (1e-6, 10**6),
    "als_alpha": (1e-6, 10**6),
    "als_iterations": (1, 1000),
    "als_warm_iterations": (1, 1000),
    "als_last_items": (1, 50),
    "als_decay": (1e-6, 1),
    "session_gap_s": (0, 10**9),
    "test_share": (0, 0.9),
    "min_item_support": (1, 10**9),
    "index_recall": (0.5, 1),
    "index_budget_us": (1, 10**7),
    "seed": (0, 2**32 - 1),
}
"""Least and greatest value."""
