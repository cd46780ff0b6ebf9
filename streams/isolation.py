"""Isolation: a bug that one event triggers costs that event only.

The batch is halved until the event stands alone. What is no event's fault becomes no dead letter: memory or
disk that are wanting, and a recommender that fails for a made-up event too. Caller:
`streams.batch_processor`, in a thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.recommender import Recommendation, Recommender
from schemas.errors import Unavailable
from schemas.ids import SessionId, UserId
from schemas.item_event import EraseSession, ItemEvent
from schemas.session_state import SessionState
from streams.current_recommender import probe
from streams.dead_letters import DeadLetter, dead_letter
from streams.event_decoding import DecodedEvent


@dataclass(eq=False)
class Isolated:
    """The outcome of a batch.

    The events that were served, their lists beside them, and those that cannot be.
    """

    events: list[DecodedEvent] = field(default_factory=list)
    recommendations: list[Recommendation | None] = field(default_factory=list)
    states: dict[SessionId, SessionState | None] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    pauses_ms: list[int] = field(default_factory=list)
    """See `models.recommender.Recommended`."""

    @property
    def owned(self) -> dict[tuple[UserId, SessionId], bool]:
        """Whose the sessions are, as far as their events say so; False for one that was erased."""
        return {
            (event.user_id, event.session_id): isinstance(event, ItemEvent)
            for event in (one.event for one in self.events)
            if event.user_id is not None and (isinstance(event, EraseSession) or event.consent)
        }


def recommend_isolating(
    recommender: Recommender, states: Mapping[SessionId, SessionState | None], events: Sequence[DecodedEvent]
) -> Isolated:
    """`Recommender.recommend`, with every event that makes it fail turned into a dead letter.

    Args:
        recommender: serves the batch.
        states: what is stored of its sessions.
        events: in log order.

    Raises:
        Unavailable: the recommender cannot serve any event now, or lacks memory or a file.
    """
    isolated = Isolated()
    _recommend(recommender, dict(states), events, isolated)
    if isolated.letters:
        _see_that_it_works(recommender)
    return isolated


def _see_that_it_works(recommender: Recommender) -> None:
    try:
        probe(recommender)
    except Exception as error:  # whatever it is, it is none of the events'
        raise Unavailable(f"the recommender fails for every event: {error!r}") from error


def _recommend(
    recommender: Recommender,
    states: dict[SessionId, SessionState | None],
    events: Sequence[DecodedEvent],
    isolated: Isolated,
) -> None:
    if not events:
        return
    try:
        outcome = recommender.recommend(states, [event.session_event for event in events])
    except Exception as error:  # whatever it is, its event must not take the neighbours along
        if len(events) == 1:
            if isinstance(error, (MemoryError, OSError)):
                raise Unavailable(f"the recommender lacks memory or a file: {error!r}") from error
            isolated.letters.append(dead_letter(events[0].record, "recommend", error))
            return
        middle = len(events) // 2
        _recommend(recommender, states, events[:middle], isolated)
        _recommend(recommender, states, events[middle:], isolated)
        return
    isolated.events.extend(events)
    isolated.recommendations.extend(outcome.recommendations)
    isolated.pauses_ms.extend(outcome.pauses_ms)
    isolated.states.update(outcome.states)
    states.update(outcome.states)
