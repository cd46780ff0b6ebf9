"""The headers that every answer bears, and the policy of the schema page.

Callers: `request_scope` (all answers of the framework), `fast_lane` and `http_protocol` (their own).
"""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"

_POLICY = b"content-security-policy"
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
"""What a browser may load for an answer that is no page."""
STANDING_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (_POLICY, _NOTHING),
    (b"referrer-policy", b"no-referrer"),
)
"""Lists belong to a session and change with every event; popular items must lose what is sold out at once."""


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as HTTP/1.1 writes them."""
    return b"".join([name + b": " + value + b"\r\n" for name, value in headers])


def page_headers(style: str) -> tuple[tuple[bytes, bytes], ...]:
    """The standing headers of a page that brings one style element, an empty icon and nothing else."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; frame-ancestors 'none'"
    return tuple((name, policy.encode() if name == _POLICY else value) for name, value in STANDING_HEADERS)
