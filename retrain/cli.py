"""The commands of the offline side. Mounted by `millrace.py`.

Thin: each command reads its settings and calls one function of its own module, imported when the command
runs.
"""

import typer

from retrain import import_commands, retrain_commands
from retrain.archive import archive_commands
from retrain.evaluation import evaluate_commands
from retrain.online_report import online_report_commands
from retrain.release_watch import watch_commands
from retrain.releases import release_commands
from retrain.report_page import report_commands
from retrain.side_index import side_index_commands
from retrain.training import training_commands
from retrain.tuning import tune_commands

app = typer.Typer()
release_commands.app.command("watch")(watch_commands.watch_running_release)
app.add_typer(release_commands.app, name="releases")
app.add_typer(training_commands.app)
app.add_typer(evaluate_commands.app)
app.add_typer(tune_commands.app)
app.add_typer(report_commands.app)
app.add_typer(side_index_commands.app)
app.add_typer(online_report_commands.app)
app.add_typer(retrain_commands.app, name="retrain")
app.add_typer(import_commands.app, name="import")
app.add_typer(archive_commands.app, name="archive")
