"""`millrace side-index`: builds and publishes the side index of new items. Mounted by `retrain.cli`."""

import typer

app = typer.Typer()


@app.command("side-index")
def side_index() -> None:
    """Make new items recommendable before the next retrain: build and publish a side index of them.

    Runs until it is stopped. Settings: `millrace config`.
    """
    from retrain.side_index.side_index_serving import run_side_index
    from retrain.side_index_settings import SideIndexSettings
    from schemas.settings import read_settings

    run_side_index(read_settings(SideIndexSettings))
