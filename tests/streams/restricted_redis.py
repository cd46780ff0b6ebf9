"""A Redis user with a password who may do no more than Millrace needs."""

import re
from pathlib import Path

from redis import Redis

from tests.services.redis_servers import PrivateRedis

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
USER, PASSWORD = "millrace", "hunter2"


def documented_rule() -> list[str]:
    """The ACL that docs/operations.md tells people to give the user."""
    found = re.search(r"ACL SETUSER millrace (.*)", OPERATIONS.read_text())
    assert found is not None
    return found[1].replace(">PASSWORD", f">{PASSWORD}").split()


def user_url(redis: PrivateRedis, *rule: str) -> str:
    """Make the user with a rule; the URL of a Redis that it may use so."""
    with Redis(port=redis.port) as client:
        client.execute_command("ACL", "SETUSER", USER, "reset", *rule)
    return redis.url.replace("redis://", f"redis://{USER}:{PASSWORD}@")
