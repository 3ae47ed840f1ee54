"""Two sequencers never: the leader is really paused (SIGSTOP) past its lease, in the middle of a commit; another takes
over and publishes; the first wakes up. It writes nothing more, says nothing false, and ends with one sentence; and what
it had in hand is a leaf once its sender asks again."""

import signal
import threading
from pathlib import Path

import pytest
import redis
from moments import WITNESSED, prelude
from town import Town, stopped, until

from verifier.node import queue
from verifier.store import layout
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import connect

SHORT = "from verifier.node import lease; lease.TTL_MS = 2000\n"
"""A lease's length decides only how long a successor waits."""

CASES = [(0, "signed and not written"), (0, "published and not marked"), *((3, moment) for moment in WITNESSED)]


@pytest.mark.parametrize(("witnesses", "moment"), CASES, ids=[row[1] for row in CASES])
def test_a_leader_paused_past_its_lease(tmp_path: Path, witnesses: int, moment: str) -> None:
    flag, data = tmp_path / "stop", tmp_path / "data"
    with (
        EmbeddedRedis(tmp_path) as server,
        Town(data, server, witnesses, senders=0, prelude=SHORT + prelude(flag)) as town,
    ):
        waiting = town.registry.product(1)
        flag.write_text(moment, "ascii")
        by_itself = moment == "published and not marked"
        heard = Asked(town.url, waiting, 60 if by_itself else 0.5)
        until(lambda: stopped(town.node.pid), "the leader stops itself", town.node.told)
        proposed = town.registry.client.get(layout.PENDING)
        assert bool(proposed) == (moment in WITNESSED)

        second = town.standby(SHORT)
        second.start()
        try:
            town.submit(town.registry.product(2))
            assert town.registry.client.get(layout.PENDING) is None
            leads, head, replies = town.registry.client.get(layout.LEASE), town.head(), unread(town)

            town.node.send(signal.SIGCONT)
            told = town.node.ended()
            assert told.count("\n") == 1, told
            assert "expected to hold the lease, found it gone" in told
            assert town.head() == head, "it published although it had lost the lease"
            assert town.registry.client.get(layout.LEASE) == leads
            assert town.registry.client.get(layout.PENDING) is None
            answered = heard.receipt()
            assert (answered is not None) == by_itself, "it answered for what it did not publish"
            assert unread(town) <= replies

            receipt = town.submit(waiting)
            assert receipt.status == ("known" if by_itself or proposed else "registered")
            assert answered is None or answered.index == receipt.index
        finally:
            second.stop()
        town.check()


def unread(town: Town) -> set[bytes]:
    """Answers that nobody waited for long enough: none is added by who lost the lease."""
    return set(town.registry.client.scan_iter(layout.reply(b"*")))


class Asked:
    """A sender in a thread of its own, who waits so long for the answer to one statement."""

    def __init__(self, url: str, raw: bytes, patience_s: float) -> None:
        self._url, self._raw, self._patience_s = url, raw, patience_s
        self._receipt: queue.Receipt | None = None
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        client: redis.Redis = connect(self._url)
        try:
            self._receipt = queue.submit(client, self._raw, self._patience_s)
        except queue.Busy:
            pass
        finally:
            client.close()

    def receipt(self) -> queue.Receipt | None:
        """What it was told, None where its patience ended first."""
        self._thread.join(self._patience_s + 10)
        assert not self._thread.is_alive()
        return self._receipt
