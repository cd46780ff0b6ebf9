"""What records of the topics mean to a builder: events to learn from, items described, the running release.

What is no event, item or announcement is passed over: the worker makes a dead letter of it.
Caller: `retrain.side_index.side_index_building`.
"""

from collections.abc import Iterable, Mapping

import msgspec

from models.recommender import SessionEvent
from models.session_rule import credible_time_ms
from retrain.log_reading import Record
from retrain.side_index.item_kinds import ItemKinds
from schemas.errors import InvalidEvent
from schemas.ids import ItemId
from schemas.item_event import ItemEvent, decode_event
from schemas.item_metadata import decode_item_metadata
from schemas.release_announcement import ReleaseAnnouncement, decode_release_announcement
from schemas.topics import MAX_EVENT_BYTES


def learnable_events(
    records: Iterable[Record], event_type_map: Mapping[str, str], max_clock_skew_s: float
) -> list[SessionEvent]:
    """The events of records, in their order.

    Args:
        records: of the event topics.
        event_type_map: other names of event types.
        max_clock_skew_s: see `models.session_rule.credible_time_ms`.
    """
    events = []
    for record in records:
        if record.value is not None and len(record.value) > MAX_EVENT_BYTES:
            continue
        try:
            event = decode_event(record.value, record.headers, event_type_map)
        except InvalidEvent:
            continue
        if isinstance(event, ItemEvent):
            time_ms = credible_time_ms(event.occurred_at_ms, record.timestamp, max_clock_skew_s)
            if time_ms != event.occurred_at_ms:
                event = msgspec.structs.replace(event, occurred_at_ms=time_ms)
        events.append(SessionEvent(event, record.partition))
    return events


def describe_items(kinds: ItemKinds, records: Iterable[Record]) -> bool:
    """Take records of the catalogue; whether any tells something new."""
    told = False
    for record in records:
        if not record.key:
            continue
        if not record.value:
            told |= kinds.remove(ItemId(record.key.decode(errors="replace")))
            continue
        try:
            item = decode_item_metadata(record.value)
        except InvalidEvent:
            continue
        told |= kinds.describe(item)
    return told


def running_release(
    before: ReleaseAnnouncement | None, records: Iterable[Record]
) -> ReleaseAnnouncement | None:
    """The announcement that workers follow: the greatest generation, the first of those that claim it."""
    running = before
    for record in records:
        try:
            one = decode_release_announcement(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if running is None or one.generation > running.generation:
            running = one
    return running
