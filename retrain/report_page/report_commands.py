"""`millrace report`: one page of saved figures: evaluations beside one another, then online reports.

Mounted by `retrain.cli`.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("report")
def report_command(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="JSON...", help="What evaluate --json or online-report --json wrote."),
    ],
    html_file: Annotated[Path, typer.Option("--html", help="Write the page here.")],
    runs: Annotated[
        Path | None, typer.Option(help="Folder of runs with the training curves of the releases.")
    ] = None,
) -> None:
    """Make one page with tables and plots from saved evaluations and online reports."""
    from retrain.evaluation.evaluation_report import read_evaluation_report
    from retrain.online_report.online_page import online_parts, write_online_page
    from retrain.online_report.online_report import read_online_report
    from retrain.report_page.html_report import releases_in, write_html_report
    from retrain.runs.run_folder import release_histories
    from schemas.output_paths import check_output_file

    check_output_file("--html", html_file)
    found = {path: read_online_report(path) for path in files}
    online = [report for report in found.values() if report is not None]
    reports = [read_evaluation_report(path) for path, report in found.items() if report is None]
    if not reports:
        write_online_page(online, html_file)
        typer.echo(str(html_file))
        return
    histories = release_histories(runs, releases_in(reports)) if runs else {}
    write_html_report(reports, histories, html_file, [part for one in online for part in online_parts(one)])
    typer.echo(str(html_file))
