"""Client arguments from settings."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from schemas.connections import kafka_arguments, redis_arguments, sentinel_arguments
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
    found = redis_arguments(SharedSettings(redis_url="redis://h/1"))
    assert min(found["socket_connect_timeout"], found["socket_timeout"]) > 0
    assert "ssl" not in found


def test_redis_credentials_are_those_of_the_url() -> None:
    found = redis_arguments(SharedSettings(redis_url="redis://shop:a%40b@h/3"))
    assert (found["username"], found["password"], found["db"]) == ("shop", "a@b", 3)


def test_sentinels_have_credentials_of_their_own() -> None:
    settings = SharedSettings(
        redis_url="redis+sentinel://shop:pw@h/main/3",
        redis_sentinel_username="watcher",
        redis_sentinel_password="hunter2",
    )
    found = sentinel_arguments(settings)
    assert (found["username"], found["password"]) == ("watcher", "hunter2")
    assert "db" not in found
    assert redis_arguments(settings)["password"] == "pw"


def test_rediss_verifies_certificate_and_host() -> None:
    found = redis_arguments(SharedSettings(redis_url="rediss://h"))
    assert (found["ssl"], found["ssl_check_hostname"]) == (True, True)
    unchecked = redis_arguments(SharedSettings(redis_url="rediss://h", redis_ssl_check_hostname=False))
    assert not unchecked["ssl_check_hostname"]


def test_unusable_certificate_files_of_redis_are_a_usage_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(UsageError, match=r"MILLRACE_REDIS_SSL_CAFILE.*give readable PEM files"):
        redis_arguments(SharedSettings(redis_url="rediss://h", redis_ssl_cafile=missing))
