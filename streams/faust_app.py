"""The Faust app: configured as a part of our process, not as its owner. Caller: `streams.worker`."""

from pathlib import Path

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT, SASLMechanism
from faust.types.transports import TransportT

from schemas.connections import kafka_ssl_context
from streams.catalogue_consumer import CatalogueTransport
from streams.settings import WorkerSettings

_PLAINTEXT = "PLAINTEXT"


class _App(faust.App):
    def _new_transport(self) -> TransportT:
        return CatalogueTransport(self.conf.broker_consumer, self)


def build_app(settings: WorkerSettings, data_folder: Path) -> faust.App:
    """A Faust app without web server, tables, leader and topics of its own.

    Its consumer group, `<group>-catalogue`, is that of the low-rate topics; the events have a consumer of
    their own.

    Args:
        settings: the worker's.
        data_folder: where Faust makes the folders that its tables would need.
    """
    brokers = [f"kafka://{address.strip()}" for address in settings.kafka_bootstrap_servers.split(",")]
    return _App(
        catalogue_group(settings),
        broker=brokers,
        broker_credentials=_credentials(settings),
        store="memory://",
        datadir=data_folder,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        autodiscover=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        stream_wait_empty=False,
    )


def catalogue_group(settings: WorkerSettings) -> str:
    """The consumer group of the low-rate topics."""
    return f"{settings.consumer_group}-catalogue"


def _credentials(settings: WorkerSettings) -> CredentialsT | None:
    if settings.kafka_security_protocol == _PLAINTEXT:
        return None
    ssl_context = kafka_ssl_context(settings) if settings.kafka_security_protocol.endswith("SSL") else None
    if not settings.kafka_security_protocol.startswith("SASL"):
        return SSLCredentials(ssl_context)
    return SASLCredentials(
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        mechanism=SASLMechanism(settings.kafka_sasl_mechanism),
        ssl_context=ssl_context,
    )
