"""The settings of the commands that train, publish and announce releases."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator

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

    retrain_schedule: str = Field(
        "", description="when cycles run, in cron's five fields, as in 0 3 * * *; empty: not by time"
    )
    retrain_timezone: str = Field("UTC", description="time zone of the schedule, as in Europe/Berlin")
    retrain_jitter_s: float = Field(
        0.0, ge=0, description="a scheduled cycle begins up to so much later, at random"
    )
    retrain_min_new_events: int = Field(
        1,
        ge=0,
        description="a scheduled cycle is left out where fewer events have come since the running release's",
    )
    retrain_after_events: int = Field(
        0, ge=0, description="a cycle runs once so many events have come; 0: not by events"
    )
    retrain_hit_rate_drop: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="a cycle runs once the online hit rate is lower by this share than after the swap, as in "
        "0.2; 0: not by it",
    )
    retrain_hit_rate_predictions: int = Field(
        5000, ge=1, description="predictions over which an online hit rate is taken"
    )
    retrain_cooldown_s: float = Field(
        600.0, ge=0, description="the least time between the end of a cycle and the beginning of the next"
    )
    retrain_backoff_s: float = Field(
        60.0, ge=0, description="wait after a failed cycle, doubled after each further one, an hour at most"
    )
    retrain_poll_s: float = Field(
        30.0, gt=0, description="how often new events, heartbeats and the board are looked at"
    )
    retrain_group: str = Field(
        "millrace-retrain", description="Kafka consumer group of the processes that take retrain requests"
    )
    retrain_host: str = Field(
        "127.0.0.1", description="address of the retrain process' /metrics and /healthz"
    )
    retrain_port: int = Field(
        8082,
        ge=0,
        le=65_535,
        description="port of the retrain process' /metrics and /healthz; 0: any free one",
    )

    @field_validator("retrain_schedule")
    @classmethod
    def _schedule_is_cron(cls, value: str) -> str:
        if value:
            check_cron(value)
        return value

    @field_validator("retrain_timezone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no such time zone; give a name such as UTC or Europe/Berlin") from error
        return value


def check_cron(expression: str) -> None:
    """Check the five fields of a schedule.

    Raises:
        ValueError: they are none.
    """
    remedy = "give minute, hour, day of month, month and day of week, as in 0 3 * * *"
    if len(expression.split()) != 5:
        raise ValueError(f"it has not five fields; {remedy}")
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{error}; {remedy}") from error


PROGRAMS: dict[str, type[SharedSettings]] = {"retrain": RetrainSettings, "releases": ReleaseSettings}
"""The commands of this package and what they read, for `millrace config`."""
