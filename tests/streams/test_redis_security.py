"""Redis with TLS, and with a user who may do no more than Millrace needs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from schemas.errors import Unavailable, UsageError
from schemas.redis_keys import WORKERS
from schemas.settings import SharedSettings
from streams.redis_clients import available, open_redis
from streams.redis_session_store import RedisSessionStore
from tests.services.certificates import Authority
from tests.services.redis_servers import PrivateRedis
from tests.services.secured_redis import SecuredRedis, running_secured_redis
from tests.streams.looking_up import looked_up
from tests.streams.restricted_redis import PASSWORD, documented_rule, user_url
from tests.streams.worker_stage import DEADLINE_S, Stage

SESSIONS = [f"shopper-{number}" for number in range(10)]


@pytest.fixture(scope="module")
def secured_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    """A Redis that asks for TLS with a client's certificate."""
    with running_secured_redis(tmp_path_factory.mktemp("secured-redis")) as running:
        yield running


def assert_worker_and_lookup_serve(stage: Stage, **settings: str) -> None:
    """Events get their lists, the catalogue is written, the lookup finds what the worker saved."""
    stage.environment |= settings
    worker, traffic = stage.start_worker(), stage.traffic()
    traffic.clicks(SESSIONS, each=3)
    with closing(stage.lists()) as lists:
        lists.read_all(traffic.answers().keys())
        assert lists.wrong(traffic.answers()) == {}
    lookup = stage.start_lookup()
    last = {str(session): str(one) for session, one in traffic.last_ids().items()}
    worker.wait_for(lambda: {one: looked_up(lookup, one) for one in last} == last, "done with saving")
    assert worker.troubles() == {}


def test_worker_and_lookup_reach_redis_by_tls(
    stage_on: Callable[..., Stage], secured_redis: SecuredRedis
) -> None:
    assert_worker_and_lookup_serve(stage_on(secured_redis.url), **secured_redis.settings)
    with Redis.from_url(secured_redis.plain_url) as client:
        assert client.exists("millrace:buckets")


async def test_certificate_of_another_authority_is_told(secured_redis: SecuredRedis, tmp_path: Path) -> None:
    stranger = str(Authority(tmp_path, "stranger").certificate)
    client = open_redis(SharedSettings(redis_url=secured_redis.url, redis_ssl_cafile=stranger))
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await available(client.get("key"))
    await client.aclose()


def test_documented_user_may_do_all_that_worker_and_lookup_need(
    stage_on: Callable[..., Stage], private_redis: PrivateRedis
) -> None:
    stage = stage_on(private_redis.url)
    url = user_url(private_redis, *documented_rule())
    assert_worker_and_lookup_serve(stage, MILLRACE_REDIS_URL=url)
    (worker,) = stage.workers
    with Redis(port=private_redis.port) as anybody:
        worker.wait_for(lambda: anybody.hlen(WORKERS), "telling what it serves")
    assert "no heartbeat" not in worker.child.log_tail(200)


def test_worker_whose_user_lacks_a_command_ends_with_one_line(
    stage_on: Callable[..., Stage], private_redis: PrivateRedis
) -> None:
    stage = stage_on(private_redis.url)
    url = user_url(private_redis, *documented_rule(), "-evalsha")
    worker = stage.launch(MILLRACE_REDIS_URL=url)
    assert worker.child.wait(DEADLINE_S) == 2, worker.child.log_tail()
    (line,) = [line for line in worker.child.log_tail(200).splitlines() if line.startswith("millrace: ")]
    assert "evalsha" in line
    assert "ACL" in line
    assert PASSWORD not in worker.child.log_tail(200)


async def test_wrong_password_names_the_setting_and_not_the_password(private_redis: PrivateRedis) -> None:
    url = user_url(private_redis, *documented_rule()).replace(PASSWORD, "wrong-one")
    client = open_redis(SharedSettings(redis_url=url))
    with pytest.raises(UsageError, match="MILLRACE_REDIS_URL") as caught:
        await RedisSessionStore(client, 1, 60).check()
    assert "wrong-one" not in str(caught.value)
    await client.aclose()
