"""Client arguments from settings."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from schemas.connections import kafka_arguments, redis_arguments
from schemas.errors import UsageError
from schemas.settings import SharedSettings


def arguments(**settings: Any) -> dict[str, Any]:
    return kafka_arguments(SharedSettings(**settings))


def test_plain_connection_needs_only_the_brokers() -> None:
    assert arguments(kafka_bootstrap_servers="k:1") == {
        "bootstrap_servers": "k:1",
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_brings_its_credentials() -> None:
    found = arguments(
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="shop",
        kafka_sasl_password="hunter2",
    )
    assert (found["sasl_mechanism"], found["sasl_plain_username"]) == ("SCRAM-SHA-512", "shop")
    assert found["sasl_plain_password"] == "hunter2"
    assert "ssl_context" not in found


def test_tls_verifies_the_brokers() -> None:
    found = arguments(
        kafka_security_protocol="SASL_SSL", kafka_sasl_username="shop", kafka_sasl_password="hunter2"
    )
    context = found["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("setting", ["kafka_ssl_cafile", "kafka_ssl_certfile"])
@pytest.mark.parametrize("content", [None, "no PEM"])
def test_unusable_certificate_files_are_a_usage_error(
    setting: str, content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"MILLRACE_KAFKA_SSL_CAFILE.*give readable PEM files"):
        arguments(kafka_security_protocol="SSL", **{setting: str(path)})


def test_redis_connection_has_timeouts() -> None:
    found = redis_arguments(SharedSettings(redis_url="rediss://h/1"))
    assert found["url"] == "rediss://h/1"
    assert min(found["socket_connect_timeout"], found["socket_timeout"]) > 0
