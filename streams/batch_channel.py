"""The channel between the event source and the agent: a Faust channel whose queue no rebalance touches.

Faust loses what is in a channel in three ways, none of which may happen to a batch:
* its channel queue is suspended and cleared at every rebalance of Faust's group (a FlowControlQueue with
  `clear_on_resume`): the queue here is another;
* a stream skips every Faust event that was sent under another generation of that group, or during one of its
  rebalances: batches are put as they are, not as Faust events;
* a channel drops what it is given before an agent listens: a batch waits for that here.

Caller: `streams.event_path`.
"""

import asyncio
from typing import Any

import faust
from faust.channels import Channel
from faust.types import ChannelT
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streams.micro_batch import MicroBatch


class BatchChannel(Channel[MicroBatch]):
    """A channel of micro-batches for one agent."""

    def __init__(self, app: faust.App, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.listened = asyncio.Event()

    @property
    def queue(self) -> ThrowableQueue[MicroBatch]:
        """The queue, never suspended, never cleared."""
        if self._queue is None:
            self._queue = ThrowableQueue(
                maxsize=self.maxsize or 0, flow_control=FlowControlEvent(initially_suspended=False)
            )
        return self._queue

    def clone(self, *, is_iterator: bool | None = None, **kwargs: Any) -> ChannelT[MicroBatch]:
        """Faust's way to subscribe."""
        subscriber = super().clone(is_iterator=is_iterator, **kwargs)
        root = self if self._root is None else self._root
        if is_iterator and isinstance(root, BatchChannel):
            root.listened.set()
        return subscriber

    async def hand_over(self, batch: MicroBatch) -> None:
        """Give a batch to the agent, as soon as it listens."""
        await self.listened.wait()
        await self.put(batch)  # type: ignore[arg-type]  # not a Faust event, on purpose
