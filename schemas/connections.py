"""Settings -> the keyword arguments of the clients (TLS, SASL, addresses). Imports no client.

Callers: the composition roots in `streams` and `retrain`.
"""

import ssl
from typing import Any

from schemas.errors import UsageError
from schemas.settings import SharedSettings


def kafka_arguments(settings: SharedSettings) -> dict[str, Any]:
    """What AIOKafkaConsumer, AIOKafkaProducer and AIOKafkaAdminClient need to reach the brokers.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = kafka_ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    return arguments


def kafka_unreachable(bootstrap_servers: str) -> str:
    """What a command says where no broker answers: the address and the remedy, in one line."""
    return (
        f"Kafka at {bootstrap_servers} cannot be reached; start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS"
    )


def kafka_ssl_context(settings: SharedSettings) -> ssl.SSLContext:
    """The TLS context of the Kafka connections.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
        if settings.kafka_ssl_certfile:
            context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    except OSError as error:
        raise UsageError(
            f"MILLRACE_KAFKA_SSL_CAFILE, _CERTFILE or _KEYFILE cannot be used: {error}; "
            "give readable PEM files"
        ) from error
    return context


def redis_arguments(settings: SharedSettings) -> dict[str, Any]:
    """What `redis.asyncio.from_url` needs beside the URL."""
    return {
        "url": settings.redis_url,
        "socket_connect_timeout": 5.0,
        "socket_timeout": 10.0,
        "health_check_interval": 30,
        "client_name": "millrace",
    }
