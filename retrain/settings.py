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


PROGRAMS: dict[str, type[SharedSettings]] = {"retrain": RetrainSettings, "releases": ReleaseSettings}
"""The commands of this package and what they read, for `millrace config`."""
