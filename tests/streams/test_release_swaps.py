"""Releases that are announced while events flow: good ones are swapped to, bad ones change nothing."""

import functools
from collections import Counter
from pathlib import Path

from schemas.ids import ReleaseId
from tests.chaos.release_site import ReleaseSite
from tests.probed_release import add_probes, made_probes, with_other_score
from tests.release_builder import corrupt
from tests.streams.emitted_lists import EmittedLists
from tests.streams.heartbeats import beats
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.worker_stage import RunningWorker, Stage
from tests.successor_release import write_successor_release

SESSIONS = [f"shopper-{number}" for number in range(40)]
RATE = 200.0
OTHER_ITEMS = [*reversed(ITEMS[:8]), "item-10", "item-11"]
"""Another order, two items gone, two new ones."""


def served_by(worker: RunningWorker, release_id: str) -> bool:
    """Whether a worker serves a release now."""
    return worker.metric("millrace_active_release", release_id=release_id) == 1


def assert_lists_are_of_their_release(
    lists: EmittedLists, traffic: KnownTraffic, items: dict[ReleaseId, list[str]]
) -> Counter[ReleaseId]:
    """Every list is the known answer of the one release that it names; how many lists each release gave."""
    answers = {release: traffic.answers(of_release) for release, of_release in items.items()}
    lists.read_all(answers[ReleaseId("r1")].keys())
    for one in lists.first_emissions:
        expected = answers[one.release_id][one.recommendation_id]
        assert lists.item_ids(one.recommendation_id) == expected, one.recommendation_id
    return Counter(one.release_id for one in lists.first_emissions)


def test_announced_release_is_swapped_to_under_load_and_states_are_replayed(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        worker.wait_for(lambda: worker.metric("millrace_events_total") > 200, "serving")
        second = stage.publish("r2", OTHER_ITEMS)
        worker.wait_for(lambda: served_by(worker, second), "serving the new release")
        before = worker.metric("millrace_events_total")
        worker.wait_for(lambda: worker.metric("millrace_events_total") > before + 200, "serving with it")
    releases = {ReleaseId("r1"): ITEMS, second: OTHER_ITEMS}
    count = assert_lists_are_of_their_release(lists, traffic, releases)
    assert count[ReleaseId("r1")] > 100
    assert count[second] > 100
    worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)
    assert not served_by(worker, "r1")


def test_corrupt_release_is_refused_whole_and_the_old_one_keeps_serving(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    write_successor_release(stage.releases, "r2", OTHER_ITEMS)
    corrupt(stage.releases, ReleaseId("r2"))
    with traffic.load(SESSIONS, RATE):
        stage.announce(ReleaseId("r2"))
        worker.wait_for(lambda: worker.metric("millrace_releases_refused_total") == 1, "refusing")
        before = worker.metric("millrace_events_total")
        worker.wait_for(lambda: worker.metric("millrace_events_total") > before + 100, "serving on")
        assert served_by(worker, "r1")
        assert worker.is_ready()
        third = stage.publish("r3", OTHER_ITEMS)
        worker.wait_for(lambda: served_by(worker, third), "serving the next good release")
    count = assert_lists_are_of_their_release(lists, traffic, {ReleaseId("r1"): ITEMS, third: OTHER_ITEMS})
    assert set(count) <= {ReleaseId("r1"), third}


def test_release_without_room_is_swapped_to_when_there_is_some_and_the_worker_stays_ready(
    stage: Stage, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    with ReleaseSite(stage.releases) as site:
        stage.environment |= {"MILLRACE_RELEASES": site.url, "MILLRACE_RELEASE_CACHE": str(cache)}
        worker = stage.start_worker()
        cache.rename(tmp_path / "cache-away")
        cache.touch()  # stops root too, whom a read-only folder does not
        second = stage.publish("r2", OTHER_ITEMS)
        worker.wait_for(lambda: "release r2 waits" in worker.troubles().get("release store", ""), "waiting")
        assert worker.is_ready()
        assert served_by(worker, "r1")
        cache.unlink()
        worker.wait_for(lambda: served_by(worker, second), "serving the new release")
        worker.wait_for(lambda: worker.troubles() == {}, "without troubles")
    assert worker.metric("millrace_releases_refused_total") == 0


def test_swaps_every_second_or_two_lose_no_event_and_mix_no_releases(
    stage: Stage, lists: EmittedLists
) -> None:
    workers = [stage.start_worker(), stage.start_worker()]
    traffic = stage.traffic()
    releases = {ReleaseId("r1"): ITEMS}
    second = write_successor_release(stage.releases, "r2", OTHER_ITEMS)
    third = write_successor_release(stage.releases, "r3", [*ITEMS[3:], "item-12"])
    releases |= {second: OTHER_ITEMS, third: [*ITEMS[3:], "item-12"]}
    with traffic.load(SESSIONS, RATE):
        for release_id in [second, third, ReleaseId("r1"), second, ReleaseId("r1"), third]:
            stage.announce(release_id)
            for worker in workers:
                worker.wait_for(functools.partial(served_by, worker, release_id), "swapping")
            before = len(traffic.sent)
            workers[0].wait_for(lambda: len(traffic.sent) > before + 100, "loaded")  # noqa: B023
    count = assert_lists_are_of_their_release(lists, traffic, releases)
    assert len(lists.first_emissions) == len(traffic.sent)
    assert min(count[release_id] for release_id in releases) > 100
    workers[0].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)


def test_release_that_answers_its_probes_otherwise_is_refused_and_the_heartbeat_says_where(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    folder = stage.releases / write_successor_release(stage.releases, "r2", OTHER_ITEMS)
    probes = made_probes(folder, [["item-1"], ["item-2", "item-3"]])
    add_probes(folder, with_other_score(probes, number=2, add=0.1))
    stage.announce(ReleaseId("r2"))
    worker.wait_for(lambda: worker.metric("millrace_releases_refused_total") == 1, "refusing")
    assert served_by(worker, "r1")
    worker.wait_for(lambda: beats(stage)[0].refused, "telling")
    assert "probe 2 of 2, rank 1: item item-2 has the score" in beats(stage)[0].refused[ReleaseId("r2")]
    third = stage.releases / write_successor_release(stage.releases, "r3", OTHER_ITEMS)
    add_probes(third, made_probes(third, [["item-1"], ["item-2", "item-3"]]))
    stage.announce(ReleaseId("r3"))
    worker.wait_for(lambda: served_by(worker, "r3"), "serving the one that answers")
    traffic = stage.traffic()
    traffic.clicks(["a"], each=3)
    assert_lists_are_of_their_release(lists, traffic, {ReleaseId("r1"): ITEMS, ReleaseId("r3"): OTHER_ITEMS})


def test_refused_release_that_is_announced_again_is_refused_no_longer_while_it_waits(stage: Stage) -> None:
    worker = stage.start_worker()
    write_successor_release(stage.releases, "r2", OTHER_ITEMS)
    corrupt(stage.releases, ReleaseId("r2"))
    stage.announce(ReleaseId("r2"))
    worker.wait_for(lambda: ReleaseId("r2") in beats(stage)[0].refused, "refusing")
    stage.releases.rename(stage.releases.with_name("away"))
    stage.announce(ReleaseId("r2"))
    worker.wait_for(lambda: "release store" in worker.troubles(), "waiting for the store")
    worker.wait_for(lambda: not beats(stage)[0].refused, "telling that it may be served yet")
    stage.releases.with_name("away").rename(stage.releases)
