"""An emitter that keeps messages in a list, and may fail as a broker does."""

from collections.abc import Awaitable, Callable, Sequence

from schemas.recommendation_list import RecommendationList, decode_recommendation_list
from streams.emitter import OutgoingMessage


class MemoryEmitter:
    """Takes messages as `Emitter` does; `before` and `after` run around each emission and may raise."""

    def __init__(self) -> None:
        self.messages: list[OutgoingMessage] = []
        self.before: Callable[[], Awaitable[None]] | None = None
        self.after: Callable[[], Awaitable[None]] | None = None

    async def emit(self, messages: Sequence[OutgoingMessage]) -> None:
        """See `Emitter.emit`."""
        if self.before:
            await self.before()
        self.messages.extend(messages)
        if self.after:
            await self.after()

    def on(self, topic: str) -> list[OutgoingMessage]:
        """The messages to one topic, in order."""
        return [message for message in self.messages if message.topic == topic]

    def lists(self, topic: str = "recommendations") -> list[RecommendationList]:
        """The lists that were emitted, in order; tombstones left out."""
        return [decode_recommendation_list(one.value) for one in self.on(topic) if one.value is not None]
