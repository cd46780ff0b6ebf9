"""How long partitions get no list while two workers are restarted one after the other. Run it: it prints.

Events come at a fixed rate; each worker in turn gets SIGTERM and is started again once it has ended. Printed
is the longest time that any partition was without a list in each restart, without MILLRACE_GROUP_INSTANCE_ID
and with it. On a Kafka from its jars (Java 17 and Maven) and a Redis, all on this machine.
"""

import argparse
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.dev.bench_log import bench_log
from streams.dev.bench_stand import LOCAL_PARTITIONS, BenchStand, bench_stand
from streams.dev.millrace_services import START_TIMEOUT_S, MillraceServices
from streams.dev.ports import free_port

EVENTS, ITEMS, SESSIONS = 4000, 500, 400
WORKERS = 2
STOP_TIMEOUT_S = 60.0
SETTLE_S = 10.0
_POLL_S = 0.05


class ListTimes:
    """When lists came, by partition: Kafka's time of each."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "nobody"})
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(LOCAL_PARTITIONS)])
        self._at_ms: dict[int, list[int]] = {number: [] for number in range(LOCAL_PARTITIONS)}

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def read(self) -> None:
        """Take what has come."""
        for message in self._consumer.consume(10_000, _POLL_S):
            self._at_ms[message.partition() or 0].append(message.timestamp()[1])

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time between two lists of one partition within a stretch of time."""
        gaps = [0]
        for times in self._at_ms.values():
            inside = [at for at in times if since_s <= at / 1000 <= until_s]
            gaps += [after - before for before, after in pairwise(inside)]
        return max(gaps) / 1000


@contextmanager
def events_at(rate: float, stand: BenchStand) -> Iterator[None]:
    """Clicks of many sessions, evenly over all partitions, while the block runs."""
    producer, stop = Producer({"bootstrap.servers": stand.broker.bootstrap_servers}), threading.Event()

    def run() -> None:
        started, sent = time.monotonic(), 0
        while not stop.wait(max(0.0, started + sent / rate - time.monotonic())):
            event = {"session_id": f"s{sent % SESSIONS}", "item_id": "100000001", "event_type": "view"}
            value = json.dumps({**event, "occurred_at": int(time.time() * 1000)}).encode()
            producer.produce(
                stand.events_topic, value, event["session_id"].encode(), partition=sent % LOCAL_PARTITIONS
            )
            producer.poll(0)
            sent += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        producer.flush()


def restart_each(stand: BenchStand, static: bool, rate: float) -> list[float]:
    """The longest gap of each worker's restart, seconds."""
    run, gaps = stand.fresh_run(), []
    numbers = range(WORKERS)
    named: list[dict[str, str]] = [{"MILLRACE_GROUP_INSTANCE_ID": f"w{number}"} for number in numbers]
    workers = [with_settings(run, settings if static else {}) for settings in named]
    children = [worker.start_worker() for worker in workers]
    for worker, child in zip(workers, children, strict=True):
        child.wait_until_ready(worker.worker_url, START_TIMEOUT_S)
    with (
        closing(ListTimes(stand.broker.bootstrap_servers, stand.lists_topic)) as lists,
        events_at(rate, stand),
    ):
        look(lists, SETTLE_S)
        for worker, child in zip(workers, children, strict=True):
            since = time.time() - 1
            child.send_signal(signal.SIGTERM)
            child.wait(STOP_TIMEOUT_S)
            ended = time.time()
            successor = worker.start_worker()
            successor.wait_until_ready(worker.worker_url, START_TIMEOUT_S)
            print(f"  stopped in {ended - since - 1:.1f} s, ready {time.time() - ended:.1f} s later")
            children[workers.index(worker)] = successor
            look(lists, SETTLE_S)
            gaps.append(lists.longest_gap_s(since, time.time()))
    for child in children:
        child.terminate()
    return gaps


def with_settings(run: MillraceServices, settings: dict[str, str]) -> MillraceServices:
    """One worker's own settings and port."""
    url = f"http://127.0.0.1:{free_port()}"
    return replace(run, environment={**run.environment, **settings}, worker_url=url)


def look(lists: ListTimes, seconds: float) -> None:
    """Read the lists that come in so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lists.read()


def main() -> None:
    """Measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, help="events a second")
    rate: float = parser.parse_args().rate
    log = bench_log(None, EVENTS, ITEMS)
    with bench_stand("local", log, {}) as stand:
        stand.announce(stand.train(log.training, {}))
        for static in (False, True):
            gaps = restart_each(stand, static, rate)
            shown = ", ".join(f"{gap:.1f} s" for gap in gaps)
            print(f"{'with' if static else 'without'} MILLRACE_GROUP_INSTANCE_ID: longest gap {shown}")


if __name__ == "__main__":
    main()
