"""Events with something wrong, by number: the same seed and number give the same message again.

Owns what can be wrong with a message: fields left out, of other types, doubled, unknown, huge or nested;
numbers that JSON has not; bytes flipped, cut, doubled, in another encoding; CloudEvents in both modes;
headers. About a third is still valid. Callers: the fuzz tests of decoding and of a running worker.
"""

import base64
import json
from collections.abc import Callable
from random import Random
from typing import NamedTuple

Fields = list[tuple[str, str]]
"""Names and values of a JSON object as they are written: names may repeat, values may be no JSON."""


class Mutant(NamedTuple):
    """A message of the events topic."""

    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def mutant(seed: int, number: int) -> Mutant:
    """One message; half of them have been changed once, a quarter twice, and so on."""
    random = Random(seed * 1_000_003 + number)
    session = f"s{random.randrange(200)}"
    fields = _an_event(random, session)
    while random.random() < 0.5:
        random.choice(FIELD_CHANGES)(random, fields)
    value, headers = random.choice(ENVELOPES)(random, fields)
    while random.random() < 0.25:
        value = random.choice(BYTE_CHANGES)(random, value)
    while random.random() < 0.1:
        headers = (*headers, random.choice(HEADERS))
    empty = random.random() < 0.005
    return Mutant(None if empty else value, random.choice((session.encode(), b"", None)), headers)


def _an_event(random: Random, session: str) -> Fields:
    event_type = random.choice(("view", "cart", "purchase", "click", "erase", "wish"))
    time = random.choice(("1767312000000", '"2026-01-02T00:00:00Z"', '"2026-01-02T01:00:00.5+01:00"'))
    fields = {
        "session_id": json.dumps(session),
        "item_id": json.dumps(f"item-{random.randrange(20)}"),
        "event_type": json.dumps(event_type),
        "occurred_at": time,
        "event_id": str(random.randrange(1000)),
        "price": "9.5",
        "context": '{"device": "phone"}',
        "consent": random.choice(("true", "false")),
    }
    kept = list(fields.items())
    return kept[:4] + [field for field in kept[4:] if random.random() < 0.5]


VALUES = (
    "null", "true", "false", "0", "-1", "1", "1.5", "-0.0", "1e400", "-1e-400", "9" * 400, "1e19",
    "1" + "0" * 19, "NaN", "Infinity", "-Infinity", "nan", "01", "+1", ".5", "0x10", "''",
    '""', '"\\u0000"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\x"', '"\u2028\ufeff"', '"\N{PILE OF POO}"',
    '"' + "x" * 256 + '"', '"' + "x" * 257 + '"', '"' + "\u00e4" * 128 + '"', '"' + "\u00e4" * 129 + '"',
    "[]", "{}", "[[]]", '{"a": [1, {"b": null}]}', '"1969-12-31T23:59:59Z"', '"9999-12-31T23:59:59.999Z"',
    '"2026-02-30T00:00:00Z"', '"2026-01-02"', "253402300800000", '"view"', '"erase"', '"\\u0076iew"',
    "undefined", "",
)  # fmt: skip
NAMES = (
    "session_id", "item_id", "event_type", "occurred_at", "event_id", "user_id", "price", "quantity",
    "context", "consent", "recommendation_id", "position", "specversion", "id", "type", "source", "data",
    "unknown", "", "\\u0073ession_id", "SESSION_ID",
)  # fmt: skip


def _drop(random: Random, fields: Fields) -> None:
    if fields:
        fields.pop(random.randrange(len(fields)))


def _replace(random: Random, fields: Fields) -> None:
    if fields:
        at = random.randrange(len(fields))
        fields[at] = (fields[at][0], random.choice(VALUES))


def _add(random: Random, fields: Fields) -> None:
    fields.insert(random.randrange(len(fields) + 1), (random.choice(NAMES), random.choice(VALUES)))


