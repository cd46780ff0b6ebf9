"""The settings of the builder of side indexes. Part of those in `retrain.settings`."""

from pydantic import Field

from schemas.settings import SharedSettings


class SideIndexSettings(SharedSettings):
    """What `millrace side-index` reads."""

    side_index_interval_s: float = Field(
        15,
        gt=0,
        description="a new version of the side index at most so often, and only where something changed",
    )
    side_index_window_h: float = Field(
        6, gt=0, description="hours of events that a builder begins with, and begins with again for a release"
    )
    side_index_half_life_s: float = Field(
        1800,
        gt=0,
        description="after so long an event counts half, and in a quiet shop not before 2 000 more queries",
    )
    side_index_items: int = Field(10_000, ge=1, le=1_000_000, description="new items in a side index at most")
    side_index_sessions: int = Field(
        100_000, ge=1, description="sessions that the builder remembers, about 2 KB each"
    )
    side_index_host: str = Field("127.0.0.1", description="address of the builder's /metrics")
    side_index_port: int = Field(
        8084, ge=0, le=65_535, description="port of the builder's /metrics; 0: any free one"
    )
