"""The house on one machine: Redis, one node, the web workers, in this order, and what to open once they answer. With
PROBATUM_LAN, the same web workers once more over https, for phones.

Which services there are and when each is ready stands here; how they are kept alive is supervise.py's matter.
"""

import contextlib
import errno
import functools
import http.client
import os
import socket
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import redis

from verifier.commands.client import Client
from verifier.commands.supervise import Child, ServeError, Service, Supervisor
from verifier.ledger.anchor import parse as parse_anchors
from verifier.ledger.anchor import throwaway
from verifier.node.local_chain import LocalChain, find_anvil
from verifier.process import FolderTaken, Process, hold
from verifier.settings import ROOT, Settings
from verifier.store import layout
from verifier.store.embedded import VOLATILE, EmbeddedRedis
from verifier.store.redis import StoreError, check_durable, connect, durability_faults
from verifier.store.servers import find_servers

if TYPE_CHECKING:
    from verifier.commands.lan import Lan

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where phones reach us, when asked
THREADS = 32
"""Of a web worker. A registration waits for the disk most of its time: so many share one commit."""
BLOCK_S = 4
"""Seconds between two blocks of the chain for development."""
SOURCES = ("app.py", "verifier/**/*.*", "scanner/**/*.*")


@click.command(short_help="Start everything.")
@click.option("--demo", is_flag=True, help="Create the demo consortium once, and say what to scan.")
@click.option("--reload", is_flag=True, help="Start node and web again whenever the code changes.")
@click.option("--allow-volatile", is_flag=True, help="Accept a Redis of yours that may forget.")
@click.pass_obj
def command(settings: Settings, demo: bool, reload: bool, allow_volatile: bool) -> None:
    """Start Redis (unless REDIS_URL is set), the node and the web workers; SIGTERM or Ctrl-C stops all cleanly."""
    try:
        check_port(settings.host, settings.port)
        if settings.lan is not None:
            check_port(EVERYWHERE, settings.lan_port, settings.port + 1)
        settings.data.mkdir(parents=True, exist_ok=True)
        held = hold(settings.data)
        try:
            serve(settings, demo=demo, reload=reload, allow_volatile=allow_volatile)
        finally:
            os.close(held)
    except (ServeError, StoreError, FolderTaken, OSError) as fault:
        raise click.ClickException(str(fault)) from None


def serve(settings: Settings, *, demo: bool, reload: bool, allow_volatile: bool) -> None:
    """Run until told to stop. Raises ServeError or StoreError with the sentence why."""
    embedded = EmbeddedRedis(settings.data) if settings.redis_url is None else None
    if settings.redis_url is not None:
        inspect_store(settings.redis_url, allow_volatile)
    located = replace(settings, redis_url=embedded.url if embedded else settings.redis_url)
    services: list[Service] = [embedded] if embedded else []
    if settings.limits is None and any(find_servers()):
        counters = EmbeddedRedis(settings.data, None, "counters", VOLATILE)
        located = replace(located, limits=counters.url)
        services.append(counters)
    chain = _local_chain(settings) if demo else None
    if chain is not None:
        located = replace(located, chain=chain.url, anchor_every=min(located.anchor_every, 60))  # it costs nothing
        services.append(chain)
    lan = None
    if settings.lan is not None:
        from verifier.commands import lan as network  # only who serves phones pays for certificates

        lan = network.ready(settings)
    services += [node(located, allow_volatile), web(located), *([web(located, lan)] if lan else [])]
    services += [anchor(located, develop=chain is not None)] if located.chain_url else []
    changed = Changes(ROOT) if reload else None
    if demo:
        from verifier import demo as world  # only who asks for a world pays for its imports

        world.prepare(located)
    Supervisor(services, say, changed).run(functools.partial(welcome, located, demo, lan))


def node(settings: Settings, allow_volatile: bool) -> Child:
    """The only holder of the log's key."""
    argv = [sys.executable, "-m", "verifier", "node", *(["--allow-volatile"] if allow_volatile else [])]
    return Child(Process("node", argv, cwd=ROOT, env=environment(settings)), lambda: node_ready(settings))


