"""Logs of one partition that hypothesis draws, and what their messages must lead to.

The right answers are folded here from the session rule, without the worker's code. Every message has an item
of its own, so that a state tells which messages it holds. Caller: `test_pipelined_protocol`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from hypothesis import strategies as st

from schemas.ids import UserId
from streams.micro_batch import Record
from tests.streams.records import a_record, an_event
from tests.successor_release import successors

MOST = 12
ITEMS = [f"item-{offset}" for offset in range(MOST)]
SESSIONS = ("s", "t", "u")
"""Of three buckets each has one."""
USER = UserId("u-1")
"""Whose all sessions are."""
TRACE = "traceparent"
"""The header that goes from a message to what is emitted for it; it bears the offset."""


class Entry(NamedTuple):
    """One message of the log."""

    session: str
    kind: Literal["click", "private", "erase", "letter"]
    """A private click has no consent; a letter is no event."""
    event_id: str | None


class Answer(NamedTuple):
    """What must be emitted for a message."""

    kind: Literal["list", "tombstone", "letter"]
    items: list[str]
    repeat_of: str | None = None


LOGS = st.lists(
    st.builds(
        Entry,
        session=st.sampled_from(SESSIONS),
        kind=st.sampled_from(["click"] * 6 + ["erase"] * 2 + ["private", "letter"]),
        event_id=st.sampled_from([None, None, None, "x", "y"]),
    ),
    min_size=6,
    max_size=MOST,
)


class Folds:
    """The fold of a log.

    Attributes:
        answers: by offset.
    """

    def __init__(self, log: Sequence[Entry]) -> None:
        self.answers: list[Answer] = []
        self._before: list[dict[str, list[int]]] = [{session: [] for session in SESSIONS}]
        self._latest: list[dict[str, int | None]] = [dict.fromkeys(SESSIONS)]
        self._log = log
        for offset, entry in enumerate(log):
            held, latest = dict(self._before[-1]), dict(self._latest[-1])
            if entry.kind == "erase":
                held[entry.session], latest[entry.session] = [], None
            elif entry.kind == "click":
                held[entry.session] = self._after(offset, held[entry.session])
                latest[entry.session] = offset
            self.answers.append(self._answer(offset))
            self._before.append(held)
            self._latest.append(latest)

    def items(self, session: str, mark: int) -> list[str]:
        """What a session's state holds at a watermark."""
        return [ITEMS[offset] for offset in self._before[mark][session]]

    def latest(self, session: str, mark: int) -> int | None:
        """The offset of its latest list there."""
        return self._latest[mark][session]

    def _after(self, offset: int, held: list[int]) -> list[int]:
        return held if self._repeat_of(offset, held) else [*held, offset]

    def _repeat_of(self, offset: int, held: list[int]) -> str | None:
        event_id = self._log[offset].event_id
        return event_id if event_id in {self._log[one].event_id for one in held} else None

    def _answer(self, offset: int) -> Answer:
        entry = self._log[offset]
        if entry.kind == "letter":
            return Answer("letter", [])
        if entry.kind == "erase":
            return Answer("tombstone", [])
        held = self._before[offset][entry.session] if entry.kind == "click" else []
        items = [ITEMS[one] for one in self._after(offset, held)]
        return Answer("list", successors(ITEMS, items, MOST), self._repeat_of(offset, held))


def records_of(log: Sequence[Entry]) -> list[Record]:
    """The messages as the consumer hands them out."""
    return [_record(entry, offset) for offset, entry in enumerate(log)]


def _record(entry: Entry, offset: int) -> Record:
    trace = ((TRACE, str(offset).encode()),)
    if entry.kind == "letter":
        return a_record(b"{", offset, key=entry.session.encode(), headers=trace)
    fields: dict[str, object] = {"user_id": USER, "consent": entry.kind != "private"}
    if entry.kind == "erase":
        fields |= {"event_type": "erase"}
    if entry.event_id is not None:
        fields |= {"event_id": entry.event_id}
    value = an_event(entry.session, ITEMS[offset], **fields)
    return a_record(value, offset, key=entry.session.encode(), headers=trace)
