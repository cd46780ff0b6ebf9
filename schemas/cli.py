"""The commands about schemas: `millrace schema`. Mounted by `millrace.py`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("schema")
def write_schemas(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write to; without it, AsyncAPI goes to standard output."),
    ] = None,
) -> None:
    """Write JSON Schema of every message and an AsyncAPI document of every topic."""
    from schemas.asyncapi import asyncapi_document, asyncapi_json
    from schemas.json_schema import write_json_schemas
    from schemas.settings import SharedSettings, read_settings

    document = asyncapi_json(asyncapi_document(read_settings(SharedSettings)))
    if out is None:
        typer.echo(document)
        return
    for path in write_json_schemas(out, document):
        typer.echo(path)
