"""Structured logs of a long-running process, our own lines and the libraries', as text or JSON on stderr.

Called once per process, by composition roots of both shells.
"""

import logging
import sys

import structlog
from structlog.typing import Processor

from schemas.kafka_refusals import show_kafka_client_log
from schemas.repeated_lines import OnceAMinute


def configure_logs(level: str, log_format: str) -> None:
    """Send every log line of the process to stderr.

    Args:
        level: debug, info, warning or error.
        log_format: `text` for people, `json` for machines.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
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
    handler.addFilter(_is_no_connect_line)
    handler.addFilter(OnceAMinute("aiokafka"))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    show_kafka_client_log(True)
    logging.getLogger("millrace").setLevel(level.upper())


def _is_no_connect_line(record: logging.LogRecord) -> bool:
    """False for what the Kafka client repeats each second of an outage; `Health` says it once."""
    return not (record.name.startswith("aiokafka") and str(record.msg).startswith("Unable connect"))
