"""The commands of the online side. Mounted by `millrace.py`.

Thin: each command reads its settings and calls one function of its own module, imported when the command runs.
"""

from typing import Annotated

import typer

from streams import dead_letter_commands

app = typer.Typer()
app.add_typer(dead_letter_commands.app, name="dead-letters")


@app.command("lookup")
def run_lookup(
    host: Annotated[str | None, typer.Option(help="Address to listen on [MILLRACE_LOOKUP_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: any free one [MILLRACE_LOOKUP_PORT].")] = None,
) -> None:
    """Serve the latest lists, similar and popular items over HTTP."""
    from schemas.settings import read_settings
    from streams.lookup.serving import serve_lookup
    from streams.settings import LookupSettings

    serve_lookup(read_settings(LookupSettings, lookup_host=host, lookup_port=port))
