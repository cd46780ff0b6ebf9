"""Worker and lookup through a Sentinel: the master dies under load, and both go on with the next one."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.errors import Unavailable
from schemas.settings import SharedSettings
from streams.redis_clients import available, open_redis
from tests.services.redis_sentinels import PASSWORD, WatchedRedis, running_watched_redis
from tests.streams.looking_up import looked_up
from tests.streams.worker_stage import Stage

SESSIONS = [f"shopper-{number}" for number in range(40)]
RATE = 200.0


@pytest.fixture
def watched_redis(tmp_path: Path) -> Iterator[WatchedRedis]:
    """A master, a replica and a Sentinel of this test's own."""
    (tmp_path / "watched").mkdir()
    with running_watched_redis(tmp_path / "watched") as running:
        yield running


def test_worker_and_lookup_go_on_after_a_failover(
    stage_on: Callable[..., Stage], watched_redis: WatchedRedis
) -> None:
    stage = stage_on(watched_redis.url, MILLRACE_REDIS_SENTINEL_PASSWORD=PASSWORD)
    worker, lookup, traffic = stage.start_worker(), stage.start_lookup(), stage.traffic()
    with closing(stage.lists()) as lists:
        with traffic.load(SESSIONS, RATE):
            worker.wait_for(lambda: worker.metric("millrace_events_total") > RATE, "serving")
            watched_redis.kill_master()
            worker.wait_until_ready()
            before = worker.metric("millrace_events_total")
            worker.wait_for(lambda: worker.metric("millrace_events_total") > before + RATE, "serving again")
        answers = traffic.answers()
        lists.read_all(answers.keys())
        assert lists.wrong(answers) == {}
        worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
        stage.assert_states_follow(traffic)
    last = {str(session): str(one) for session, one in traffic.last_ids().items()}
    assert {session: looked_up(lookup, session) for session in last} == last


async def test_wrong_service_or_password_is_told_without_the_password(watched_redis: WatchedRedis) -> None:
    for url, password, said in (
        (watched_redis.url.replace("/shop", "/other"), PASSWORD, "No master found for 'other'"),
        (watched_redis.url, "wrong-one", "check MILLRACE_REDIS_SENTINEL_PASSWORD"),
    ):
        client = open_redis(SharedSettings(redis_url=url, redis_sentinel_password=password))
        with pytest.raises(Unavailable) as caught:
            await available(client.get("key"))
        assert said in str(caught.value)
        assert password not in str(caught.value)
        await client.aclose()
