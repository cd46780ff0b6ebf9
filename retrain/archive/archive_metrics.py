"""Every metric of the archiver, by name. One registry a process, made in the composition root."""

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from retrain.archive.partition_buffer import Segment

log = structlog.get_logger("millrace.archive")


class ArchiveMetrics:
    """The archiver's counters and gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.rows = Counter(
            "millrace_archive_rows", "Events written to the archive, erase events included", registry=registry
        )
        self.files = Counter("millrace_archive_files", "Files written to the archive", registry=registry)
        self.bytes = Counter("millrace_archive_bytes", "Bytes written to the archive", registry=registry)
        self.left_out = Counter(
            "millrace_archive_left_out",
            "Messages that are not archived: no events, or without consent",
            ["reason"],
            registry=registry,
        )
        self.lost = Counter(
            "millrace_archive_lost_offsets",
            "Offsets that the topic's retention took before they were archived",
            registry=registry,
        )
        self.lag = Gauge(
            "millrace_archive_lag",
            "Messages behind the end of the partition that are not in the archive",
            ["topic", "partition"],
            registry=registry,
        )
        self.buffered = Gauge(
            "millrace_archive_buffered_bytes", "About what is read and not yet written", registry=registry
        )
        self.failures = Counter(
            "millrace_archive_failures",
            "Failed attempts to write, to compact or to read, each tried again",
            registry=registry,
        )
        self.merged = Counter(
            "millrace_archive_merged_files", "Small files that compaction has merged", registry=registry
        )
        self.expired = Counter(
            "millrace_archive_expired_files", "Files that retention has deleted", registry=registry
        )

    def wrote(self, segment: Segment, written_bytes: int) -> None:
        """A file was written; it is logged too."""
        rows = segment.rows
        self.rows.inc(len(rows))
        self.files.inc()
        self.bytes.inc(written_bytes)
        self.left_out.labels("invalid").inc(rows.invalid)
        self.left_out.labels("without consent").inc(rows.without_consent)
        log.info(
            "file written", path=segment.file.path, rows=len(rows), bytes=written_bytes,
            invalid=rows.invalid, without_consent=rows.without_consent,
        )  # fmt: skip