def web(settings: Settings, lan: "Lan | None" = None) -> Child:
    """Granian's workers, each with its own connections; they hold the answer key, never the log's. With `lan`, those
    that phones reach over https."""
    host, port = (EVERYWHERE, settings.lan_port) if lan else (settings.host, settings.port)
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws"]
    argv += ["--workers", str(settings.workers), "--blocking-threads", str(THREADS), "--workers-kill-timeout", "5"]
    # Its one warning is a false alarm at a clean stop: two threads of its own race to reap the same worker.
    argv += ["--host", host, "--port", str(port), "--log-level", "error"]
    if lan:
        argv += ["--ssl-certificate", str(lan.certificate), "--ssl-keyfile", str(lan.key)]
    reached = replace(settings, proxies=0) if lan else settings  # phones stand before no proxy of ours
    process = Process("https" if lan else "web", [*argv, "app:create_app"], cwd=ROOT, env=environment(reached))
    return Child(process, lambda: web_ready(settings, lan))


def anchor(settings: Settings, develop: bool) -> Child:
    """What says the newest checkpoint on a chain, and watches it; without it everything else goes on. `develop`: the
    chain is one that we started."""
    argv = [sys.executable, "-m", "verifier", "anchor", "--watch", *(["--develop"] if develop else [])]
    child = Child(Process("anchor", argv, cwd=ROOT, env=environment(settings)), lambda: True)
    child.vital = False
    return child


def _local_chain(settings: Settings) -> LocalChain | None:
    """A chain for development, where no other is named or was chosen, and `make chain` brought one."""
    program = find_anvil() if settings.chain is None else None
    if program is None:
        return None
    path = settings.data / "anchors.txt"
    chosen = parse_anchors(path.read_text("utf-8")) if path.exists() else None
    if chosen is not None and not throwaway(chosen.chain, ""):
        say(f"anchors.txt: chosen is chain {chosen.chain}; name where to ask it with PROBATUM_CHAIN, or off")
        return None
    return LocalChain(program, settings.data / "chain.log", BLOCK_S)


def environment(settings: Settings) -> dict[str, str]:
    """Ours, with the settings written out; output is not held back, so that it stands in order on the terminal."""
    return {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}


def node_ready(settings: Settings) -> bool:
    """Whether a node holds the lease: only then does it sequence."""
    client = connect(settings.redis_url or "")
    try:
        return bool(client.exists(layout.LEASE))
    except redis.RedisError:
        return False
    finally:
        client.close()


def web_ready(settings: Settings, lan: "Lan | None" = None) -> bool:
    """Whether a worker answers 200 on /healthz; over https, one that the authority vouches for."""
    asked = http.client.HTTPConnection(settings.base_url.removeprefix("http://"), timeout=2)
    if lan:
        trusted = ssl.create_default_context(cafile=lan.authority)
        asked = http.client.HTTPSConnection("127.0.0.1", settings.lan_port, timeout=2, context=trusted)
    with contextlib.closing(asked) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def inspect_store(url: str, allow_volatile: bool) -> None:
    """Refuse somebody else's Redis that may forget, or say in what it may."""
    client = connect(url)
    try:
        check_durable(client, allow_volatile)
        for fault in durability_faults(client):
            say(f"redis: accepted although {fault}")
    finally:
        client.close()


def check_port(host: str, port: int, another: int | None = None) -> None:
    """Raise ServeError unless a server may listen there: two of ours would share it silently (SO_REUSEPORT). `another`
    is the PORT to try instead."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            another = another or (port + 1 if port < 65535 else port - 1)
            raise ServeError(f"PORT: expected a free port, found {port} in use on {host}: try PORT={another}") from None
        raise ServeError(f"PORT: expected to listen on {host}:{port}, found {fault.strerror}") from None


def welcome(settings: Settings, demo: bool, lan: "Lan | None" = None) -> None:
    """Seed the demo world if asked, then say what to open."""
    if demo:
        from verifier import demo as world

        world.seed(settings, Client(settings.base_url), say)
    say(f"\n  open  {settings.base_url}")
    if demo:
        say(f"  scan  {settings.base_url}/demo, or the images in {near(settings.data / 'demo')}")
    if lan:
        from verifier.commands.lan import told

        for line in told(lan):
            say(line)
    say("  stop  Ctrl-C\n")


def near(path: Path) -> Path:
    """The path as seen from here, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def say(line: str) -> None:
    """One line to the terminal; one that is gone, or cannot draw it, stops nobody."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        click.echo(line)


class Changes:
    """Whether a source file changed since this was last asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen = self._look()

    def __call__(self) -> bool:
        before, self.seen = self.seen, self._look()
        return before != self.seen

    def _look(self) -> frozenset[tuple[str, int]]:
        paths = (path for pattern in SOURCES for path in self.root.glob(pattern) if path.suffix != ".pyc")
        return frozenset((str(path), path.stat().st_mtime_ns) for path in paths if path.is_file())
