"""Who may ask: API keys, the admin keys of DELETE and of `/admin/…`, and how often each may.

Owns the rules; a refusal is a problem. Callers: `request_scope` for every request, `fast_lane` for its own.
"""

import hmac
import ipaddress
import math
from collections.abc import Callable, Iterable
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Literal

from streams.lookup.problems import ProblemError
from streams.lookup.rate_limit import TokenBuckets
from streams.settings import LookupSettings

REFUSAL = "millrace.refusal"
"""In the state of a scope that was judged already: its refusal, or None. To judge twice would count twice."""
OPEN_PATHS = frozenset({b"/healthz", b"/readyz", b"/metrics"})
"""What a process manager and Prometheus ask without a key, as often as they like."""
_ADMIN_PATHS = b"/admin/"
_BEARER = b"bearer "
_NETWORK_GROUPS = 4
"""Of an IPv6 address: whoever has one has all of its /64 network."""
Rank = Literal["admin", "reader", "nobody"]


class Admission:
    """Judges requests by their headers, method and sender."""

    def __init__(self, settings: LookupSettings, clock: Callable[[], float]) -> None:
        """Know the keys by their digests.

        Args:
            settings: the keys and the rate.
            clock: seconds, monotonic.
        """
        self._readers = _digests(settings.lookup_api_keys)
        self._admins = _digests(settings.lookup_admin_keys)
        rate = settings.lookup_rate_limit
        self._rate = rate
        self._of_keys = TokenBuckets(rate, clock) if rate else None
        # Apart from those of keys: there is no end of senders, whose buckets push each other out.
        self._of_senders = TokenBuckets(rate, clock) if rate else None

    def refusal(self, scope: Any) -> ProblemError | None:
        """Why the request is refused; None where it is not, and it has then taken its place in the rate.

        Args:
            scope: the ASGI scope, with `raw_path` as it was sent.
        """
        if scope["raw_path"] in OPEN_PATHS:
            return None
        digest = _presented(scope["headers"]) if self._readers or self._admins else b""
        rank = self._rank(digest)
        if wait_s := self._wait_s(scope, digest, rank):
            return _too_many(self._rate, wait_s)
        if scope["method"] == "DELETE" or scope["raw_path"].startswith(_ADMIN_PATHS):
            return self._refusal_of_non_admin(rank, scope["method"])
        return _unknown_key() if self._readers and rank == "nobody" else None

    def _wait_s(self, scope: Any, digest: bytes, rank: Rank) -> float:
        """In how many seconds the request may come again; 0 where its rate allows it now."""
        if self._of_keys is None or self._of_senders is None:
            return 0.0
        return self._of_senders.take(_sender(scope)) if rank == "nobody" else self._of_keys.take(digest)

    def _rank(self, digest: bytes) -> Rank:
        """Whose key it is. Digests are compared in constant time, every one of them."""
        if not digest:
            return "nobody"
        is_admin = sum([hmac.compare_digest(digest, one) for one in self._admins])
        is_reader = sum([hmac.compare_digest(digest, one) for one in self._readers])
        if is_admin:
            return "admin"
        return "reader" if is_reader else "nobody"

    def _refusal_of_non_admin(self, rank: Rank, method: str) -> ProblemError | None:
        if not self._admins:
            return _forbidden("no admin key is configured; set MILLRACE_LOOKUP_ADMIN_KEYS")
        if rank == "nobody":
            return _unknown_key()
        return None if rank == "admin" else _forbidden(f"{method} needs an admin key, this is an API key")


def listens_openly(settings: LookupSettings) -> bool:
    """Whether other machines may ask, without a key."""
    host = settings.lookup_host
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return not loopback and not settings.lookup_api_keys


def _digests(keys: Iterable[str]) -> list[bytes]:
    return [sha256(key.encode()).digest() for key in keys]


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The digest of a request's key, of `Authorization: Bearer` before `X-API-Key`; b"" for none."""
    key = b""
    for name, value in headers:
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            return sha256(value[len(_BEARER) :].strip()).digest()
        if name == b"x-api-key":
            key = value
    return sha256(key).digest() if key else b""


def _sender(scope: Any) -> str:
    """The client's address; of IPv6 its network."""
    address: str = scope["client"][0] if scope.get("client") else ""
    if ":" not in address:
        return address
    host, _, zone = address.partition("%")
    groups = ipaddress.IPv6Address(host).exploded.split(":")
    return ":".join([*groups[:_NETWORK_GROUPS], zone])


def _unknown_key() -> ProblemError:
    return ProblemError(
        "unauthorized",
        HTTPStatus.UNAUTHORIZED,
        "Unauthorized",
        "the request bears no key that is known here; send Authorization: Bearer KEY or X-API-Key: KEY",
        {"www-authenticate": "Bearer"},
    )


def _forbidden(why: str) -> ProblemError:
    return ProblemError("forbidden", HTTPStatus.FORBIDDEN, "Forbidden", why)


def _too_many(rate: float, wait_s: float) -> ProblemError:
    wait = math.ceil(wait_s)
    return ProblemError(
        "too-many-requests",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests",
        f"more than {rate:g} requests a second; try again in {wait} s",
        {"retry-after": str(wait)},
    )
