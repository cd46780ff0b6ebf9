"""What MILLRACE_REDIS_URL may say."""

import re

import pytest

from schemas.redis_address import ALLOWED, RedisAddress, parse_redis_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", RedisAddress("single", False, (("h", 6379),))),
        ("redis://h:6380/3", RedisAddress("single", False, (("h", 6380),), db=3)),
        ("rediss://:pw@h/0", RedisAddress("single", True, (("h", 6379),), password="pw")),
        ("redis://[::1]:1", RedisAddress("single", False, (("::1", 1),))),
        (
            "redis://shop:a%40b%2F@h",
            RedisAddress("single", False, (("h", 6379),), username="shop", password="a@b/"),
        ),
        ("unix:///run/redis.sock", RedisAddress("single", False, (), path="/run/redis.sock")),
        (
            "unix://shop:pw@/run/redis.sock",
            RedisAddress("single", False, (), path="/run/redis.sock", username="shop", password="pw"),
        ),
        ("redis+cluster://a,b:7001", RedisAddress("cluster", False, (("a", 6379), ("b", 7001)))),
        ("redis+cluster://a/0", RedisAddress("cluster", False, (("a", 6379),))),
        (
            "rediss+cluster://shop:pw@a:1,b:2",
            RedisAddress("cluster", True, (("a", 1), ("b", 2)), username="shop", password="pw"),
        ),
        (
            "redis+sentinel://a,b:1/main",
            RedisAddress("sentinel", False, (("a", 26379), ("b", 1)), service="main"),
        ),
        (
            "rediss+sentinel://shop:pw@a/main/2",
            RedisAddress(
                "sentinel", True, (("a", 26379),), username="shop", password="pw", db=2, service="main"
            ),
        ),
    ],
)
def test_address_has_the_parts_of_its_url(url: str, address: RedisAddress) -> None:
    assert parse_redis_address(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h", ALLOWED),
        ("redis://", ALLOWED),
        ("redis://h:port", ALLOWED),
        ("redis://h:0", ALLOWED),
        ("redis://h:65536", ALLOWED),
        ("redis://h/one", ALLOWED),
        ("redis://h/1/2", ALLOWED),
        ("unix://", ALLOWED),
        ("unix://host/path", ALLOWED),
        ("redis+cluster://a,", ALLOWED),
        ("redis+ring://a", ALLOWED),
        ("redis://a,b", "several hosts need redis+cluster:// or redis+sentinel://"),
        ("redis+cluster://a/1", "a Redis Cluster has no databases: leave /… out"),
        ("redis+sentinel://a", "name the SERVICE, as in redis+sentinel://h1:26379,h2:26379/SERVICE[/0]"),
        (
            "rediss://h?ssl_ca_certs=ca.pem",
            "it takes no ?parameters; certificates are given by MILLRACE_REDIS_SSL_…",
        ),
    ],
)
def test_other_forms_are_refused_with_the_allowed_ones(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        parse_redis_address(url)
