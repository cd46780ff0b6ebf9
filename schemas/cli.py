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
    from schemas.asyncapi import asyncapi_document
    from schemas.errors import UsageError
    from schemas.json_schema import as_json, json_schemas
    from schemas.settings import SharedSettings, read_settings

    asyncapi = as_json(asyncapi_document(read_settings(SharedSettings)))
    if out is None:
        typer.echo(asyncapi)
        return
    files = {f"{name}.schema.json": as_json(schema) for name, schema in json_schemas().items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in {**files, "asyncapi.json": asyncapi}.items():
            (out / name).write_text(text + "\n")
            typer.echo(out / name)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; give a folder that can be written") from error
