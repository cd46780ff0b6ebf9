"""`millrace report`: the page of `evaluate --html`, from saved figures, of several models beside one another.

Mounted by `retrain.cli`.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("report")
def report_command(
    files: Annotated[list[Path], typer.Argument(metavar="JSON...", help="What evaluate --json wrote.")],
    html_file: Annotated[Path, typer.Option("--html", help="Write the page here.")],
    runs: Annotated[
        Path | None, typer.Option(help="Folder of runs with the training curves of the releases.")
    ] = None,
) -> None:
    """Make one page with tables and plots from saved evaluations; the first model is in front."""
    from retrain.evaluation.evaluation_report import read_evaluation_report
    from retrain.report_page.html_report import releases_in, write_html_report
    from retrain.runs.run_folder import release_histories
    from schemas.output_paths import check_output_file

    check_output_file("--html", html_file)
    reports = [read_evaluation_report(path) for path in files]
    histories = release_histories(runs, releases_in(reports)) if runs else {}
    write_html_report(reports, histories, html_file)
    typer.echo(str(html_file))
