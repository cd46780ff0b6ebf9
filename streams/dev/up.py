"""`millrace up`: broker, Redis, worker and lookup for development, until Ctrl-C. Caller: `dev_commands`.

Composition root. It serves the newest release of the user's, or trains a small one on the simulated shop.
"""

import asyncio
import shlex
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console

from schemas.errors import InvalidRelease, UsageError
from schemas.ids import ItemId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest, decode_release_manifest
from schemas.settings import SharedSettings
from streams.dev.demo_events import shop_events
from streams.dev.demo_release import announce_release, train_release
from streams.dev.ending import end_on_sigterm, wait_for_ctrl_c
from streams.dev.items_topic import publish_items
from streams.dev.log_warnings import LogWarnings
from streams.dev.lookup_check import LookupClient
from streams.dev.millrace_services import ITEMS, MillraceServices, millrace_services, start_serving
from streams.dev.narrator import Narrator
from streams.dev.ports import WantedPorts

REDIS_PORT = 6379
_SESSIONS = 2000
_QUICK = {"epochs": 1, "min_steps": 400}

EXPORTS = """\
export MILLRACE_KAFKA_BOOTSTRAP_SERVERS={bootstrap_servers} MILLRACE_REDIS_URL={redis_url}
export MILLRACE_RELEASES={releases}"""

EXAMPLE = """\
import json, time, urllib.request
from confluent_kafka import Producer

producer = Producer({{"bootstrap.servers": "{bootstrap_servers}"}})
event = {{"session_id": "me", "item_id": "{item_id}", "event_type": "view",
         "occurred_at": int(time.time() * 1000)}}
producer.produce("events", json.dumps(event), key="me")
producer.flush(10)
time.sleep(1)
print(urllib.request.urlopen("{lookup_url}/sessions/me/recommendations?k=5").read().decode())"""


def run_up(settings: SharedSettings, ports: WantedPorts, console: Console) -> None:
    """Serve until Ctrl-C; nothing but the user's own releases is left.

    Args:
        settings: where the user's releases are.
        ports: where to listen if nobody else does.
        console: where to write.

    Raises:
        UsageError: one of the processes failed.
    """
    narrator = Narrator(console)
    with end_on_sigterm(), TemporaryDirectory(prefix="millrace-up-") as name:
        folder = Path(name)
        own = newest_release(settings.releases)
        releases = Path(settings.releases).resolve() if own else folder / "releases"
        releases.mkdir(exist_ok=True)
        with millrace_services(folder, releases, {}, ports) as services:
            for line in moved_ports(services, ports):
                narrator.say(f"[yellow]![/] {line}")
            _serve(services, own or _shop_release(services, narrator, folder), narrator)


def newest_release(releases: str) -> ReleaseManifest | None:
    """Of the releases in a local folder that no gate has refused, the one made last; None without any.

    Raises:
        UsageError: the releases are in an object store.
        InvalidRelease: a manifest cannot be read.
    """
    if "://" in releases:
        raise UsageError(f"MILLRACE_RELEASES={releases}: `millrace up` serves releases of a local folder")
    paths = Path(releases).glob(f"*/{MANIFEST_FILE}")
    try:
        manifests = [decode_release_manifest(path.read_bytes()) for path in paths]
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidRelease(f"{releases}: a manifest cannot be read: {error}") from error
    served = [one for one in manifests if one.gate is msgspec.UNSET or one.gate.passed]
    return max(served, key=lambda manifest: manifest.created_at, default=None)


def _shop_release(services: MillraceServices, narrator: Narrator, folder: Path) -> ReleaseManifest:
    doing = "No release yet: training a small one on the simulated shop"
    with narrator.step(doing) as step:
        shop = shop_events(seed=1, sessions=_SESSIONS)
        shop.write(folder / "events.parquet")
        manifest = train_release(
            services, folder / "events.parquet", _QUICK, on_line=lambda line: step.now(f"{doing}: {line}")
        )
        asyncio.run(publish_items(services.bootstrap_servers, ITEMS, shop.catalogue))
        step.done("No release yet: trained a small one on the simulated shop")
    return manifest


def _serve(services: MillraceServices, manifest: ReleaseManifest, narrator: Narrator) -> None:
    with narrator.step("Starting worker and lookup") as step:
        announce_release(services, manifest)
        check = start_serving(services)
        step.done(f"Serving release {manifest.release_id}")
    with closing(LookupClient(services.lookup_url)) as lookup:
        item_id = lookup.popular()[0]
    narrator.say(
        "",
        f"[bold]Lookup[/]  {services.lookup_url}   [dim]/schema, /popular, /sessions/ID/recommendations[/]",
        f"[bold]Worker[/]  {services.worker_url}   [dim]/metrics, /readyz[/]",
        "",
        "[bold]For `millrace` and kcat in another terminal:[/]",
        "",
    )
    narrator.say_plain(exports(services))
    narrator.say("", "[bold]An event and its list, from Python:[/]", "")
    narrator.say_plain(example(services, item_id))
    narrator.say("", "[dim]Warnings of worker and lookup come here. Ctrl-C ends it; nothing is kept.[/]")
    wait_for_ctrl_c(_showing_warnings(services, narrator, check))


def _showing_warnings(
    services: MillraceServices, narrator: Narrator, check: Callable[[], None]
) -> Callable[[], None]:
    warnings = LogWarnings(services.serving_logs())

    def show_and_check() -> None:
        for line in warnings.new():
            narrator.say_plain(line)
        check()

    return show_and_check


def moved_ports(services: MillraceServices, ports: WantedPorts) -> list[str]:
    """A line for each server that does not listen where it should, because somebody else does."""
    wanted = {
        "Redis": (services.redis_url.removesuffix("/0"), ports.redis),
        "the worker": (services.worker_url, ports.worker),
        "the lookup": (services.lookup_url, ports.lookup),
    }
    return [
        f"port {port} is taken: {name} listens on {url.rpartition(':')[2]}"
        for name, (url, port) in wanted.items()
        if port and not url.endswith(f":{port}")
    ]


def exports(services: MillraceServices) -> str:
    """Lines for a shell, after which commands go to these services."""
    return EXPORTS.format(
        bootstrap_servers=services.bootstrap_servers,
        redis_url=services.redis_url,
        releases=shlex.quote(str(services.releases)),
    )


def example(services: MillraceServices, item_id: ItemId) -> str:
    """Ten lines of Python that produce an event and read its list."""
    return EXAMPLE.format(
        bootstrap_servers=services.bootstrap_servers, lookup_url=services.lookup_url, item_id=item_id
    )
