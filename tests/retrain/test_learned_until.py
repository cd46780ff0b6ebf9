"""What a release has learned ends with its last event, or with its making where a clock was ahead."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from retrain.learned_until import learned_until
from schemas.timestamps import to_epoch_ms
from tests.schemas.golden_values import RELEASE_MANIFEST_V1

MADE = datetime(2026, 5, 4, 12, tzinfo=UTC)
BEFORE = datetime(2026, 5, 4, 11, 59, tzinfo=UTC)
SKEWED = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("last", "expected"), [(BEFORE, BEFORE), (SKEWED, MADE), (MADE, MADE)])
def test_it_ends_with_the_last_event_or_the_making(last: datetime, expected: datetime) -> None:
    data = replace(RELEASE_MANIFEST_V1.data, last_event_at=last)
    manifest = replace(RELEASE_MANIFEST_V1, created_at=MADE, data=data)
    assert learned_until(manifest) == to_epoch_ms(expected)


def test_release_of_a_log_without_times_has_no_end() -> None:
    data = replace(RELEASE_MANIFEST_V1.data, last_event_at=None)
    assert learned_until(replace(RELEASE_MANIFEST_V1, data=data)) is None
