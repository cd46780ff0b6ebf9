"""`millrace import retailrocket`: events.csv of visitors to sessions of views, carts and purchases."""

from pathlib import Path

import pytest

from tests.retrain.importers.import_runs import imported, refusal, rows

HEADER = "timestamp,visitorid,event,itemid,transactionid\n"
EVENTS = (
    HEADER
    + """\
1433224214164,992329,view,248676,
1433221332117,257597,view,355908,
1433223132117,257597,addtocart,355908,
1433224932118,257597,view,318965,
1433221999827,111016,view,318965,
1433222000001,111016,transaction,318965,4000
"""
)


@pytest.fixture
def source() -> Path:
    path = Path("events.csv")
    path.write_text(EVENTS)
    return path


def test_visitors_become_sessions_in_time_order(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(capsys, "retailrocket", source, "rr.parquet") == ["rr.parquet: 6 events in time order"]
    columns = ("session_id", "item_id", "event_type", "occurred_at", "user_id")
    assert rows(Path("rr.parquet"), *columns) == [
        ("257597-1", "355908", "view", "2015-06-02 05:02:12.117", "257597"),
        ("111016-1", "318965", "view", "2015-06-02 05:13:19.827", "111016"),
        ("111016-1", "318965", "purchase", "2015-06-02 05:13:20.001", "111016"),
        ("257597-1", "355908", "cart", "2015-06-02 05:32:12.117", "257597"),
        ("992329-1", "248676", "view", "2015-06-02 05:50:14.164", "992329"),
        ("257597-2", "318965", "view", "2015-06-02 06:02:12.118", "257597"),
    ]


@pytest.mark.parametrize(
    ("gap", "sessions"),
    [
        ("0", {"257597", "111016", "992329"}),
        ("1799.999", {"257597-1", "257597-2", "257597-3", "111016-1", "992329-1"}),
        ("1800", {"257597-1", "257597-2", "111016-1", "992329-1"}),
        ("1800.001", {"257597-1", "111016-1", "992329-1"}),
    ],
)
def test_gap_that_ends_a_session_is_an_option(
    source: Path, capsys: pytest.CaptureFixture[str], gap: str, sessions: set[str]
) -> None:
    imported(capsys, "retailrocket", source, "rr.parquet", "--session-gap-s", gap)
    assert {session for (session,) in rows(Path("rr.parquet"), "session_id")} == sessions


def test_folder_with_the_file_is_enough(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(capsys, "retailrocket", ".", "rr.parquet") == ["rr.parquet: 6 events in time order"]


def test_folder_without_the_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "retailrocket", ".", "rr.parquet")
    assert said == ".: no file events.csv or events.csv.gz in the folder; give the file itself"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "1433221332,257597,view,355908,",
            (
                "column 'timestamp' is '1433221332'; an epoch time in ms from 1990 to 2100 is needed, "
                "as in the file's first time; else give --time-unit"
            ),
        ),
        (
            "1.43322E+12,257597,view,355908,",
            (
                "column 'timestamp' is '1.43322E+12'; an epoch time in ms from 1990 to 2100 is needed, "
                "as in the file's first time; else give --time-unit"
            ),
        ),
        ("1433221332117,,view,355908,", "column 'visitorid' is empty; a whole number from 0 is needed"),
        ("1433221332117,v7,view,355908,", "column 'visitorid' is 'v7'; a whole number from 0 is needed"),
        ("1433221332117,-7,view,355908,", "column 'visitorid' is '-7'; a whole number from 0 is needed"),
        ("1433221332117,7,view,3.0,", "column 'itemid' is '3.0'; a whole number from 0 is needed"),
        (
            "1433221332117,7,like,3,",
            "column 'event' is 'like'; one of view, addtocart, transaction is needed",
        ),
        ("1433221332117,7,,3,", "column 'event' is empty; one of view, addtocart, transaction is needed"),
        (
            "1433221332117,7,view,3",
            (
                "4 fields, 5 are needed, the line is '1433221332117,7,view,3'; "
                "as in 1433221332117,257597,view,355908,"
            ),
        ),
        (
            "1433221332117,7,view,3,,",
            (
                "6 fields, 5 are needed, the line is '1433221332117,7,view,3,,'; "
                "as in 1433221332117,257597,view,355908,"
            ),
        ),
    ],
)
def test_wrong_line_is_named_with_column_value_and_remedy(
    source: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    source.write_text(f"{EVENTS}{line}\n1433221332117,more,view,1,\n")
    assert refusal(capsys, "retailrocket", source, "rr.parquet") == f"events.csv:8: {said}"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("minutes", "--time-unit minutes: one of auto, s, ms, us, ns, iso is needed"),
        (
            "s",
            (
                "events.csv:2: column 'timestamp' is '1433224214164'; an epoch time in s from 1970 to 9999 "
                "is needed, as --time-unit s says"
            ),
        ),
    ],
)
def test_wrong_time_unit_is_refused(
    source: Path, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    assert refusal(capsys, "retailrocket", source, "rr.parquet", "--time-unit", option) == said


def test_times_outside_of_the_plausible_range_are_read_in_the_unit_given(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_text(f"{HEADER}3000,7,view,1,\n")
    said = refusal(capsys, "retailrocket", source, "rr.parquet")
    assert said == (
        "events.csv:2: column 'timestamp' is '3000'; its unit cannot be told, as in none it lies from 1990 "
        "to 2100; give --time-unit s, ms, us or ns, or write 2019-10-01T00:00:00Z"
    )
    imported(capsys, "retailrocket", source, "rr.parquet", "--time-unit", "s")
    assert rows(Path("rr.parquet"), "occurred_at") == [("1970-01-01 00:50:00.000",)]
