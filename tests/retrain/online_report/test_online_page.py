"""The page of an online report: what stands on it, and that nothing of it comes from elsewhere."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from retrain.online_report.online_page import online_page, write_online_page
from retrain.online_report.online_report import write_online_report
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from tests.retrain.online_report.known_reports import NEW, OLD, a_report, a_row


def test_page_shows_the_latest_release_in_front_and_all_in_tables() -> None:
    page = online_page([a_report()])
    front = page.split("</header>")[0]
    assert NEW in front
    assert "0.6934" in front
    assert "0.6612" not in front
    for shown in (OLD, NEW, "purchase", "popular", "0.6612", "0.5123", "123,456", "1,234"):
        assert shown in page


def test_charts_name_releases_by_when_they_were_made() -> None:
    page = online_page([a_report()])
    assert ">01-01 03:00</text>" in page
    assert ">01-01 15:00</text>" in page


def test_charts_name_releases_by_their_ids_where_these_say_no_time_or_the_same() -> None:
    same = [ReleaseId("20260101T030000Z-a"), ReleaseId("20260101T030001Z-b")]
    report = replace(a_report(), releases=[a_row(one, 0.5, 100) for one in same])
    assert "20260101T030000Z…" in (page := online_page([report]))
    assert "01-01 03:00" not in page
    plain = replace(report, releases=[a_row(ReleaseId("spring"), 0.5, 100)])
    assert ">spring</text>" in online_page([plain])


def test_page_has_no_section_of_named_lists_where_no_event_names_one() -> None:
    assert "Lists that events name" in online_page([a_report()])
    assert "Lists that events name" not in online_page([a_report(named=False)])


def test_what_comes_from_outside_is_escaped() -> None:
    report = replace(a_report(), releases=[a_row(ReleaseId("<b>r</b>"), 0.5, 100)])
    assert "<b>r</b>" not in online_page([report])


def test_page_needs_nothing_from_elsewhere() -> None:
    page = online_page([a_report()])
    assert "http" not in page
    assert "<script" not in page


def test_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--html .* cannot be written"):
        write_online_page([a_report()], tmp_path / "none" / "page.html")
    with pytest.raises(UsageError, match=r"--json .* cannot be written"):
        write_online_report(a_report(), tmp_path / "none" / "report.json")
