"""The agent `recommend`: a Faust agent over micro-batches. Resolves the outcome of each, whatever happens.

Caller: `streams.event_path`.
"""

import asyncio

import faust
from faust.channels import Channel
from faust.types import AgentT, StreamT

from streams.batch_processor import BatchProcessor
from streams.micro_batch import Abandoned, MicroBatch


def add_recommend_agent(
    app: faust.App, channel: Channel[MicroBatch], processor: BatchProcessor
) -> AgentT[MicroBatch]:
    """Register the agent with the app."""

    @app.agent(channel, name="recommend")
    async def recommend(batches: StreamT[MicroBatch]) -> None:
        async with asyncio.TaskGroup() as running:
            async for batch in batches:  # as many as the event source lets fly at once
                running.create_task(resolve(batch, processor))

    return recommend


async def resolve(batch: MicroBatch, processor: BatchProcessor) -> None:
    """Process a batch and give its source the outcome, or the exception."""
    outcome = batch.outcome
    try:
        result = await processor.process(batch)
    except Exception as error:  # noqa: BLE001  # the agent's boundary: the source decides, the agent goes on
        if not outcome.done():
            outcome.set_exception(error)
    except BaseException:  # cancelled: the source must not wait for ever
        if not outcome.done():
            outcome.set_exception(Abandoned())
        raise
    else:
        if not outcome.done():
            outcome.set_result(result)
