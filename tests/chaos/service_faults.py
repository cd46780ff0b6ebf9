"""Faults of Kafka and Redis, and of the network to them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

import redis

from tests.chaos.chaos_stage import ChaosStage
from tests.chaos.fault import Fault
from tests.chaos.slow_network import Link

SYNCED_WITHIN_S = 30.0
PATIENCE_S = 10.0
"""After so long a worker gives up waiting for Redis's answer; for Kafka's after 15 s."""
EMPTIED_AT_MOST = 2
"""Redis or a bucket; each time all of the log is read again."""


@contextmanager
def redis_stopped(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """Stopped by an operator, its data kept."""
    chaos.redis.stop()
    yield "Redis"
    chaos.redis.start()


@contextmanager
def redis_paused(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """SIGSTOP: it answers nothing, and later everything."""
    chaos.redis.pause()
    yield "Redis"
    chaos.redis.resume()


@contextmanager
def redis_set_back(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """Killed, and started with what it held at the strike: what was saved meanwhile is lost."""
    snapshot = chaos.redis.snapshot()
    yield "Redis"
    chaos.redis.restore(snapshot)


@contextmanager
def redis_emptied(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """Killed, and started with nothing."""
    if chaos.emptied == EMPTIED_AT_MOST:
        yield None
        return
    chaos.emptied += 1
    yield "Redis"
    chaos.redis.restore(None)


@contextmanager
def redis_bucket_emptied(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """All keys of a bucket are gone at once, as where a node of a Cluster comes back empty."""
    if chaos.emptied == EMPTIED_AT_MOST:
        yield None
        return
    chaos.emptied += 1
    bucket = random.randrange(int(chaos.stage.environment["MILLRACE_REDIS_BUCKETS"]))
    yield f"bucket {bucket}"
    with redis.Redis(port=chaos.redis.port) as client:
        if keys := list(client.scan_iter(f"millrace:{{{bucket}}}:*", count=1000)):
            client.delete(*keys)


@contextmanager
def redis_failover(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """A replica that has heard nothing since the strike is promoted; at times both serve for a while."""
    before, promoted = chaos.redis, chaos.new_redis()
    with redis.Redis(port=promoted.port) as client:
        client.replicaof("127.0.0.1", before.port)
        _wait(lambda: client.info("replication")["master_link_status"] == "up")
        client.replicaof("NO", "ONE")
    both = random.random() < 0.5
    yield f"Redis on port {before.port}, {promoted.port} promoted{', both for a while' * both}"
    chaos.redis, chaos.redis_link.target_port = promoted, promoted.port
    if both:
        time.sleep(random.uniform(0.2, 1.5))
    chaos.redis_link.cut()
    before.kill()


@contextmanager
def kafka_stopped(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """SIGTERM, and a start with the same data."""
    chaos.broker.stop()
    yield "Kafka"
    chaos.broker.start()


@contextmanager
def kafka_killed(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """Kill -9, and a start with the same data."""
    chaos.broker.kill()
    yield "Kafka"
    chaos.broker.start()


@contextmanager
def kafka_paused(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """SIGSTOP: it answers nothing, and later everything."""
    chaos.broker.pause()
    yield "Kafka"
    chaos.broker.resume()


def slow(
    which: Callable[[ChaosStage], Link],
) -> Callable[[ChaosStage, Random], AbstractContextManager[str | None]]:
    """Each piece of bytes is held back."""

    @contextmanager
    def strike(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
        delay_s = random.uniform(0.005, 0.15)
        which(chaos).delay_s = delay_s
        yield f"{delay_s * 1000:.0f} ms each way"
        which(chaos).delay_s = 0.0

    return strike


def cut(
    which: Callable[[ChaosStage], Link],
) -> Callable[[ChaosStage, Random], AbstractContextManager[str | None]]:
    """All connections are closed, and at times no new ones come about until the end."""

    @contextmanager
    def strike(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
        link = which(chaos)
        link.refusing = random.random() < 0.5
        link.cut()
        yield "all connections, none anew" if link.refusing else "all connections"
        link.refusing = False
        link.cut()

    return strike


def _kafka_link(chaos: ChaosStage) -> Link:
    return chaos.kafka_link


def _redis_link(chaos: ChaosStage) -> Link:
    return chaos.redis_link


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SYNCED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"the replica was not in step after {SYNCED_WITHIN_S:g} s"
        time.sleep(0.02)


REDIS_SET_BACK = Fault("Redis loses its last second", "redis", (0.3, 3.0), redis_set_back)
KAFKA_KILLED = Fault("Kafka killed", "kafka", (0.0, 5.0), kafka_killed)
REDIS_CUT = Fault("connections to Redis cut", "redis", (0.1, 3.0), cut(_redis_link))
SERVICE_FAULTS = (
    REDIS_SET_BACK,
    Fault("Redis stopped", "redis", (0.5, 6.0), redis_stopped),
    Fault("Redis paused", "redis", (0.5, PATIENCE_S + 3), redis_paused),
    Fault("Redis emptied", "redis", (0.0, 1.0), redis_emptied),
    Fault("a bucket emptied", "redis", (0.0, 1.0), redis_bucket_emptied),
    Fault("Redis failover to a replica behind", "redis", (0.3, 3.0), redis_failover),
    Fault("slow network to Redis", "redis", (2.0, 8.0), slow(_redis_link)),
    REDIS_CUT,
    Fault("Kafka stopped", "kafka", (0.5, 5.0), kafka_stopped),
    KAFKA_KILLED,
    Fault("Kafka paused", "kafka", (1.0, PATIENCE_S + 8), kafka_paused),
    Fault("slow network to Kafka", "kafka link", (2.0, 8.0), slow(_kafka_link)),
    Fault("connections to Kafka cut", "kafka link", (0.1, 3.0), cut(_kafka_link)),
)
