"""AlsConfig: what changes an ALS, as a baseline and as a release of strategy `als`.

Callers: `retrain.baselines.als_baseline`, `retrain.als_training`, `models.model_config`.
"""

from typing import Annotated

import msgspec


class AlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of one ALS over sessions; the defaults are tuned on validation sessions."""

    factors: Annotated[int, msgspec.Meta(ge=1, le=512)] = 128
    """Dimensions of an item's vector."""
    regularization: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Of the factors."""
    alpha: Annotated[float, msgspec.Meta(gt=0)] = 40.0
    """Confidence in an event, beside 1 for an item that a session does not have."""
    iterations: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    """Passes of the training."""
    last_items: Annotated[int, msgspec.Meta(ge=1, le=50)] = 4
    """The last items of a session, which are folded in; a release has room for factors * last_items <= 512."""
    decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    """The confidence falls by this factor from an item to the one before it; in fold-in only."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1
    """Of the first factors."""
