"""How a worker ends: it drains, commits and leaves with exit code 0."""

from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import Stage
from tests.successor_release import write_successor_release

SESSIONS = [f"shopper-{number}" for number in range(40)]
RATE = 400.0


def test_sigterm_under_load_drains_commits_and_exits_cleanly(stage: Stage, lists: EmittedLists) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        worker.wait_for(lambda: worker.metric("millrace_events_total") > 300, "serving")
        assert worker.stop() == 0
    watermarks = stage.watermarks()
    assert stage.committed() == watermarks
    applied = {
        f"{traffic.topic}-{partition}-{offset}"
        for partition, mark in watermarks.items()
        for offset in range(mark)
    }
    answers = {one: items for one, items in traffic.answers().items() if one in applied}
    assert len(answers) == len(applied)
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    assert lists.by_id.keys() == answers.keys()  # nothing was emitted that was not saved
    assert lists.repeated() == 0


def test_worker_waits_for_its_first_release_and_can_be_stopped_meanwhile(stage: Stage) -> None:
    empty = stage.kafka.create_topic(f"{stage.environment['MILLRACE_RELEASES_TOPIC']}-empty", 1)
    waiting = stage.launch(MILLRACE_RELEASES_TOPIC=empty)
    waiting.wait_for(lambda: "waiting for a release" in waiting.child.log_tail(), "waiting for a release")
    assert not waiting.is_ready()
    assert empty in waiting.troubles()["start"]
    assert waiting.stop() == 0


def test_worker_becomes_ready_when_its_first_release_is_announced(stage: Stage) -> None:
    empty = stage.kafka.create_topic(f"{stage.environment['MILLRACE_RELEASES_TOPIC']}-empty", 1)
    worker = stage.launch(MILLRACE_RELEASES_TOPIC=empty)
    worker.wait_for(lambda: "waiting for a release" in worker.child.log_tail(), "waiting for a release")
    stage.environment["MILLRACE_RELEASES_TOPIC"] = empty
    stage.announce(write_successor_release(stage.releases, "first", ["a", "b"]))
    worker.wait_until_ready()
    assert worker.stop() == 0
