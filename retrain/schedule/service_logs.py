"""The log of the retrain process and of its cycles: one line each on stderr, as text or JSON.

Called once per process. Callers: `retrain.schedule.retrain_service`, `retrain.schedule.cycle_running`.
"""

import logging
import sys

import structlog
from structlog.typing import Processor

from schemas.kafka_refusals import show_kafka_client_log


def configure_logs(level: str, log_format: str) -> None:
    """Send every log line of the process to stderr.

    Args:
        level: debug, info, warning or error.
        log_format: `text` for people, `json` for machines.
    """
    known: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=known,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    show_kafka_client_log(True)
    logging.getLogger("millrace").setLevel(level.upper())
