"""Messages that the Kafka client cannot parse: a header's name that is not UTF-8.

Clients do not let one through; librdkafka's readers take it. Callers: the tests of all that read topics.
"""

import os
import subprocess
import sys

_PRODUCER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class NotUtf8(str):
    def encode(self, *_):
        return bytes([0xff, 0xfe])

async def main(servers, topic, partition, *keys):
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        batch = producer.create_batch()
        for key in keys:
            odd = [(NotUtf8("x"), b"")] if key == "odd" else []
            assert batch.append(key=key.encode(), value=b"{}", timestamp=None, headers=odd)
        await (await producer.send_batch(batch, topic, partition=int(partition)))

asyncio.run(main(*sys.argv[1:]))
"""
_PURE_PYTHON = {"AIOKAFKA_NO_EXTENSIONS": "1"}


def send_odd(
    bootstrap_servers: str, topic: str, partition: int = 0, keys: tuple[str, ...] = ("odd",)
) -> None:
    """Send one batch of messages with these keys and the value `{}`; the key `odd` has the odd header.

    In a process of its own: only the client in pure Python can be talked into it.
    """
    arguments = [sys.executable, "-c", _PRODUCER, bootstrap_servers, topic, str(partition), *keys]
    subprocess.run(arguments, check=True, env={**os.environ, **_PURE_PYTHON})
