"""The settings of the archive of the event topics. Part of those in `retrain.settings`."""

from typing import Self

from pydantic import Field, model_validator

from schemas.settings import HIDDEN, PREFIX, SharedSettings, shown


class ArchivedLogSettings(SharedSettings):
    """Where the archive of the event topics is."""

    archive: str | None = Field(
        None,
        description="folder of the event log's archive (or an fsspec URL such as s3://bucket/archive); "
        "without it there is none, and a retrain reads Kafka alone",
    )

    @model_validator(mode="after")
    def _archive_has_no_password(self) -> Self:
        if self.archive is not None and shown(self.archive) == HIDDEN:
            raise ValueError(
                f"{PREFIX}ARCHIVE={HIDDEN}: it is shown and logged, so leave user and password out of the "
                "URL; give them by the settings of the store's fsspec driver"
            )
        return self


class ArchiveSettings(ArchivedLogSettings):
    """What `millrace archive` reads."""

    archive_group: str = Field("millrace-archive", description="Kafka consumer group of the archivers")
    archive_file_rows: int = Field(
        500_000, ge=1, le=10_000_000, description="a file of the archive is written at so many events,"
    )
    archive_file_mb: float = Field(
        64, gt=0, description="or at so many megabytes of events in memory (a file has about a tenth),"
    )
    archive_file_age_s: float = Field(
        300, gt=0, description="or so long after its first event, whichever comes first"
    )
    archive_buffer_mb: float = Field(
        256, gt=0, description="megabytes of events of all partitions that an archiver holds at most"
    )
    archive_compact_every_s: float = Field(
        3600, ge=0, description="how often an archiver merges small files and looks after retention; 0: never"
    )
    archive_compact_rows: int = Field(
        2_000_000, ge=1, description="small files are merged up to so many offsets"
    )
    archive_retention_days: int = Field(
        0, ge=0, description="days (UTC) that the archive keeps, beside today; 0: all"
    )
    archive_host: str = Field("127.0.0.1", description="address of the archiver's /metrics")
    archive_port: int = Field(
        8083, ge=0, le=65_535, description="port of the archiver's /metrics; 0: any free one"
    )
