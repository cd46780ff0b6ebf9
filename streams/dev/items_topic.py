"""The catalogue into the items topic, as a shop does. Writer: of `items`, for the demo and `millrace up`."""

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from schemas.item_metadata import ItemMetadata, encode_item_metadata


async def publish_items(bootstrap_servers: str, topic: str, items: Iterable[ItemMetadata]) -> None:
    """Produce every item under its id, and wait until all are acknowledged."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=20) as producer:
        for item in items:
            await producer.send(topic, encode_item_metadata(item), item.item_id.encode())
        await producer.flush()
