"""AlsConfig: what changes an ALS, as a baseline and as a release of strategy `als`.

Callers: `retrain.baselines.als_baseline`, `retrain.training.als_training`.
"""

from typing import Annotated

import msgspec


class AlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of one ALS over sessions; the defaults are tuned on validation sessions.

    A release has the same ones under `als_*` in `models.model_config.ModelConfig`, defaults alike.
    """

    factors: Annotated[int, msgspec.Meta(ge=1, le=512)] = 128
    regularization: Annotated[float, msgspec.Meta(gt=0)] = 3.0
    alpha: Annotated[float, msgspec.Meta(gt=0)] = 100.0
    iterations: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    last_items: Annotated[int, msgspec.Meta(ge=1, le=50)] = 4
    decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1
