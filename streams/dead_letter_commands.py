"""`millrace dead-letters show|replay`: what could not be processed, and sending it once more.

Mounted by `streams.cli`.
"""

import typer

app = typer.Typer(help="Show and replay the events that could not be processed.", no_args_is_help=True)
