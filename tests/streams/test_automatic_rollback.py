"""A release that fails events is rolled back by itself, on what real workers say of it in Redis."""

import functools

from retrain.release_watch.release_watch import SystemClock, watch_release
from retrain.release_watch.watch_judgement import WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease
from schemas.ids import ReleaseId
from schemas.settings import SharedSettings
from tests.broken_release import write_broken_release
from tests.release_builder import corrupt
from tests.streams.emitted_lists import EmittedLists
from tests.streams.heartbeats import beats
from tests.streams.known_traffic import ITEMS
from tests.streams.test_release_swaps import RATE, SESSIONS, served_by
from tests.streams.worker_stage import DEADLINE_S, Stage
from tests.successor_release import write_successor_release

RULES = WatchRules(period_s=60, error_rate=0.01, hit_rate_drop=0.2, min_events=100)
R1, R2 = ReleaseId("r1"), ReleaseId("r2")


def settings_of(stage: Stage) -> SharedSettings:
    return SharedSettings(
        kafka_bootstrap_servers=stage.kafka.bootstrap_servers,
        releases_topic=stage.environment["MILLRACE_RELEASES_TOPIC"],
        releases=str(stage.releases),
    )


def test_release_that_fails_events_is_rolled_back_under_load(stage: Stage, lists: EmittedLists) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        worker.wait_for(lambda: worker.metric("millrace_events_total") > 50, "serving")
        stage.announce(write_broken_release(stage.releases, "r2", ITEMS))
        worker.wait_for(lambda: served_by(worker, R2), "serving the broken release")
        verdict = watch_release(
            settings_of(stage), lambda: beats(stage), WatchedRelease(R2, 2, R1), RULES, SystemClock()
        )
        worker.wait_for(lambda: served_by(worker, R1), "serving the one before again")
        before = len(traffic.sent)
        worker.wait_for(lambda: len(traffic.sent) > before + 50, "loaded")
    assert (verdict.outcome, verdict.rolled_back_to, verdict.rolled_back_generation) == ("rolled_back", R1, 3)
    assert verdict.reason.startswith("errors: ")
    worker.wait_for(lambda: beats(stage)[0].generation == 3, "telling the rollback")
    done = functools.partial(worker.metric, "millrace_events_total")
    failed = functools.partial(worker.metric, "millrace_dead_letters_total", stage="recommend")
    worker.wait_for(lambda: done() + failed() == len(traffic.sent), "done with every event")
    assert failed() > 5
    lists.read_until(lambda: len(lists.by_id) == done())
    last = max(lists.first_emissions, key=lambda one: one.produced_at)
    assert last.release_id == R1
    assert worker.is_ready()


def test_release_that_was_promoted_by_hand_is_watched_by_a_command(stage: Stage) -> None:
    worker = stage.start_worker()
    stage.announce(write_successor_release(stage.releases, "r2", ITEMS))
    worker.wait_for(lambda: served_by(worker, R2), "serving the new release")
    kept = stage.children.start_millrace("releases", "watch", "r2", "--seconds", "2", env=stage.environment)
    assert kept.wait(DEADLINE_S) == 0
    assert "kept after" in kept.log_tail(1)
    refused = stage.children.start_millrace("releases", "watch", "r1", env=stage.environment)
    assert refused.wait(DEADLINE_S) == 2
    assert "release r1 is not the one that is announced (r2 is)" in refused.log_tail(1)


def test_command_says_that_it_has_rolled_back(stage: Stage) -> None:
    worker = stage.start_worker()
    broken = write_broken_release(stage.releases, "r2", ITEMS)
    stage.announce(broken)
    worker.wait_for(lambda: served_by(worker, R2), "serving the broken release")
    watch = stage.children.start_millrace("releases", "watch", "r2", env=stage.environment)
    with stage.traffic().load(SESSIONS, RATE):
        worker.wait_for(lambda: served_by(worker, R1), "serving the one before again")
    assert watch.wait(DEADLINE_S) == 1
    assert "rolled back after" in watch.log_tail(1)
    assert "is not the one that is announced" not in watch.log_tail()


def test_release_that_the_workers_refuse_is_rolled_back(stage: Stage) -> None:
    worker = stage.start_worker()
    write_successor_release(stage.releases, "r2", ITEMS)
    corrupt(stage.releases, R2)
    stage.announce(R2)
    worker.wait_for(lambda: beats(stage)[0].refused, "telling its refusal")
    verdict = watch_release(
        settings_of(stage), lambda: beats(stage), WatchedRelease(R2, 2, R1), RULES, SystemClock()
    )
    assert verdict.outcome == "rolled_back"
    assert "refused by every live worker (1): release r2: item_vectors.npy is corrupt" in verdict.reason
    worker.wait_for(lambda: beats(stage)[0].generation == 3, "serving the one before again")
    assert served_by(worker, R1)
