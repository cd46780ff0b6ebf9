"""A release that fails events is rolled back by itself, on what real workers say of it in Redis."""

import time

from retrain.release_watch.release_watch import watch_release
from retrain.release_watch.watch_judgement import WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease
from schemas.ids import ReleaseId
from schemas.settings import SharedSettings
from tests.broken_release import write_broken_release
from tests.streams.emitted_lists import EmittedLists
from tests.streams.heartbeats import beats
from tests.streams.known_traffic import ITEMS
from tests.streams.test_release_swaps import RATE, SESSIONS, served_by
from tests.streams.worker_stage import Stage

RULES = WatchRules(period_s=60, error_rate=0.01, hit_rate_drop=0.2, min_events=100)
R1, R2 = ReleaseId("r1"), ReleaseId("r2")


class RealClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


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
            settings_of(stage), lambda: beats(stage), WatchedRelease(R2, 2, R1), RULES, RealClock()
        )
        worker.wait_for(lambda: served_by(worker, R1), "serving the one before again")
        before = len(traffic.sent)
        worker.wait_for(lambda: len(traffic.sent) > before + 50, "loaded")
    assert (verdict.outcome, verdict.rolled_back_to, verdict.rolled_back_generation) == ("rolled_back", R1, 3)
    assert verdict.reason.startswith("errors: ")
    worker.wait_for(lambda: beats(stage)[0].generation == 3, "telling the rollback")
    failed = int(worker.metric("millrace_dead_letters_total", stage="recommend"))
    assert failed > 5
    last = {f"{traffic.topic}-{one.partition}-{one.offset}" for one in traffic.sent[-20:]}
    lists.read_until(lambda: len(lists.by_id) + failed >= len(traffic.sent))
    assert len(lists.by_id) + failed == len(traffic.sent)
    assert {one.release_id for one in lists.first_emissions if one.recommendation_id in last} == {R1}
    assert worker.is_ready()
