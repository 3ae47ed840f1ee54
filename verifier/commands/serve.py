"""The house on one machine: Redis, one node, the web workers, in this order, and what to open once they answer.

Which services there are and when each is ready stands here; how they are kept alive is supervise.py's matter.
"""

import contextlib
import errno
import functools
import http.client
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import click
import redis

from verifier.commands.client import Client
from verifier.commands.supervise import Child, ServeError, Service, Supervisor
from verifier.process import FolderTaken, Process, hold
from verifier.settings import ROOT, Settings
from verifier.store import layout
from verifier.store.embedded import VOLATILE, EmbeddedRedis
from verifier.store.redis import StoreError, check_durable, connect, durability_faults
from verifier.store.servers import find_servers

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
    services += [node(located, allow_volatile), web(located)]
    changed = Changes(ROOT) if reload else None
    if demo:
        from verifier import demo as world  # only who asks for a world pays for its imports

        world.prepare(located)
    Supervisor(services, say, changed).run(functools.partial(welcome, located, demo))


def node(settings: Settings, allow_volatile: bool) -> Child:
    """The only holder of the log's key."""
    argv = [sys.executable, "-m", "verifier", "node", *(["--allow-volatile"] if allow_volatile else [])]
    return Child(Process("node", argv, cwd=ROOT, env=environment(settings)), lambda: node_ready(settings))


def web(settings: Settings) -> Child:
    """Granian's workers, each with its own connections; they hold the answer key, never the log's."""
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws"]
    argv += ["--workers", str(settings.workers), "--blocking-threads", "4", "--workers-kill-timeout", "5"]
    # Its one warning is a false alarm at a clean stop: two threads of its own race to reap the same worker.
    argv += ["--host", settings.host, "--port", str(settings.port), "--log-level", "error", "app:create_app"]
    return Child(Process("web", argv, cwd=ROOT, env=environment(settings)), lambda: web_ready(settings))


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


def web_ready(settings: Settings) -> bool:
    """Whether a worker answers 200 on /healthz."""
    place = settings.base_url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(place, timeout=2)) as connection:
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


def check_port(host: str, port: int) -> None:
    """Raise ServeError unless a server may listen there: two of ours would share it silently (SO_REUSEPORT)."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            another = port + 1 if port < 65535 else port - 1
            raise ServeError(f"PORT: expected a free port, found {port} in use on {host}: try PORT={another}") from None
        raise ServeError(f"PORT: expected to listen on {host}:{port}, found {fault.strerror}") from None


def welcome(settings: Settings, demo: bool) -> None:
    """Seed the demo world if asked, then say what to open."""
    if demo:
        from verifier import demo as world

        world.seed(settings, Client(settings.base_url), say)
    say(f"\n  open  {settings.base_url}")
    if demo:
        say(f"  scan  {settings.base_url}/demo, or the images in {near(settings.data / 'demo')}")
    say("  stop  Ctrl-C\n")


def near(path: Path) -> Path:
    """The path as seen from here, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def say(line: str) -> None:
    """One line to the terminal; a terminal that is gone stops nobody."""
    with contextlib.suppress(OSError):
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
