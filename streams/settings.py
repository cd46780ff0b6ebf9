"""The settings of the worker and of the lookup, and of the commands around them."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from schemas.item_event import EVENT_TYPES
from schemas.setting_types import CommaSeparated
from schemas.settings import SharedSettings


class WorkerSettings(SharedSettings):
    """What `millrace worker` reads."""

    consumer_group: str = Field("millrace", description="Kafka consumer group of the workers")
    group_instance_id: str | None = Field(
        None, description="static group membership: a name of this worker that survives restarts"
    )
    k: int = Field(20, ge=1, le=1000, description="items in a recommendation list")
    exclude_event_types: CommaSeparated = Field(
        ["purchase"],
        description="items that the session has under one of these types are not shown to it; empty: all are",
    )
    emit: Literal["every", "latest"] = Field(
        "every",
        description="a list for every event, or for the latest of each session in a micro-batch: cheaper "
        "behind a backlog",
    )
    require_key: bool = Field(
        False, description="dead-letter events whose Kafka key is not their session_id, instead of warning"
    )
    start_at: Literal["earliest", "latest"] = Field(
        "earliest", description="where a partition starts that has neither a watermark nor a committed offset"
    )
    max_batch_events: int = Field(1024, ge=1, le=10_000, description="events in one micro-batch at most")
    fetch_wait_ms: int = Field(
        20, ge=1, le=5_000, description="how long the broker may hold a fetch that finds nothing"
    )
    rebalance_timeout_s: float = Field(
        60.0, ge=2, description="Kafka's rebalance timeout; in-flight batches get half of it"
    )
    session_timeout_s: float = Field(10.0, ge=1, description="how soon Kafka declares a silent worker dead")
    state_ttl_s: int = Field(
        86_400, ge=1, description="how long states and latest lists live in Redis after their last event"
    )
    threads: int = Field(1, ge=1, description="threads of the encoder and the index in one worker")
    release_cache: Path = Field(
        Path("release-cache"), description="where releases are copied to that are not in a local folder"
    )
    worker_host: str = Field(
        "127.0.0.1", description="address of the worker's /metrics, /healthz and /readyz"
    )
    worker_port: int = Field(
        8081,
        ge=0,
        le=65_535,
        description="port of the worker's /metrics, /healthz and /readyz; 0: any free one",
    )

    @field_validator("exclude_event_types")
    @classmethod
    def _known_types(cls, names: list[str]) -> list[str]:
        if unknown := [name for name in names if name not in EVENT_TYPES]:
            raise ValueError(
                f"unknown event type {unknown[0]!r}; choose among {', '.join(EVENT_TYPES)}, comma-separated"
            )
        return names


class LookupSettings(SharedSettings):
    """What `millrace lookup` reads."""

    lookup_host: str = Field("127.0.0.1", description="address of the HTTP lookup")
    lookup_port: int = Field(8080, ge=0, le=65_535, description="port of the HTTP lookup; 0: any free one")
    lookup_api_keys: CommaSeparated = Field(
        [],
        description="keys of which a request must bear one, comma-separated; none: open to all",
        repr=False,
    )
    lookup_admin_keys: CommaSeparated = Field(
        [],
        description="keys that may also delete and ask for a retrain, comma-separated; none: nobody may",
        repr=False,
    )
    lookup_rate_limit: float = Field(
        0, ge=0, description="requests/s of one key (of one address where there are no keys); 0: no limit"
    )
    k: int = Field(20, ge=1, le=1000, description="items in a recommendation list")
    release_cache: Path = Field(
        Path("release-cache"), description="where releases are copied to that are not in a local folder"
    )


class TopicSettings(SharedSettings):
    """What `millrace topics create` reads."""

    partitions: int = Field(
        8, ge=1, le=10_000, description="partitions of the event topics and of the recommendations"
    )
    replication_factor: int = Field(
        1, ge=1, le=32_767, description="replicas of each partition; 3 in production"
    )


PROGRAMS: dict[str, type[SharedSettings]] = {
    "worker": WorkerSettings,
    "lookup": LookupSettings,
    "topics create": TopicSettings,
}
"""The commands of this package and what they read, for `millrace config`."""
