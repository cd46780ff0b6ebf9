"""The types of settings that are more than a number or a word: how they are written in the environment.

Callers: `schemas.settings`, `streams.settings`.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, ERASE, EVENT_TYPES
from schemas.redis_address import parse_redis_address

_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+)(:\d{1,5})?")


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def parse_event_type_map(value: object) -> object:
    """`addtocart=cart,order=purchase` -> the default map, extended; what is no string comes back as it is."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    given = {name.strip(): target.strip() for name, _, target in pairs}
    for name, target in given.items():
        if target not in (*EVENT_TYPES, ERASE):
            raise ValueError(
                f"{name}={target}: map to one of {', '.join(EVENT_TYPES)} or {ERASE}, "
                "as in addtocart=cart,order=purchase"
            )
    return {**DEFAULT_EVENT_TYPE_MAP, **given}


def _broker_addresses(value: str) -> str:
    hosts = [host for host in value.split(",") if host.strip()]
    if not hosts or not all(_BROKER.fullmatch(host.strip()) for host in hosts):
        raise ValueError("give host:port, comma-separated, as in kafka-1:9092,kafka-2:9092")
    return value


def _redis_address(value: str) -> str:
    parse_redis_address(value)
    return value


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_split)]
EventTypeMap = Annotated[dict[str, str], NoDecode, BeforeValidator(parse_event_type_map)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
TopicNames = Annotated[list[TopicName], NoDecode, BeforeValidator(_split)]
BrokerAddresses = Annotated[str, AfterValidator(_broker_addresses)]
RedisUrl = Annotated[str, AfterValidator(_redis_address)]
