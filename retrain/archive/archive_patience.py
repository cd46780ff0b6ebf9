"""Waiting in place while Kafka or the store is away; ending on what waiting cannot cure.

Caller: `retrain.archive.archiver`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from schemas.errors import Unavailable, UsageError

log = structlog.get_logger("millrace.archive")
T = TypeVar("T")
AGAIN_S = (0.5, 30.0)
"""After a failure: the first wait, and the longest."""


async def patiently(
    step: Callable[[], Awaitable[T]], stop: asyncio.Event, on_failure: Callable[[], None]
) -> T | None:
    """Take a step, again and again where Kafka or the store is away; None where it is to stop then.

    Raises:
        UsageError: Kafka refuses this user.
    """
    wait_s = AGAIN_S[0]
    while not stop.is_set():
        try:
            return await step()
        except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
            raise UsageError(f"Kafka refuses this user: {error!r}; allow READ on topic and group") from error
        except (Unavailable, KafkaError, TimeoutError) as error:
            on_failure()
            log.warning("not archiving, trying again", error=str(error) or repr(error), wait_s=wait_s)
        await wait_for_stop(stop, wait_s)
        wait_s = min(2 * wait_s, AGAIN_S[1])
    return None


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
