"""What a process says of its troubles."""

import pytest
from prometheus_client import CollectorRegistry, Gauge

from streams.health import Health


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def health(registry: CollectorRegistry) -> Health:
    return Health(Gauge("ready", "", registry=registry))


def test_process_is_ready_until_a_part_fails_and_when_all_have_recovered(
    health: Health, registry: CollectorRegistry
) -> None:
    assert (health.is_ready, registry.get_sample_value("ready")) == (True, 1)
    health.fail("redis", "away")
    health.fail("kafka", "away")
    health.recover("redis")
    assert (health.is_ready, registry.get_sample_value("ready")) == (False, 0)
    assert health.troubles == {"kafka": "away"}
    health.recover("kafka")
    assert (health.is_ready, registry.get_sample_value("ready")) == (True, 1)


def test_trouble_that_the_process_works_on_with_is_named_and_leaves_it_ready(
    health: Health, registry: CollectorRegistry
) -> None:
    health.warn("release store", "no room")
    assert (health.is_ready, registry.get_sample_value("ready")) == (True, 1)
    assert health.troubles == {"release store": "no room"}
    health.fail("release store", "away")
    assert (health.is_ready, registry.get_sample_value("ready")) == (False, 0)
    health.warn("release store", "no room")
    assert (health.is_ready, registry.get_sample_value("ready")) == (True, 1)
