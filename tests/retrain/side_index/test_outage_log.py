"""An outage is logged once, and its end."""

from structlog.testing import capture_logs

from retrain.side_index.outage_log import OutageLog
from schemas.errors import Unavailable


def test_outage_is_logged_once_for_each_reason_and_when_it_is_over() -> None:
    outages = OutageLog()
    with capture_logs() as lines:
        outages.works()
        for reason in ("no Kafka", "no Kafka", "no topic"):
            outages.failed(Unavailable(reason))
        outages.works()
        outages.works()
    assert [(line["event"], line.get("error")) for line in lines] == [
        ("side indexes are not built now, tried again", "no Kafka"),
        ("side indexes are not built now, tried again", "no topic"),
        ("side indexes are built again", None),
    ]
