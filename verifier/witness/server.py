"""The witness's HTTP server: waitress, with a bound on every size, every wait and every number.

A request is read whole by one loop before any of THREADS is taken, so that who sends slowly holds no thread; who has
not sent all of it within WHOLE_S is cut off, however steadily it drips. Beyond CONNECTIONS nobody is let in until one
leaves; each may idle for IDLE_S.
"""

import socket
import time
from contextlib import suppress
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from verifier.ledger.note import MAX_BYTES

THREADS, CONNECTIONS = 8, 256
IDLE_S, WHOLE_S, LOOK_S, GRACE_S = 60, 10.0, 1, 2.0
MAX_BODY, MAX_HEADERS = MAX_BYTES + 8192, 16_384


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, which remembers when the request began that it has not read whole yet."""

    begun: float | None = None

    def received(self, data: bytes) -> bool:
        """See waitress."""
        done = bool(super().received(data))
        self.begun = None if self.request is None else self.begun or time.time()
        return done


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves a WSGI application on `host:port` (port 0: any free one); raises OSError where it may not."""

    channel_class = Channel

    def __init__(self, app: Any, host: str, port: int) -> None:
        adjustments = Adjustments(
            host=host, port=port, threads=THREADS, connection_limit=CONNECTIONS, channel_timeout=IDLE_S,
            cleanup_interval=LOOK_S, max_request_body_size=MAX_BODY, max_request_header_size=MAX_HEADERS,
            ident=None, log_socket_errors=False,
        )  # fmt: skip
        self._stopping = False
        super().__init__(app, adj=adjustments)

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.effective_host}]" if self.family == socket.AF_INET6 else self.effective_host
        return f"http://{host}:{self.effective_port}"

    def maintenance(self, now: float) -> None:
        """Also cut off whoever takes too long to send one request."""
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            if channel.begun is not None and channel.begun < now - WHOLE_S:
                channel.will_close = True

    def run(self) -> None:
        """Serve until `stop`; requests under way are finished, and what is answered is sent."""
        while not self._stopping:
            wasyncore.poll2(LOOK_S, self._map)
        self.task_dispatcher.shutdown()
        deadline = time.monotonic() + GRACE_S
        while any(one.total_outbufs_len for one in self.active_channels.values()) and time.monotonic() < deadline:
            wasyncore.poll2(0.1, self._map)
        wasyncore.close_all(self._map)

    def stop(self) -> None:
        """End `run`, from another thread or a signal's handler."""
        self._stopping = True
        with suppress(OSError):  # it has ended
            self.pull_trigger()
