"""The page of an evaluation: self-contained, well formed, with every figure in a table beside its plot."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from millrace import run
from retrain.evaluation.evaluation_report import EvaluationReport, write_evaluation_report
from retrain.report_page.compared_models import compared_models
from retrain.report_page.html_report import html_report, write_html_report
from schemas.errors import UsageError
from schemas.run_record import EpochRecord
from tests.retrain.planted_sessions import ring_events
from tests.retrain.report_page.evaluation_reports import RELEASE, a_comparison, a_model, a_report, everything

EPOCHS = [
    EpochRecord(epoch=at, loss=5.0 / at, events_per_s=40_000, events=at, elapsed_s=9.5 * at)
    for at in (1, 2, 3)
]
VOID = {"meta", "rect", "line", "polyline", "circle", "path"}


class Page(HTMLParser):
    """A page that is taken apart; fails where a tag is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def headings(text: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", text)


def test_page_needs_nothing_from_elsewhere() -> None:
    text = html_report([everything()], {RELEASE: EPOCHS})
    assert not re.search(r"""https?:|url\(|src=|<script|<link|@import""", text)


@pytest.mark.parametrize("report", [a_report(), everything()])
def test_page_is_well_formed_and_every_plot_is_described(report: EvaluationReport) -> None:
    page = Page(html_report([report], {RELEASE: EPOCHS}))
    plots = page.attributes("svg")
    assert plots
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert page.attributes("html") == [{"lang": "en"}]
    for coordinate in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
        for _, attributes in page.tags:
            if value := attributes.get(coordinate):
                assert -10 <= float(value) <= 470


def test_sections_are_those_that_the_report_has() -> None:
    assert headings(html_report([a_report()], {})) == [
        "By length of the list",
        "By position in the session",
        "By length of the session",
        "By popularity of the next item",
        "Beyond accuracy",
        "How it was measured",
    ]
    more = set(headings(html_report([everything()], {RELEASE: EPOCHS})))
    assert more >= {
        "Models compared", "By type of the next event", "Through time", "Seeds", "New and rare items",
        "What the index costs", "Training",
    }  # fmt: skip


def test_figures_stand_in_tables_with_their_intervals() -> None:
    page = Page(html_report([everything()], {}))
    assert {"0.6000", "0.5900 to 0.6100", "0.3000"} <= set(page.texts)
    assert {"+0.1200", "+0.1100 to +0.1300"} <= set(page.texts)
    assert {"3,456", "700 predictions in 200 sessions of the test part of clicks.parquet"} <= set(page.texts)
    assert "0.6000 ± 0.0036" in page.texts


def test_line_of_each_model_bears_its_name_and_its_color_everywhere() -> None:
    text = html_report([a_report(), a_report(a_model("vsknn:neighbors=100"), 0.4)], {})
    for color, name in enumerate(("gru4rec-100", "vsknn:neighbor…")):
        lines = re.findall(rf'class="label c{color}"[^>]*>([^<]*)<', text)
        assert lines.count(name) >= 6
    assert "vsknn:neighbors=100" in text


def test_model_that_was_only_compared_with_has_its_lines_too() -> None:
    text = html_report([everything()], {})
    assert text.count('class="label c1"') >= 2 * 3 + 2
    by_k = re.search(r'aria-label="Recall by k.*?</svg>', text, re.DOTALL)
    assert by_k is not None
    lines: list[str] = re.findall(r'class="line c1" points="([^"]*)"', by_k[0])
    assert [len(line.split()) for line in lines] == [20]


def test_types_of_events_stand_beside_one_another_without_a_line_between_them() -> None:
    text = html_report([everything()], {})
    by_type = re.search(r'aria-label="Recall by type of the next event.*?</svg>', text, re.DOTALL)
    assert by_type is not None
    assert "polyline" not in by_type[0]
    stems = {x: color for color, x in re.findall(r'class="stem (c\d)" x1="([\d.]+)"', by_type[0])}
    assert sorted(stems.values()) == ["c0", "c0", "c1", "c1"]


def test_table_of_many_epochs_is_folded_and_few_of_them_are_marked() -> None:
    epochs = [
        EpochRecord(epoch=at, loss=5.0 / at, events_per_s=40_000, events=at, elapsed_s=9.5 * at)
        for at in range(1, 101)
    ]
    text = html_report([a_report()], {RELEASE: epochs})
    assert "<summary>Each of the 100 epochs</summary>" in text
    by_epoch = re.search(r'aria-label="Loss: .*?</svg>', text, re.DOTALL)
    assert by_epoch is not None
    assert by_epoch[0].count("<title>") == 25
    assert "Each of the 3 epochs" not in html_report([a_report()], {RELEASE: EPOCHS})


def test_single_model_needs_no_names_at_its_lines() -> None:
    assert 'class="label' not in html_report([a_report(beyond_accuracy=None)], {})


def test_names_from_outside_are_escaped() -> None:
    text = html_report([a_report(a_model("<script>alert(1)</script>")), a_report()], {"<b>": EPOCHS})
    assert "<script" not in text
    assert "<b>:" not in text
    Page(text)


def test_models_of_the_same_size_are_told_apart() -> None:
    other = "gru4rec-20260504T130000000000Z-cafe0123"
    reports = [a_report(), a_report(a_model(other)), a_report(a_model("sr")), a_report(a_model("sr"))]
    names = [model.name for model in compared_models(reports)]
    assert names == ["gru4rec-100 120000", "gru4rec-100 130000", "sr", "sr (2)"]


def test_model_with_a_report_of_its_own_is_not_shown_again_as_a_comparison() -> None:
    first = a_report(comparisons=[a_comparison("vsknn"), a_comparison("sr")])
    models = compared_models([first, a_report(a_model("vsknn"))])
    assert [(model.name, model.report is None) for model in models] == [
        ("gru4rec-100", False), ("vsknn", False), ("sr", True),
    ]  # fmt: skip


def test_reports_on_different_data_are_warned_of() -> None:
    warning = "measured on different data"
    assert warning in html_report([a_report(), a_report(n=699)], {})
    assert warning not in html_report([a_report(), a_report()], {})


def test_history_of_a_release_bears_its_models_name() -> None:
    page = Page(html_report([a_report()], {RELEASE: EPOCHS, "r9": EPOCHS}))
    assert {"gru4rec-100, 1", "r9, 3", "28.5"} <= set(page.texts)


def test_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--html .*: cannot be written"):
        write_html_report([a_report()], {}, tmp_path / "none" / "page.html")


def test_saved_figures_become_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    write_evaluation_report(everything(), files[0])
    write_evaluation_report(a_report(a_model("sr")), files[1])
    out = tmp_path / "page.html"
    assert run(["report", *map(str, files), "--html", str(out), "--runs", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "Models compared" in headings(out.read_text())


def test_evaluation_writes_the_page_with_the_curves_of_the_run(tmp_path: Path) -> None:
    events, config, out = tmp_path / "events.parquet", tmp_path / "small.json", tmp_path / "releases"
    ring_events(sessions=60).rename({"occurred_at_ms": "timestamp"}).write_parquet(events)
    config.write_text('{"hidden_size": 8, "epochs": 2, "min_steps": 0, "batch_size": 16, "n_negatives": 8}')
    assert run(["train", str(events), "--out", str(out), "--config", str(config)]) == 0
    (manifest,) = out.glob("*/manifest.json")
    page_file = tmp_path / "page.html"
    assert run(["evaluate", str(manifest.parent), str(events), "--k", "5", "--html", str(page_file)]) == 0
    text = page_file.read_text()
    Page(text)
    assert "Training" in headings(text)
    assert "gru4rec-8 on events" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json", "--html", "page.html"], "none.json: cannot be read"),
        (["none.json", "--html", "/dev/null/page.html"], "--html /dev/null/page.html: there is no folder"),
    ],
)
def test_wrong_call_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["report", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
