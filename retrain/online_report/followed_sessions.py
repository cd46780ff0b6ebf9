"""The sessions of a log, each event compared with the list before it: the worker's fold over topics.

Owns how a record becomes an event of a session; the rule is `models.online_quality`, the session rule that
which serves. Caller: `retrain.online_report.online_reporting`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from models.online_quality import Compared, LoggedEvent, compare
from models.session_rule import APART, append_event, credible_time_ms, is_repeat, pause_ms
from retrain.log_reading import Record
from retrain.online_report.logged_lists import LoggedLists
from schemas.errors import InvalidEvent
from schemas.ids import ReleaseId, SessionId
from schemas.item_event import EraseSession, ItemEvent, decode_event
from schemas.last_list import LastList
from schemas.recommendation_list import Source
from schemas.session_state import SessionState
from schemas.topics import MAX_EVENT_BYTES


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the worker went by."""

    event_type_map: Mapping[str, str]
    max_clock_skew_s: float
    attribution_window_s: float
    gap_s: Callable[[ReleaseId | None], float]
    """The session gap of a release; of None where an event has no list."""
    latest_only: bool
    """Whether workers emit only the latest list of a batch: then an event without a list is no surprise."""
    since_ms: int
    """Events that Kafka took before are followed and not counted."""


@dataclass(frozen=True, eq=False)
class Followed:
    """The outcome."""

    compared: Compared
    """Its places count the valid events from 0, those before the range too."""
    in_range: frozenset[int]
    """The places that count."""
    events: dict[int, ItemEvent]
    """Of the places that name a list."""
    counts: Counter[str]
    """Of the range: `events`, `invalid`, `erasures`, `without_consent`, `repeats`, `without_list`."""


def follow(records: Iterable[Record], lists: LoggedLists, rules: Rules) -> Followed:
    """Compare every event of a log with the list before it in its session.

    Args:
        records: of the event topics, in log order.
        lists: those of the recommendations topic.
        rules: see `Rules`.
    """
    following = _Following(lists, rules)
    compared = compare(following.held, following.log(records), rules.attribution_window_s)
    return Followed(compared, frozenset(following.in_range), following.events, following.counts)


class _Following:
    """The sessions on their way through the log."""

    def __init__(self, lists: LoggedLists, rules: Rules) -> None:
        self.held: dict[SessionId, LastList | None] = {}
        self.in_range: set[int] = set()
        self.events: dict[int, ItemEvent] = {}
        self.counts: Counter[str] = Counter()
        self._lists = lists
        self._rules = rules
        self._states: dict[SessionId, SessionState] = {}

    def log(self, records: Iterable[Record]) -> Iterator[LoggedEvent]:
        """What `compare` takes, one event at a time, so that `held` can be seen to between two."""
        place = 0
        for record in records:
            counts = self.counts if record.timestamp >= self._rules.since_ms else Counter[str]()
            counts["events"] += 1
            event = self._decoded(record)
            if event is None:
                counts["invalid"] += 1
                continue
            if counts is self.counts:
                self.in_range.add(place)
            if isinstance(event, ItemEvent) and event.recommendation_id is not None:
                self.events[place] = event
            place += 1
            yield from self._followed(record, event, counts)

    def _followed(
        self, record: Record, event: ItemEvent | EraseSession, counts: Counter[str]
    ) -> Iterator[LoggedEvent]:
        session_id = event.session_id
        if isinstance(event, EraseSession):
            counts["erasures"] += 1
            self._states.pop(session_id, None)
            yield event, APART, None
            return
        before = self._states.get(session_id, SessionState())
        if not event.consent or is_repeat(before, event.event_id):
            counts["repeats" if event.consent else "without_consent"] += 1
            yield event, APART, None
            return
        source = Source(record.topic, record.partition, record.offset)
        found = self._lists.by_id.get(source.recommendation_id)
        made = None if found is None or found.is_repeat else found.last
        gap_s = self._rules.gap_s(None if found is None else found.last.release_id)
        after = self._states[session_id] = append_event(before, event, record.partition, gap_s)
        yield event, pause_ms(before, after, event), made
        if made is None and not self._rules.latest_only:
            counts["without_list"] += 1
            self.held[session_id] = None  # there was a list, which is not known: the one before it is not it

    def _decoded(self, record: Record) -> ItemEvent | EraseSession | None:
        if record.value is not None and len(record.value) > MAX_EVENT_BYTES:
            return None
        try:
            event = decode_event(record.value, record.headers, self._rules.event_type_map)
        except InvalidEvent:
            return None
        if isinstance(event, EraseSession):
            return event
        time_ms = credible_time_ms(event.occurred_at_ms, record.timestamp, self._rules.max_clock_skew_s)
        return replace(event, occurred_at_ms=time_ms) if time_ms != event.occurred_at_ms else event
