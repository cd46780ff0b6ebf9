"""From events to served lists, twice: archive, cycles, swap; and a worker that is stopped meanwhile."""

import signal
from pathlib import Path

import pytest

from retrain.releases.release_catalogue import read_release_manifest
from schemas.cycle_status import RunningRelease
from schemas.worker_heartbeat import LIVE_S, OnlineCounts
from tests.loop.loop_stage import LoopStage
from tests.retrain.archive.archiver_runs import READY_S, offsets_of, start_archiver
from tests.streams.changing_topics import trim
from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import RunningWorker

pytestmark = pytest.mark.timeout(240)


def archive_everything(loop: LoopStage, events: int) -> None:
    """Run an archiver until it has so many events, and stop it."""
    archive = Path(loop.environment["MILLRACE_ARCHIVE"])
    archiver = start_archiver(loop.children, "archiver", loop.environment)
    archiver.wait_until(lambda: archive.exists() and len(offsets_of(archive)) == events, READY_S, "done")
    assert archiver.terminate(READY_S) == 0


def running(loop: LoopStage) -> RunningRelease:
    marked = loop.board().running
    assert marked is not None
    return marked


def read_lists(lists: EmittedLists, worker: RunningWorker, seed: int, events: int) -> set[str]:
    """Wait for a list for each event of the seed's sessions; the releases that they name."""

    def of_seed() -> list[str]:
        return [one.release_id for one in lists.first_emissions if one.session_id.startswith(f"{seed}-")]

    lists.read_until(lambda: worker.child.is_running() and len(of_seed()) >= events)
    return set(of_seed())


def counts(loop: LoopStage, release_id: str | None) -> OnlineCounts:
    return {str(name): one for name, one in loop.heartbeat().online.items()}.get(
        str(release_id), OnlineCounts()
    )


@pytest.mark.usefixtures("apache_kafka")
def test_events_become_a_served_release_and_newer_ones_its_successor(
    loop: LoopStage, lists: EmittedLists
) -> None:
    archived = loop.produce(seed=1)
    archive_everything(loop, archived)
    trim(loop.kafka, loop.environment["MILLRACE_EVENT_TOPICS"])
    of_topic = loop.produce(seed=2)
    first = loop.cycle()
    assert (first.outcome, first.events, first.warm_start) == ("running", archived + of_topic, False)
    ranges = read_release_manifest(str(loop.releases), first.release_id or "").data.log_ranges  # type: ignore[arg-type]
    assert isinstance(ranges, list)
    assert sum(one.next_offset - one.first_offset for one in ranges) == archived + of_topic

    worker = loop.start_worker()
    loop.wait_until_served(worker, first.release_id, 1)
    live = loop.produce(seed=3)
    assert read_lists(lists, worker, 3, live) == {first.release_id}
    worker.wait_for(lambda: counts(loop, first.release_id).events >= live, "counting")
    done = counts(loop, first.release_id)
    assert done.hits > 0.9 * done.predictions > 0

    loop.environment["MILLRACE_RETRAIN_WATCH_S"] = "2"
    second = loop.cycle()
    assert (second.outcome, second.warm_start, second.incumbent) == ("running", True, first.release_id)
    assert second.events == archived + of_topic + live
    assert second.seconds["watch"] > 2 > first.seconds["watch"]
    loop.wait_until_served(worker, second.release_id, 2)
    assert (running(loop).release_id, running(loop).generation) == (second.release_id, 2)
    more = loop.produce(seed=4)
    assert read_lists(lists, worker, 4, more) == {second.release_id}
    worker.wait_for(lambda: counts(loop, second.release_id).events == more, "counting")


def test_worker_that_is_stopped_holds_up_no_cycle_and_serves_the_release_when_it_is_back(
    loop: LoopStage, lists: EmittedLists
) -> None:
    loop.produce(seed=1)
    first = loop.cycle()
    worker = loop.start_worker()
    loop.wait_until_served(worker, first.release_id, 1)

    def stop(place: str) -> None:
        if place == "announce begins":
            worker.child.send_signal(signal.SIGSTOP)

    second = loop.cycle(reached=stop)
    assert (second.outcome, second.late) == ("running", [])
    assert LIVE_S / 2 < second.seconds["wait"] < loop.settings().retrain_wait_s
    assert loop.heartbeat().release_id == first.release_id
    worker.child.send_signal(signal.SIGCONT)
    loop.wait_until_served(worker, second.release_id, 2)
    more = loop.produce(seed=2, sessions=20)
    assert read_lists(lists, worker, 2, more) == {second.release_id}


def test_worker_that_was_away_during_the_announcement_starts_with_the_release(loop: LoopStage) -> None:
    loop.produce(seed=1)
    loop.cycle()
    assert loop.start_worker().stop() == 0
    second = loop.cycle()
    assert second.seconds["wait"] < LIVE_S / 2
    loop.wait_until_served(loop.start_worker(), second.release_id, 2)
