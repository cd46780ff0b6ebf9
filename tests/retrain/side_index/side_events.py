"""Builders of events as a builder of side indexes reads them."""

from models.recommender import SessionEvent
from schemas.ids import EventId, ItemId, SessionId
from schemas.item_event import EraseSession, ItemEvent


def click(
    session_id: str, item_id: str, at_ms: int, event_id: str | None = None, consent: bool = True
) -> SessionEvent:
    """A view."""
    event = ItemEvent(
        session_id=SessionId(session_id),
        item_id=ItemId(item_id),
        event_type="view",
        occurred_at_ms=at_ms,
        event_id=None if event_id is None else EventId(event_id),
        consent=consent,
    )
    return SessionEvent(event, 0)


def erased(session_id: str, at_ms: int) -> SessionEvent:
    """The erasure of a session."""
    return SessionEvent(EraseSession(session_id=SessionId(session_id), occurred_at_ms=at_ms), 0)
