"""TopicWatch: the event topics and the topic of the lists as they are now, and what is wrong with them.

Owns the live table of topic ids that the watermarks are read and written under, and the rules about which
topics must be there and with how many partitions. Made in `streams.worker`; readers: the session store,
`streams.taking_over`; `streams.topic_admin` asks the same rules at a worker's start.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiokafka import TopicPartition

from schemas.errors import Unavailable
from streams.health import Health
from streams.topic_metadata import TopicFacts

ASK_EVERY_S = 1.0
"""How soon a topic that was made anew is noticed while a worker runs."""
HEALTH_PART = "topics"


class TopicWatch:
    """What is known of the topics; `refresh` asks, `run` goes on asking."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[dict[str, TopicFacts]]],
        event_topics: Collection[str],
        recommendations: str,
        health: Health,
    ) -> None:
        """Know nothing yet.

        Args:
            ask: asks the broker for these topics; `Unavailable` where it does not answer.
            event_topics: where the events are.
            recommendations: where the lists go.
            health: shows what is wrong with the topics.
        """
        self._ask = ask
        self._event_topics = event_topics
        self._recommendations = recommendations
        self._health = health
        self._counts: dict[str, int] = {}
        self._first_counts: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        """By topic, the id that it has now; a topic that is gone keeps its last one."""

    async def refresh(self) -> None:
        """Ask the broker now.

        Raises:
            Unavailable: it does not answer.
        """
        facts = await self._ask()
        self._counts = {name: one.partitions for name, one in facts.items()}
        self._first_counts = {**self._counts, **self._first_counts}
        self.ids.update({name: one.topic_id for name, one in facts.items() if one.topic_id})
        if problem := topic_problem(self._counts, self._event_topics, self._recommendations):
            self._health.fail(HEALTH_PART, problem)
        else:
            self._health.recover(HEALTH_PART)

    async def run(self) -> None:
        """Ask every second until cancelled. That no broker answers is shown by those who need one."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await asyncio.sleep(ASK_EVERY_S)

    def was_added(self, partition: TopicPartition) -> bool:
        """Whether a partition came to its topic while this process knew the topic."""
        number: int = partition.partition
        return number >= self._first_counts.get(partition.topic, 0)

    def can_be_served(self, assigned: Collection[TopicPartition]) -> set[TopicPartition]:
        """Those of a worker's partitions whose events it may apply.

        Only numbers that it has of every event topic, since the sessions of one number share their states,
        and only those that the topic of the lists has too. The others wait for the next rebalance.
        """
        numbers = {
            number
            for number in {one.partition for one in assigned}
            if all(TopicPartition(topic, number) in assigned for topic in self._event_topics)
        }
        lists = self._counts.get(self._recommendations, 0)
        served = {one for one in assigned if one.partition in numbers and one.partition < lists}
        if waiting := sorted(f"{one.topic}[{one.partition}]" for one in assigned if one not in served):
            reason = "their topics have different partition counts, or had until a moment ago"
            self._health.fail("partitions", f"{', '.join(waiting)} wait: {reason}")
        else:
            self._health.recover("partitions")
        return served


def topic_problem(
    counts: Mapping[str, int], event_topics: Collection[str], recommendations: str
) -> str | None:
    """What of the topics keeps a worker from its work, in one line with the remedy; None where nothing does.

    Args:
        counts: partitions of the topics that exist.
        event_topics: where the events are.
        recommendations: where the lists go.
    """
    if missing := [name for name in (*event_topics, recommendations) if name not in counts]:
        return f"topic {', '.join(missing)} does not exist; run `millrace topics create`"
    events = {name: counts[name] for name in event_topics}
    if len(set(events.values())) > 1:
        return f"MILLRACE_EVENT_TOPICS: the topics need equal partition counts, they have {events}"
    wanted, found = max(events.values()), counts[recommendations]
    if found < wanted:
        return (
            f"topic {recommendations} has {found} partitions, the event topics have {wanted}; "
            f"a list goes to the partition number of its event: give it at least {wanted}"
        )
    return None
