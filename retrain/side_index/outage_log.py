"""The log of what is tried again and again: a line when it fails for another reason, one when it works.

Caller: `retrain.side_index.side_index_building`.
"""

import structlog

log = structlog.get_logger("millrace.side_index")


class OutageLog:
    """Remembers what was said last, so that hours without Kafka are not a line every two seconds."""

    def __init__(self) -> None:
        self._said = ""

    def failed(self, error: Exception) -> None:
        """It failed and will be tried again."""
        if str(error) != self._said:
            log.warning("side indexes are not built now, tried again", error=str(error))
        self._said = str(error)

    def works(self) -> None:
        """What is needed is there."""
        if self._said:
            log.info("side indexes are built again")
        self._said = ""
