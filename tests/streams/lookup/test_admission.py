"""Who may ask the lookup, and how often."""

from typing import Any

import pytest

from streams.lookup.admission import Admission, listens_openly
from streams.lookup.problems import ProblemError
from streams.lookup.rate_limit import MAX_CLIENTS, TokenBuckets
from streams.settings import LookupSettings

KEYS = {"lookup_api_keys": ["reader-1", "reader-2"], "lookup_admin_keys": ["admin-ä"]}


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def judged(
    admission: Admission,
    path: str = "/popular",
    method: str = "GET",
    address: str = "10.0.0.1",
    **headers: str,
) -> int:
    """The status of a refusal; 0 where there is none."""
    refusal = refused(admission, path, method, address, **headers)
    return 0 if refusal is None else int(refusal.status)


def refused(
    admission: Admission, path: str, method: str, address: str = "10.0.0.1", **headers: str
) -> ProblemError | None:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {
        "method": method,
        "raw_path": path.encode(),
        "headers": named,
        "client": (address, 5),
    }
    return admission.refusal(scope)


def an_admission(clock: Clock, **settings: Any) -> Admission:
    return Admission(LookupSettings(**settings), clock)


def test_without_keys_all_may_read_and_none_may_delete(clock: Clock) -> None:
    admission = an_admission(clock)
    assert judged(admission) == 0
    refusal = refused(admission, "/sessions/s", "DELETE")
    assert refusal is not None
    assert (refusal.status, "MILLRACE_LOOKUP_ADMIN_KEYS" in refusal.detail) == (403, True)


@pytest.mark.parametrize(
    ("headers", "reading", "deleting"),
    [
        ({}, 401, 401),
        ({"x_api_key": "reader-1"}, 0, 403),
        ({"authorization": "Bearer reader-2"}, 0, 403),
        ({"authorization": "bearer  reader-2 "}, 0, 403),
        ({"authorization": "Bearer reader-3"}, 401, 401),
        ({"authorization": "Bearer "}, 401, 401),
        ({"authorization": "Basic reader-1"}, 401, 401),
        ({"authorization": "Basic proxy", "x_api_key": "reader-1"}, 0, 403),
        ({"x_api_key": "READER-1"}, 401, 401),
        ({"x_api_key": "reader-1,reader-2"}, 401, 401),
        ({"x_api_key": ""}, 401, 401),
        ({"authorization": "Bearer admin-ä"}, 0, 0),
        ({"x_api_key": "admin-ä"}, 0, 0),
    ],
)
def test_keys_open_what_they_are_for(
    clock: Clock, headers: dict[str, str], reading: int, deleting: int
) -> None:
    admission = an_admission(clock, **KEYS)
    assert judged(admission, **headers) == reading
    assert judged(admission, "/sessions/s", "DELETE", **headers) == deleting


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_and_metrics_need_no_key_and_know_no_limit(clock: Clock, path: str) -> None:
    admission = an_admission(clock, lookup_rate_limit=1, **KEYS)
    assert [judged(admission, path) for _ in range(5)] == [0] * 5


def test_admin_keys_alone_leave_reading_open(clock: Clock) -> None:
    admission = an_admission(clock, lookup_admin_keys=["admin"])
    assert judged(admission) == 0
    assert judged(admission, "/users/u", "DELETE") == 401
    assert judged(admission, "/users/u", "DELETE", x_api_key="admin") == 0


def test_each_key_has_its_own_rate_wherever_it_comes_from(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=2, **KEYS)
    first = [judged(admission, address=f"10.0.0.{at}", x_api_key="reader-1") for at in range(3)]
    assert first == [0, 0, 429]
    assert judged(admission, x_api_key="reader-2") == 0
    clock.now_s += 0.5
    assert [judged(admission, x_api_key="reader-1") for _ in range(2)] == [0, 429]


def test_refusal_for_the_rate_says_when_to_come_again(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=0.25)
    assert judged(admission) == 0
    refusal = refused(admission, "/popular", "GET")
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (429, {"retry-after": "4"})


def test_addresses_have_rates_where_there_are_no_keys(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=1)
    assert [judged(admission, address=one) for one in ("a", "b", "a")] == [0, 0, 429]


def test_guessing_keys_is_limited_by_address(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=2, **KEYS)
    guesses = [judged(admission, x_api_key=f"guess-{at}") for at in range(4)]
    assert guesses == [401, 401, 429, 429]
    assert judged(admission, x_api_key="reader-1") == 0


def test_addresses_of_one_network_share_a_rate(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=1)
    addresses = ("2001:db8::1", "2001:db8:0:0:ffff::2", "2001:db8:0:1::1", "fe80::1%eth0", "fe80::2%eth0")
    assert [judged(admission, address=one) for one in addresses] == [0, 429, 0, 0, 429]


def test_many_addresses_do_not_renew_what_a_key_has_used(clock: Clock) -> None:
    admission = an_admission(clock, lookup_rate_limit=1, **KEYS)
    assert judged(admission, x_api_key="reader-1") == 0
    for number in range(MAX_CLIENTS):
        judged(admission, address=f"10.0.{number // 256}.{number % 256}")
    assert judged(admission, x_api_key="reader-1") == 429


def test_clients_that_are_remembered_are_bounded(clock: Clock) -> None:
    buckets = TokenBuckets(1, clock, max_clients=2)
    assert [buckets.take(client) for client in "abc"] == [0, 0, 0]
    assert len(buckets._buckets) == 2
    assert buckets.take("a") == 0
    assert buckets.take("c") == 1


def test_bucket_holds_no_more_than_a_second(clock: Clock) -> None:
    buckets = TokenBuckets(3, clock)
    clock.now_s += 1000
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("host", "keys", "openly"),
    [
        ("127.0.0.1", [], False),
        ("::1", [], False),
        ("localhost", [], False),
        ("0.0.0.0", [], True),
        ("0.0.0.0", ["k"], False),
        ("lookup.internal", [], True),
    ],
)
def test_open_to_other_machines(host: str, keys: list[str], openly: bool) -> None:
    assert listens_openly(LookupSettings(lookup_host=host, lookup_api_keys=keys)) is openly
