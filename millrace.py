"""The command line `millrace`: mounts the commands of each package and turns expected errors into one line.

Owns exit codes (0 done, 2 called wrongly or not possible now, 130 interrupted) and `config`, which shows
the settings of every program. The packages' `cli` modules import what a command needs only when it runs.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

import retrain.benches.freshness_commands
import retrain.benches.new_items_bench_commands
import retrain.benches.offline_bench_commands
import retrain.cli
import schemas.cli
import streams.cli
import streams.dev.online_bench_commands
from schemas.errors import MillraceError, UsageError
from schemas.kafka_refusals import show_kafka_client_log

if TYPE_CHECKING:
    from schemas.settings import SharedSettings

app = typer.Typer(
    name="millrace",
    help="Events in, recommendations out: a streaming recommender on Kafka and Redis.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
settings_app = typer.Typer()
for commands in (streams.cli.app, retrain.cli.app, schemas.cli.app, settings_app):
    app.add_typer(commands)
bench = typer.Typer(
    help="Measure this machine: training, index, streaming, lookup, freshness.", no_args_is_help=True
)
bench.add_typer(retrain.benches.offline_bench_commands.app)
bench.add_typer(retrain.benches.freshness_commands.app)
bench.add_typer(retrain.benches.new_items_bench_commands.app)
bench.add_typer(streams.dev.online_bench_commands.app)
app.add_typer(bench, name="bench")


@app.callback(invoke_without_command=True)
def show_version(
    context: typer.Context,
    wanted: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Events in, recommendations out: a streaming recommender on Kafka and Redis."""
    if wanted:
        typer.echo(f"millrace {version('millrace')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@settings_app.command("config")
def show_config(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the tables of docs/configuration.md.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Fail on wrong values and on MILLRACE_* variables that no program reads."
        ),
    ] = False,
) -> None:
    """Show every setting: its variable, default, present value and meaning."""
    from models.model_config_table import model_config_markdown
    from schemas.settings import unknown_variables, wrong_values
    from schemas.settings_table import describe_settings, settings_markdown, settings_table

    programs = _programs()
    described = describe_settings(programs, os.environ)
    if markdown:
        typer.echo(f"{settings_markdown(described)}\n\n{model_config_markdown()}")
        return
    wrong = wrong_values(programs.values()) or _wrong_model_config()
    lines = [*(line for _, line in wrong), *unknown_variables(programs.values())]
    if check:
        if lines:
            raise UsageError("; ".join(lines))
        typer.echo("the settings are valid")
        return
    settings_table(described, [variable for variable, _ in wrong])
    for line in lines:
        typer.echo(f"warning: {line}", err=True)


def _wrong_model_config() -> list[tuple[str, str]]:
    """What is wrong with the file that a variable names, as `wrong_values` has it."""
    from models.model_config_file import load_model_config
    from retrain.settings import RetrainSettings
    from schemas.settings import read_settings

    try:
        load_model_config(read_settings(RetrainSettings).retrain_config)
    except UsageError as error:
        return [("MILLRACE_RETRAIN_CONFIG", f"MILLRACE_RETRAIN_CONFIG: {error}")]
    return []


def _programs() -> "dict[str, type[SharedSettings]]":
    """Every program and what it reads."""
    from retrain.settings import PROGRAMS as RETRAIN_PROGRAMS
    from streams.settings import PROGRAMS as STREAMS_PROGRAMS

    return {**STREAMS_PROGRAMS, **RETRAIN_PROGRAMS}


def _warn_of_misspelt_variables(arguments: Sequence[str]) -> None:
    """Say it before a command works with a default that was meant to be replaced; `config` says it itself."""
    command = arguments[0] if arguments else "-"
    if command == "config" or command.startswith("-") or "--help" in arguments:
        return
    if not any(name.startswith("MILLRACE_") for name in os.environ):
        return  # the settings' classes take a while to import

    from schemas.settings import unknown_variables

    for line in unknown_variables(_programs().values()):
        typer.echo(f"warning: {line}", err=True)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code. Errors that are the caller's to mend have become one line on standard error.
    """
    show_kafka_client_log(False)
    _warn_of_misspelt_variables(arguments)
    try:
        return app(arguments, prog_name="millrace", standalone_mode=False) or 0
    except (MillraceError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        typer.echo(f"millrace: {' '.join(message.split())}", err=True)
        return 2


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
