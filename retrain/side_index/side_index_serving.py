"""The process `millrace side-index`: metrics on a port, the builder until a signal."""

import asyncio
import signal

import typer
from prometheus_client import CollectorRegistry

from retrain.side_index.side_index_building import build_side_indexes
from retrain.side_index.side_index_metrics import SideIndexMetrics
from retrain.side_index_settings import SideIndexSettings
from retrain.status_port import status_port
from schemas.logs import configure_logs


def run_side_index(settings: SideIndexSettings) -> None:
    """Build side indexes until SIGTERM or SIGINT.

    Raises:
        UsageError: the port is in use, a topic does not exist, or a setting cannot work.
    """
    configure_logs(settings.log_level, settings.log_format)
    metrics = SideIndexMetrics(CollectorRegistry())
    host, port = settings.side_index_host, settings.side_index_port
    with status_port("MILLRACE_SIDE_INDEX_PORT", host, port, metrics.registry) as url:
        typer.echo(f"side-index: {url}/metrics")
        asyncio.run(_until_a_signal(settings, metrics))


async def _until_a_signal(settings: SideIndexSettings, metrics: SideIndexMetrics) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    building = asyncio.create_task(build_side_indexes(settings, metrics))
    await asyncio.wait({stopped, building}, return_when=asyncio.FIRST_COMPLETED)
    if building.done():
        building.result()
    building.cancel()
    await asyncio.wait({building})
