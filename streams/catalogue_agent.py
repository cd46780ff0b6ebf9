"""The agent `items`: an ordinary Faust topic agent that applies the item catalogue to Redis.

Caller: `streams.worker`.
"""

import faust
import structlog
from faust.types import AgentT, Message, StreamT

from schemas.errors import InvalidEvent
from streams.catalogue import Catalogue, ItemChange, item_change
from streams.health import Health
from streams.metrics import WorkerMetrics
from streams.retrying import until_available
from streams.unreadable_records import why_unreadable

log = structlog.get_logger("millrace.catalogue")


def add_catalogue_agent(
    app: faust.App, topic: str, catalogue: Catalogue, health: Health, metrics: WorkerMetrics
) -> AgentT[bytes]:
    """Register the agent with the app.

    Faust acknowledges a message whose handler raised, so the body waits for Redis in place and raises
    nothing.
    """
    items = app.topic(topic, key_serializer="raw", value_serializer="raw")

    @app.agent(items, name="items")
    async def apply_items(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            try:
                change = _change(event.message)
            except InvalidEvent as error:
                metrics.invalid_items.inc()
                log.warning(
                    "item ignored",
                    at=f"{topic}[{event.message.partition}]@{event.message.offset}",
                    error=str(error),
                )
                continue
            await until_available(lambda change=change: catalogue.apply([change]), "redis", health)  # type: ignore[misc]

    return apply_items


def _change(message: Message) -> ItemChange:
    if (reason := why_unreadable(message)) is not None:
        raise InvalidEvent("$", f"the Kafka client cannot read the message: {reason}")
    return item_change(message.key, message.value)
