"""The channel between the event source and the agent.

Faust's own channel queue is suspended and cleared at every rebalance of Faust's group, which loses batches
that wait in
it (FlowControlQueue with clear_on_resume). This one keeps what is in it. Callers: `streams.worker`.
"""

from faust.app.base import App
from faust.channels import Channel
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streams.micro_batch import MicroBatch


def batch_channel(app: App) -> Channel[MicroBatch]:
    """A channel of micro-batches whose queue no rebalance touches."""
    flow = FlowControlEvent(initially_suspended=False)
    return Channel(app, queue=ThrowableQueue(maxsize=8, flow_control=flow))
