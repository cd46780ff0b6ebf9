"""`millrace releases list|show|promote|rollback`: which releases there are, and which one is announced."""

import typer

app = typer.Typer(help="List, show, promote and roll back releases.", no_args_is_help=True)
