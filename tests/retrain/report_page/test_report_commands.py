"""`millrace report`: one page of evaluations and online reports, told apart by what is in the files."""

from pathlib import Path

import pytest

import millrace
from retrain.evaluation.evaluation_report import write_evaluation_report
from retrain.online_report.online_report import write_online_report
from tests.retrain.online_report import known_reports
from tests.retrain.report_page import evaluation_reports


@pytest.fixture
def evaluation(tmp_path: Path) -> str:
    write_evaluation_report(evaluation_reports.a_report(), tmp_path / "evaluation.json")
    return str(tmp_path / "evaluation.json")


@pytest.fixture
def online(tmp_path: Path) -> str:
    write_online_report(known_reports.a_report(), tmp_path / "online.json")
    return str(tmp_path / "online.json")


def test_online_reports_stand_behind_evaluations_on_one_page(
    tmp_path: Path, evaluation: str, online: str
) -> None:
    assert millrace.run(["report", online, evaluation, "--html", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page.index(evaluation_reports.RELEASE) < page.index("<h1>Online quality</h1>")
    assert known_reports.NEW in page


def test_online_report_alone_is_a_page_of_its_own(tmp_path: Path, online: str) -> None:
    assert millrace.run(["report", online, "--html", str(tmp_path / "page.html")]) == 0
    assert "<title>Online quality" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("text", ["{}", "{", '{"recommendations_topic": "lists"}'])
def test_file_that_is_no_report_is_named(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.json").write_text(text)
    assert millrace.run(["report", str(tmp_path / "odd.json"), "--html", str(tmp_path / "page.html")]) == 2
    assert f"{tmp_path / 'odd.json'}: no report of `millrace" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_report_of_another_version_is_named(
    tmp_path: Path, online: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(online)
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    assert millrace.run(["report", online, "--html", str(tmp_path / "page.html")]) == 2
    assert "a report of version 9; 1 is known" in capsys.readouterr().err
