"""The settings of the commands that train, publish and announce releases."""

from pathlib import Path

from pydantic import Field

from schemas.settings import SharedSettings


class ReleaseSettings(SharedSettings):
    """What `millrace releases` reads."""


class RetrainSettings(SharedSettings):
    """What `millrace retrain` reads."""

    retrain_window_h: float = Field(
        0, ge=0, description="hours of the event topics that a retrain learns from; 0: all that they hold"
    )
    runs: Path | None = Field(
        None,
        description="where each retrain leaves a folder about itself; without it `runs` in a local folder of "
        "releases, else here",
    )
    retrain_config: Path | None = Field(
        None, description="model config of a retrain, a TOML or JSON file; without it the defaults"
    )
    retrain_watch_s: float = Field(
        900.0, ge=0, description="how long a release is watched after its swap; 0: not at all"
    )
    retrain_watch_error_rate: float = Field(
        0.01, gt=0, lt=1, description="share of events that may fail under a watched release"
    )
    retrain_watch_hit_rate_drop: float = Field(
        0.2,
        gt=0,
        le=1,
        description="share of the online hit rate of the release before it that a watched one may lose",
    )
    retrain_watch_min_events: int = Field(
        1000, ge=1, description="predictions of both releases that online hit rates are compared on, at least"
    )


PROGRAMS: dict[str, type[SharedSettings]] = {"retrain": RetrainSettings, "releases": ReleaseSettings}
"""The commands of this package and what they read, for `millrace config`."""
