"""The settings of the commands that train, publish and announce releases."""

from pathlib import Path

from pydantic import Field

from retrain.archive_settings import ArchivedLogSettings, ArchiveSettings
from retrain.gate_settings import GateSettings
from retrain.schedule_settings import ScheduleSettings
from retrain.side_index_settings import SideIndexSettings
from schemas.settings import SharedSettings


class ReleaseSettings(GateSettings):
    """What `millrace releases` reads, and what says how long old releases are kept."""

    releases_keep: int = Field(
        5, ge=1, description="so many of the newest releases that the gate passed are kept"
    )
    releases_keep_days: float = Field(
        2, ge=0, description="a release that was made or announced in so many days is kept"
    )


class RetrainSettings(ReleaseSettings, ArchivedLogSettings, ScheduleSettings):
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
    retrain_work: Path = Field(
        Path("retrain-work"), description="where a retrain cycle keeps what a killed one goes on from"
    )
    retrain_from_scratch_every: int = Field(
        7,
        ge=1,
        description="every n-th cycle trains from scratch, the others begin with the running release's "
        "weights; 1: all",
    )
    retrain_lock_ttl_s: float = Field(
        30.0, ge=0.5, description="how long the lock of a cycle outlives its holder's last sign of life"
    )
    retrain_wait_s: float = Field(
        600.0, ge=0, description="how long a cycle waits until every live worker has reported its release"
    )
    retrain_resume_h: float = Field(
        24.0, ge=0, description="a killed cycle that began longer ago is not gone on with but begun anew"
    )
    retrain_checkpoint_s: float = Field(
        60.0, ge=0, description="how often a training writes the checkpoint that a killed cycle goes on from"
    )
    retrain_history: int = Field(200, ge=1, description="cycles that the history in Redis keeps")


PROGRAMS: dict[str, type[SharedSettings]] = {
    "retrain": RetrainSettings,
    "releases": ReleaseSettings,
    "archive": ArchiveSettings,
    "side-index": SideIndexSettings,
}
"""The commands of this package and what they read, for `millrace config`."""
