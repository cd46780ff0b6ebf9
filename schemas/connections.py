"""Settings -> the keyword arguments of the clients (TLS, SASL, addresses). Imports no client.

Callers: the composition roots in `streams` and `retrain`.
"""

import ssl
from typing import Any

from schemas.errors import UsageError
from schemas.kafka_refusals import listen_to_kafka_client
from schemas.redis_address import RedisAddress, parse_redis_address
from schemas.settings import SharedSettings


def kafka_arguments(settings: SharedSettings) -> dict[str, Any]:
    """What AIOKafkaConsumer, AIOKafkaProducer and AIOKafkaAdminClient need to reach the brokers.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    listen_to_kafka_client(settings.kafka_security_protocol)
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


def kafka_ssl_context(settings: SharedSettings) -> ssl.SSLContext:
    """The TLS context of the Kafka connections.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    return _context(
        "KAFKA", settings.kafka_ssl_cafile, settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile
    )


def redis_arguments(settings: SharedSettings) -> dict[str, Any]:
    """What a connection to any Redis of these settings needs, beside its host and port.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    address = parse_redis_address(settings.redis_url)
    given = {"username": address.username, "password": address.password, "db": address.db}
    return _redis_client_arguments(settings, address) | {
        name: value for name, value in given.items() if value
    }


def sentinel_arguments(settings: SharedSettings) -> dict[str, Any]:
    """What a connection to a Sentinel needs; user and password are its own.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    given = {"username": settings.redis_sentinel_username, "password": settings.redis_sentinel_password}
    found = _redis_client_arguments(settings, parse_redis_address(settings.redis_url))
    return found | {name: value for name, value in given.items() if value}


def _redis_client_arguments(settings: SharedSettings, address: RedisAddress) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "socket_connect_timeout": 5.0,
        "socket_timeout": 10.0,
        "health_check_interval": 30,
        "client_name": "millrace",
    }
    if address.tls:
        arguments |= {
            "ssl": True,
            "ssl_ca_certs": settings.redis_ssl_cafile,
            "ssl_certfile": settings.redis_ssl_certfile,
            "ssl_keyfile": settings.redis_ssl_keyfile,
            "ssl_check_hostname": settings.redis_ssl_check_hostname,
        }
        _context(
            "REDIS", settings.redis_ssl_cafile, settings.redis_ssl_certfile, settings.redis_ssl_keyfile
        )  # the client says less of a file that it cannot use, and later
    return arguments


def _context(service: str, cafile: str | None, certfile: str | None, keyfile: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=cafile)
        if certfile:
            context.load_cert_chain(certfile, keyfile)
    except OSError as error:
        raise UsageError(
            f"MILLRACE_{service}_SSL_CAFILE, _CERTFILE or _KEYFILE cannot be used: {error}; "
            "give readable PEM files"
        ) from error
    return context
