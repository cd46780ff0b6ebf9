"""Archivers as processes, the events they are given, and what their archive then holds."""

import asyncio
import re
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from aiokafka import AIOKafkaProducer

from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.log_rows import SCHEMA
from streams.dev.child_processes import Child, ChildProcesses

READY_S = 60.0


def an_event(session_id: str = "s", item_id: str = "a", **fields: object) -> bytes:
    event = {"session_id": session_id, "item_id": item_id, "event_type": "view", "occurred_at": 1000}
    return msgspec.json.encode({**event, **fields})


async def produce(servers: str, topic: str, values: Sequence[bytes], partitions: int) -> None:
    """Value n goes to partition n mod partitions."""
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5) as producer:
        sent = [
            await producer.send(topic, value, partition=number % partitions)
            for number, value in enumerate(values)
        ]
        await asyncio.gather(*sent)


def start_archiver(children: ChildProcesses, name: str, environment: dict[str, str]) -> Child:
    return children.start_millrace("archive", env=environment, name=name)


def rows_of(archive: Path | str) -> list[dict[str, Any]]:
    """All that readers see, by topic, partition and offset."""
    archived = ArchivedLog(ArchiveStore(str(archive)))
    pieces = [rows for partition in archived.partitions for rows in archived.rows(partition, SCHEMA.names)]
    return pl.concat(pieces).rows(named=True) if pieces else []


def offsets_of(archive: Path | str) -> list[tuple[int, int]]:
    """Partition and offset of each row."""
    return [(row["partition"], row["offset"]) for row in rows_of(archive)]


def files_of(archive: Path) -> list[str]:
    return sorted(path.name for path in archive.rglob("*.parquet"))


def metric(archiver: Child, name: str) -> float:
    """The sum of a metric over its labels; 0 until it is served."""
    url = re.search(r"http://\S+?/metrics", archiver.log_path.read_text())
    if url is None:
        return 0.0
    with urllib.request.urlopen(url.group(), timeout=10) as answer:  # noqa: S310  # our own address
        text = answer.read().decode()
    return sum(float(found) for found in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))
