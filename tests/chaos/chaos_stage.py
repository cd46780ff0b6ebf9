"""All that a chaos run plays with: a broker and a Redis of its own, slow links to both, releases, workers.

Made by `chaos_stage`, which also ends it. Owns the pieces and their wiring; `worker_faults`, `service_faults`
and `release_faults` own what is done to them.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.ids import ReleaseId
from streams.dev.child_processes import ChildProcesses
from tests.chaos.mixed_traffic import MixedTraffic
from tests.chaos.own_broker import OwnBroker
from tests.chaos.release_site import ReleaseSite
from tests.chaos.slow_network import Link, SlowNetwork
from tests.chaos.worker_crew import WorkerCrew
from tests.services.kafka_choice import Machine
from tests.services.redis_servers import PrivateRedis
from tests.streams.known_traffic import ITEMS
from tests.streams.worker_stage import Stage, make_stage
from tests.successor_release import write_successor_release

SESSION_TIMEOUT_S = 3.0
"""As in `make_stage`."""
GAP_S = 1800.0
"""Longer than any run, so that even an emptied Redis is refilled whole and no state may be wrong."""
FIRST = ReleaseId("r1")
RELEASES = {
    FIRST: ITEMS,
    ReleaseId("r2"): [*reversed(ITEMS[:8]), "item-10", "item-11"],
}
"""The two releases between which is swapped: another order, two items gone, two new ones."""


@dataclass
class ChaosStage:
    """The pieces of one run."""

    folder: Path
    children: ChildProcesses
    broker: OwnBroker
    redis: PrivateRedis
    kafka_link: Link
    redis_link: Link
    site: ReleaseSite
    stage: Stage
    crew: WorkerCrew
    traffic: MixedTraffic
    serving: ReleaseId = FIRST
    """The release that was announced last."""
    emptied: int = 0
    """How often Redis was emptied."""

    def new_redis(self) -> PrivateRedis:
        """One more Redis server, for a failover."""
        return _a_redis(self.children, self.folder)


@contextmanager
def chaos_stage(
    machine: Machine, folder: Path, seed: int, rate: float, places: int, settings: Mapping[str, str]
) -> Iterator[ChaosStage]:
    """Start everything but workers and traffic.

    Args:
        machine: has Java and Maven.
        folder: for data and logs.
        seed: of the traffic.
        rate: usual events a second.
        places: for how many workers.
        settings: of the workers, beside those that lead to the rest.
    """
    with ExitStack() as stack:
        for name in ("logs", "kafka", "releases"):
            (folder / name).mkdir()
        children = stack.enter_context(ChildProcesses(folder / "logs"))
        network = stack.enter_context(SlowNetwork())
        site = stack.enter_context(ReleaseSite(folder / "releases"))
        broker, redis = OwnBroker(children, machine, folder / "kafka"), _a_redis(children, folder)
        kafka_link, redis_link = network.link(broker.worker_port), network.link(redis.port)
        kafka = broker.format(kafka_link.port)
        redis_url = f"redis://127.0.0.1:{redis_link.port}/0"
        stage = make_stage(kafka, redis_url, "chaos.", children, folder / "releases")
        stage.environment |= {
            "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_link.port}",
            "MILLRACE_EMIT": "every",
            "MILLRACE_MAX_BATCH_EVENTS": "1024",
            **settings,
            "MILLRACE_RELEASES": site.url,
            "MILLRACE_RELEASE_CACHE": str(folder / "cache"),
        }
        _publish_all(stage)
        traffic = MixedTraffic(broker.address, stage.environment["MILLRACE_EVENT_TOPICS"], seed, rate)
        crew = WorkerCrew(stage, places)
        yield ChaosStage(folder, children, broker, redis, kafka_link, redis_link, site, stage, crew, traffic)


def _publish_all(stage: Stage) -> None:
    for release, items in RELEASES.items():
        write_successor_release(stage.releases, release, items, GAP_S)
    stage.announce(FIRST)


def _a_redis(children: ChildProcesses, folder: Path) -> PrivateRedis:
    number = sum(child.name == "redis-server" for child in children.started)
    own = folder / f"redis-{number}"
    own.mkdir()
    return PrivateRedis(children, own)
