"""One value of every schema version, beside the bytes in `golden/` that it is written as.

Never edited: a change of a schema that alters these bytes is a new version, with values and bytes of its own.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from schemas.gate_report import GateRefusal, GateReport, HeldRule
from schemas.ids import EventId, ItemId, RecommendationId, ReleaseId, SessionId, UserId
from schemas.item_event import EraseSession, ItemEvent
from schemas.item_metadata import ItemMetadata
from schemas.recommendation_list import RecommendationList, ScoredItem, Source
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import DataRange, EncoderSpec, FileDigest, IndexSpec, Refit, ReleaseManifest
from schemas.release_probe import ReleaseProbe, ReleaseProbes
from schemas.retrain_request import RetrainRequest
from schemas.session_state import SessionState, hash_event_id
from schemas.side_index_announcement import SideIndexAnnouncement
from schemas.side_index_manifest import SideIndexManifest

ITEM_EVENT_V1 = ItemEvent(
    session_id=SessionId("s-1"),
    item_id=ItemId("mug/blå"),
    event_type="cart",
    occurred_at_ms=1_767_225_600_123,
    event_id=EventId("e-1"),
    user_id=UserId("42"),
    price=9.5,
    quantity=2.0,
    context={"device": "phone", "locale": "sv-SE"},
    consent=False,
    recommendation_id=RecommendationId("events-3-41"),
    position=4,
)

ERASE_SESSION_V1 = EraseSession(
    session_id=SessionId("s-1"), occurred_at_ms=1_767_225_600_123, user_id=UserId("42")
)

RECOMMENDATION_LIST_V1 = RecommendationList(
    recommendation_id=RecommendationId("events-3-41"),
    source=Source("events", 3, 41),
    session_id=SessionId("s-1"),
    release_id=ReleaseId("20260101-000000-abc"),
    strategy="gru4rec",
    items=[ScoredItem(ItemId("mug/blå"), 0.75), ScoredItem(ItemId("b"), -1.5)],
    occurred_at=datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC),
    produced_at=datetime(2026, 1, 1, 0, 0, 0, 130_000, tzinfo=UTC),
    user_id=UserId("42"),
    event_id=EventId("e-1"),
    repeat_of=EventId("e-1"),
    side_index_version=7,
)

SESSION_STATE_V1 = SessionState(
    release_id=ReleaseId("20260101-000000-abc"),
    item_ids=(ItemId("a"), ItemId("mug/blå")),
    event_types=bytes([0, 1]),
    times_s=(1_767_225_600).to_bytes(4, "little") + (1_767_225_601).to_bytes(4, "little"),
    event_hashes=hash_event_id(EventId("e-1")),
    encoder_state=bytes.fromhex("003c00c0"),
    last_event_at_ms=1_767_225_601_000,
    home_partition=3,
)

SESSION_STATE_V1_WITH_LAST_LIST = replace(
    SESSION_STATE_V1,
    last_list=bytes([0, 2])
    + (41).to_bytes(4, "little")
    + bytes.fromhex("0102030405fe")
    + b"20251231-000000-abc",
)

ITEM_METADATA_V1 = ItemMetadata(
    item_id=ItemId("mug/blå"),
    title="Mugg",
    category="kitchen/mugs",
    price=9.5,
    currency="EUR",
    available=False,
    url="https://shop.example/mug",
    image_url="https://shop.example/mug.jpg",
    attributes={"colour": "blue"},
)

RELEASE_ANNOUNCEMENT_V1 = ReleaseAnnouncement(
    release_id=ReleaseId("20260101-000000-abc"),
    generation=12,
    announced_at=datetime(2026, 1, 1, tzinfo=UTC),
    previous=ReleaseId("20251231-000000-abc"),
)

FORCED_ANNOUNCEMENT_V1 = replace(
    RELEASE_ANNOUNCEMENT_V1, reason="promoted by hand: the slice was odd", forced=True
)

RELEASE_MANIFEST_V1 = ReleaseManifest(
    release_id=ReleaseId("20260101-000000-abc"),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    strategy="gru4rec",
    items=2,
    session_gap_s=1800.0,
    encoder=EncoderSpec(
        item_dim=5,
        state_size=4,
        index_dim=5,
        opset=18,
        event_type_codes={"view": 0, "cart": 1, "purchase": 2},
    ),
    index=IndexSpec(kind="ivf_flat", parameters={"lists": 128, "nprobe": 32}),
    data=DataRange(
        events=10,
        sessions=3,
        items=2,
        first_event_at=datetime(2025, 12, 1, tzinfo=UTC),
        last_event_at=datetime(2025, 12, 31, tzinfo=UTC),
        sha256="ab" * 32,
    ),
    config={"units": 4},
    metrics={"recall@20": 0.5},
    code_version="0.1.0",
    files={"encoder.onnx": FileDigest("cd" * 32, 1024)},
)

RELEASE_PROBES_V1 = ReleaseProbes(
    probes=(
        ReleaseProbe(
            item_ids=(ItemId("mug"), ItemId("pen")),
            event_types=b"\x00\x01",
            encoder_state=b"\x00\x3c\x00\x38",
            list_items=(ItemId("pot"), ItemId("cup")),
            list_scores=(1.5, -0.25),
        ),
    )
)

JUDGED_MANIFEST_V1 = replace(
    RELEASE_MANIFEST_V1,
    gate=GateReport(
        passed=False,
        refusals=[
            GateRefusal(
                rule="recall_loss",
                figure=-0.0312,
                threshold=-0.01,
                message="Recall@20 differs from the incumbent's by -0.0250",
            ),
            GateRefusal(
                rule="score_range", figure=None, threshold=1e6, message="a score of inf, beyond 1e+06"
            ),
        ],
        figures={"recall@20": 0.475, "incumbent_recall@20": 0.5},
        incumbent=ReleaseId("20251231-000000-abc"),
        held=[HeldRule(rule="finite_vectors", figure=0.0, threshold=0.0)],
        passed_over={"coverage": "fewer than 500 predictions"},
    ),
)

REFIT_MANIFEST_V1 = replace(
    RELEASE_MANIFEST_V1,
    gate=GateReport(
        passed=True,
        refusals=[],
        figures={"recall@20": 0.475},
        incumbent=ReleaseId("20251231-000000-abc"),
        newer_than=datetime(2026, 1, 1, tzinfo=UTC),
        whole_slice="the incumbent's last event is not known",
        measured_on=ReleaseId("20260101-000000-abc"),
    ),
    refit=Refit(
        learned=DataRange(events=10, sessions=4, items=3, sha256="11" * 32),
        check=GateReport(passed=True, refusals=[], figures={"recall@20": 0.9}),
        why_not="figures that no release has together",
    ),
)

RETRAIN_REQUEST_V1 = RetrainRequest(
    request_id="8d7f",
    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    reason="a new season",
    from_scratch=True,
)

SIDE_INDEX_MANIFEST_V1 = SideIndexManifest(
    release_id=ReleaseId("20260101-000000-abc"),
    version=7,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    items=2,
    index_dim=5,
    files={"item_vectors.npy": FileDigest("ef" * 32, 168)},
)

SIDE_INDEX_ANNOUNCEMENT_V1 = SideIndexAnnouncement(
    release_id=ReleaseId("20260101-000000-abc"),
    version=7,
    announced_at=datetime(2026, 1, 1, tzinfo=UTC),
    ready=True,
    items=2,
)
