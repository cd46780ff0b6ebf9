"""The settings that all programs share, and how settings are read: once, from `MILLRACE_*`, validated.

Owns reading the environment; `streams.settings` and `retrain.settings` add their own. Nothing else reads it.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.setting_types import BrokerAddresses, EventTypeMap, RedisUrl, TopicName, TopicNames

PREFIX = "MILLRACE_"
HIDDEN = "(hidden)"
"""What is shown in place of a secret."""
_PASSWORD_IN_URL = re.compile(r"://[^/@]*:[^/@]*@")


def shown(value: object, secret: bool = False) -> str:
    """A value as it may be shown: hidden where it is a secret, or a URL with a password."""
    text = str(value)
    return HIDDEN if secret or _PASSWORD_IN_URL.search(text) else text


class SharedSettings(BaseSettings):
    """Where Kafka, Redis and the releases are, and what the topics are called."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    kafka_bootstrap_servers: BrokerAddresses = Field(
        "localhost:9092", description="Kafka brokers, host:port, comma-separated"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to the brokers"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, with SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user name")
    kafka_sasl_password: str | None = Field(None, description="SASL password", repr=False)
    kafka_ssl_cafile: str | None = Field(
        None, description="CA certificates (PEM file) that sign the brokers' certificates"
    )
    kafka_ssl_certfile: str | None = Field(None, description="client certificate (PEM file)")
    kafka_ssl_keyfile: str | None = Field(None, description="client key (PEM file)")
    redis_url: RedisUrl = Field(
        "redis://localhost:6379/0",
        description="Redis: redis://, rediss:// (TLS), unix://, redis+cluster:// or redis+sentinel:// URL",
        repr=False,
    )
    redis_ssl_cafile: str | None = Field(
        None, description="CA certificates (PEM file) that sign Redis' certificates, with rediss"
    )
    redis_ssl_certfile: str | None = Field(None, description="client certificate for Redis (PEM file)")
    redis_ssl_keyfile: str | None = Field(None, description="client key for Redis (PEM file)")
    redis_ssl_check_hostname: bool = Field(
        True, description="whether Redis' certificate must name the host that is connected to"
    )
    redis_sentinel_username: str | None = Field(None, description="user name at the Sentinels")
    redis_sentinel_password: str | None = Field(None, description="password at the Sentinels", repr=False)
    redis_buckets: int = Field(
        1,
        ge=1,
        le=16384,
        description="hash buckets of session keys; 1 on one Redis, 16 per node on a cluster; fixed for life",
    )
    event_topics: TopicNames = Field(
        ["events"], min_length=1, description="event topics, comma-separated, of equal partition counts"
    )
    recommendations_topic: TopicName = Field("recommendations", description="where the lists go")
    dead_letter_topic: TopicName = Field(
        "dead-letter", description="where events go that can never be processed"
    )
    items_topic: TopicName = Field("items", description="the item catalogue")
    releases_topic: TopicName = Field("releases", description="announcements of releases")
    retrain_requests_topic: TopicName = Field(
        "retrain-requests", description="where a retrain cycle is asked for"
    )
    side_index_topic: TopicName = Field(
        "side-indexes", description="announcements of side indexes of new items"
    )
    releases: str = Field(
        "releases", description="folder of releases (or an fsspec URL such as s3://bucket/releases)"
    )
    event_type_map: EventTypeMap = Field(
        dict(DEFAULT_EVENT_TYPE_MAP),
        description="more names of event types, as in addtocart=cart,order=purchase; extends the default map",
    )
    max_clock_skew_s: float = Field(
        3600,
        ge=0,
        description="how far an event's time may be ahead of its Kafka record's; beyond, the record's counts",
    )
    attribution_window_s: float = Field(
        1800,
        ge=0,
        description="how long after its session's last event a cart or a purchase counts for the list before "
        "it; 0: as long as the session goes on",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least level that is logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="how a log line is written")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object, info: ValidationInfo) -> object:
        """`X=` is as good as no X where there may be none, and wrong where there must be one."""
        default = cls.model_fields[str(info.field_name)].default
        if value != "" or default == "":
            return value
        if isinstance(default, str | PurePath):
            raise ValueError(f"it is empty; give a value, or leave the variable out for {default}")  # noqa: TRY004  # what pydantic knows as a wrong value
        return None if default is None else value

    @model_validator(mode="after")
    def _sasl_needs_credentials(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError(
                f"{PREFIX}KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs "
                f"{PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD"
            )
        return self

    @model_validator(mode="after")
    def _releases_have_no_password(self) -> Self:
        if shown(self.releases) == HIDDEN:
            raise ValueError(
                f"{PREFIX}RELEASES={HIDDEN}: it is shown and logged, so leave user and password out of the "
                "URL; give them by the settings of the store's fsspec driver"
            )
        return self

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        others = [
            self.recommendations_topic,
            self.dead_letter_topic,
            self.items_topic,
            self.releases_topic,
            self.retrain_requests_topic,
            self.side_index_topic,
        ]
        names = [*self.event_topics, *others]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"topic {twice[0]!r} has two uses; give each its own name: {PREFIX}…_TOPIC")
        return self


S = TypeVar("S", bound=SharedSettings)


def read_settings(program: type[S], **overrides: Any) -> S:
    """Read a program's settings from the environment.

    Args:
        program: the settings class of the program.
        overrides: values from the command line, which go before the environment; None means not given.

    Raises:
        UsageError: a value is wrong; the message names the variable, the value and what is expected.
    """
    try:
        return program(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise UsageError(_problems(program, error)[0][1]) from error


def wrong_values(programs: Iterable[type[SharedSettings]]) -> list[tuple[str, str]]:
    """What is wrong in the environment: the variable ("" where several do not fit together) and a line."""
    found: dict[tuple[str, str], None] = {}
    for program in programs:
        try:
            program()
        except ValidationError as error:
            found |= dict.fromkeys(_problems(program, error))
    return list(found)


def _problems(program: type[SharedSettings], error: ValidationError) -> list[tuple[str, str]]:
    problems = []
    for problem in error.errors():
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            problems.append(("", reason))
            continue
        name = str(problem["loc"][0])
        variable = f"{PREFIX}{name.upper()}"
        value = shown(problem["input"], secret=bool(problem["input"]) and not program.model_fields[name].repr)
        problems.append((variable, f"{variable}={value}: {reason[:1].lower()}{reason[1:]}"))
    return problems


def unknown_variables(
    programs: Iterable[type[SharedSettings]], environment: Mapping[str, str] | None = None
) -> list[str]:
    """One line for each `MILLRACE_*` variable that no program reads, with the nearest name that one does."""
    environment = os.environ if environment is None else environment
    known = {name.upper() for program in programs for name in program.model_fields}
    lines = []
    for name in sorted(environment):
        own = name.removeprefix(PREFIX)
        if own != name and own not in known and not own.startswith("TEST_"):
            near = [f"; did you mean {PREFIX}{one}?" for one in difflib.get_close_matches(own, known, n=1)]
            lines.append(f"{name} is no setting of Millrace{''.join(near)}")
    return lines