def _nest(random: Random, fields: Fields) -> None:
    depth = random.choice((3, 100, 900, 1100, 20_000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    ended = random.choice((closing * depth, ""))
    fields.append((random.choice(("context", "unknown", "price")), opening * depth + "1" + ended))


def _shuffle(random: Random, fields: Fields) -> None:
    random.shuffle(fields)


FIELD_CHANGES: tuple[Callable[[Random, Fields], None], ...] = (
    _drop,
    _replace,
    _replace,
    _add,
    _add,
    _nest,
    _shuffle,
)


def _written(fields: Fields) -> bytes:
    inside = ", ".join(f'"{name}": {value}' for name, value in fields)
    return f"{{{inside}}}".encode()


Enveloped = tuple[bytes, tuple[tuple[str, bytes | None], ...]]


def _bare(_: Random, fields: Fields) -> Enveloped:
    return _written(fields), ()


def _structured(random: Random, fields: Fields) -> Enveloped:
    data = _written(fields)
    attributes = [
        ("specversion", random.choice(('"1.0"', '"1.0"', '"1.0"', '"0.3"', "1"))),
        ("id", '"e1"'),
        ("type", random.choice(('"shop.view"', '"com.shop.erase"', '"."', '"cart"'))),
        ("source", '"/shop"'),
        ("time", random.choice(('"2026-01-02T00:00:00Z"', '"yesterday"', "null"))),
        random.choice(
            (
                ("data", data.decode()),
                ("data_base64", json.dumps(base64.b64encode(data).decode())),
                ("data_base64", '"no base 64!"'),
            )
        ),
    ]
    if random.random() < 0.2:
        random.choice(FIELD_CHANGES)(random, attributes)
    return _written(attributes), (("content-type", b"application/cloudevents+json"),) * random.randrange(2)


def _binary(random: Random, fields: Fields) -> Enveloped:
    version = random.choice((b"1.0", b"1.0", b"1.0", b"2", b"\xff", None))
    event_type = random.choice((b"shop.view", b"", b"\xfe"))
    return _written(fields), (("ce_specversion", version), ("ce_id", b"e2"), ("ce_type", event_type))


ENVELOPES = (_bare, _bare, _bare, _structured, _binary)
HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("traceparent", None),
    ("content-type", b"application/cloudevents+json; charset=utf-8"),
    ("Content-Type", b"text/plain"),
    ("ce_time", b"2026-01-02T00:00:00Z"),
    ("ce_time", b"\xff\xfe"),
    ("ce_specversion", b"1.0"),
    ("__connect.errors.topic", b"mine"),
    ("__connect.errors.offset", b"-1"),
    ("millrace.dead-letter.hops", b"9" * 30),
    ("millrace.unreadable", b"said someone"),
    ("\N{PILE OF POO}" * 50, b"\x00"),
    ("", b"x" * 5000),
)


def _cut(random: Random, value: bytes) -> bytes:
    return value[: random.randrange(len(value) + 1)]


def _flip(random: Random, value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(random.randrange(1, 4)):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _insert(random: Random, value: bytes) -> bytes:
    at = random.randrange(len(value) + 1)
    return value[:at] + random.randbytes(random.randrange(1, 6)) + value[at:]


def _double(random: Random, value: bytes) -> bytes:
    start, end = sorted((random.randrange(len(value) + 1), random.randrange(len(value) + 1)))
    return value[:end] + value[start:]


def _other_encoding(random: Random, value: bytes) -> bytes:
    return value.decode(errors="replace").encode(random.choice(("utf-16", "utf-8-sig", "utf-32-le", "utf-7")))


def _padded(random: Random, value: bytes) -> bytes:
    return (
        random.choice((b" \n\t", b"\x00", b"\xef\xbb\xbf", b"[", b"\x1e"))
        + value
        + random.choice((b"", b"\n", b"]", b"{}"))
    )


BYTE_CHANGES = (_cut, _flip, _flip, _insert, _double, _other_encoding, _padded)
