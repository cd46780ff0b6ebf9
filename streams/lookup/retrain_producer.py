"""Requests for a retrain cycle to their topic, acknowledged before anybody is told so.

Writer: of the topic `retrain-requests`. Reader: `retrain.schedule.request_topic`. Caller:
`streams.lookup.admin_routes`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from schemas.retrain_request import RetrainRequest, encode_retrain_request
from schemas.settings import SharedSettings
from streams.lookup.on_demand_producer import TIMEOUT_S, OnDemandProducer


class RetrainProducer:
    """Produces requests; connects when the first is to be sent."""

    def __init__(
        self, settings: SharedSettings, clock: Callable[[], float], timeout_s: float = TIMEOUT_S
    ) -> None:
        """Connect to nothing yet.

        Args:
            settings: where Kafka is, and what the topic is called.
            clock: the time, epoch seconds.
            timeout_s: see `OnDemandProducer`.
        """
        self._topic = settings.retrain_requests_topic
        self._clock = clock
        self._kafka = OnDemandProducer(settings, timeout_s)

    async def request(self, reason: str | None, *, from_scratch: bool) -> str:
        """Ask for a cycle; all in-sync replicas have the request when this returns.

        Returns:
            The request's id.

        Raises:
            Unavailable: Kafka does not take it; it may have been written.
        """
        request = RetrainRequest(
            request_id=uuid4().hex,
            requested_at=datetime.fromtimestamp(self._clock(), UTC),
            reason=reason,
            from_scratch=from_scratch,
        )

        async def send(producer: AIOKafkaProducer) -> None:
            await producer.send_and_wait(
                self._topic, encode_retrain_request(request), request.request_id.encode()
            )

        await self._kafka.deliver("the request", send)
        return request.request_id

    async def stop(self) -> None:
        """Disconnect."""
        await self._kafka.stop()
