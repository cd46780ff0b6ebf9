"""The settings of when retrain cycles run. Part of those in `retrain.settings`."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator

from schemas.settings import SharedSettings

_CRON_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, where the month has it",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 or SUN to SAT",
}


class ScheduleSettings(SharedSettings):
    """When cycles run, and where the process that runs them is."""

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
        field = str(error).removeprefix("Bad ")
        raise ValueError(f"bad {field}, which is {_CRON_FIELDS.get(field, 'wrong')}; {remedy}") from error
