"""What an event goes through in a worker: event source -> batch channel -> agent `recommend` -> processor.

Owns how these parts hang together; each is a module of its own, and clients are made by the caller:
`streams.worker`.
"""

from typing import NamedTuple

import faust
from aiokafka import AIOKafkaConsumer

from streams.batch_channel import BatchChannel
from streams.batch_computation import BatchComputation
from streams.batch_counts import BatchCounts
from streams.batch_messages import BatchMessages
from streams.batch_processor import BatchProcessor
from streams.current_recommender import CurrentRecommender
from streams.emitter import Emitter
from streams.event_decoding import EventDecoder
from streams.event_source import EventSource
from streams.group_member import GroupMember
from streams.health import Health
from streams.message_polling import MessagePolling
from streams.metrics import WorkerMetrics
from streams.offset_commits import OffsetCommits
from streams.online_counts import OnlineCounter
from streams.recommend_agent import add_recommend_agent
from streams.session_store import SessionStore
from streams.settings import WorkerSettings
from streams.taking_over import TakeOver
from streams.topic_watch import TopicWatch


class Surroundings(NamedTuple):
    """What every part of a worker may read, and tell."""

    settings: WorkerSettings
    current: CurrentRecommender
    health: Health
    metrics: WorkerMetrics
    online: OnlineCounter


class EventPath(NamedTuple):
    """What is started and stopped of it."""

    source: EventSource
    member: GroupMember
    commits: OffsetCommits


def event_path(
    app: faust.App,
    consumer: AIOKafkaConsumer,
    store: SessionStore,
    topics: TopicWatch,
    emitter: Emitter,
    around: Surroundings,
) -> EventPath:
    """Make the parts, and register the agent with the app; nothing is started.

    Args:
        app: of the worker.
        consumer: of the event topics.
        store: of the sessions.
        topics: tells which topics the watermarks count in.
        emitter: of the lists.
        around: of the worker.
    """
    settings = around.settings
    channel = BatchChannel(app)
    add_recommend_agent(app, channel, _processor(store, emitter, around))
    member = GroupMember(consumer, settings.event_topics)
    commits = OffsetCommits(member, around.metrics)
    source = EventSource(
        member,
        MessagePolling(consumer, settings.max_batch_events),
        channel.hand_over,
        TakeOver(consumer, store, topics, around.current.session_gap_s, around.metrics, settings.start_at),
        around.health,
        commits,
        patience_s=settings.rebalance_timeout_s / 2,
    )
    return EventPath(source, member, commits)


def _processor(store: SessionStore, emitter: Emitter, around: Surroundings) -> BatchProcessor:
    settings, counts = around.settings, BatchCounts(around.metrics, around.online)
    messages = BatchMessages(settings.recommendations_topic, settings.dead_letter_topic)
    return BatchProcessor(
        EventDecoder(
            settings.event_type_map, settings.require_key, settings.max_clock_skew_s, around.metrics
        ),
        store,
        BatchComputation(around.current, messages, counts, settings.attribution_window_s),
        emitter,
        messages,
        around.health,
        counts,
    )
