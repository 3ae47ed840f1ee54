"""The steps of a commit at which a node can be made to stop itself (SIGSTOP), since no other clock could hit them.

A node that runs `prelude(flag)` first stops at the moment whose name a test writes into the file `flag`, once. What
befalls it there, or what it talks to, is the test's; SIGCONT lets it go on.
"""

from pathlib import Path

MOMENTS = {
    "taken and not drafted": ("queue", "take", "after"),
    "signed and not written": ("sequencer.notes", "sign", "after"),
    "proposed and nobody asked": ("Cosigning", "cosign", "before"),
    "cosigned and not published": ("Cosigning", "cosign", "after"),
    "published and not marked": ("highwater", "write", "before"),
    "marked and not answered": ("queue", "answer", "before"),
}
"""Moment -> before or after which call. Those about cosigning come only where there are witnesses."""
WITNESSED = ("proposed and nobody asked", "cosigned and not published")

_PRELUDE = """
import os, signal
from verifier.node import highwater, queue, sequencer
from verifier.node.cosigning import Cosigning

def stop(moment):
    try:
        with open({flag!r}) as file:
            if file.read() != moment:
                return
        os.unlink({flag!r})
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)

def around(real, moment, when):
    def wrapped(*given, **named):
        if when == "before":
            stop(moment)
        told = real(*given, **named)
        if when == "after" and told != []:
            stop(moment)
        return told
    return wrapped

"""


def prelude(flag: Path) -> str:
    """Python that a node runs first."""
    points = (
        f"{place}.{name} = around({place}.{name}, {moment!r}, {when!r})\n"
        for moment, (place, name, when) in MOMENTS.items()
    )
    return _PRELUDE.format(flag=str(flag)) + "".join(points)


__all__ = ["MOMENTS", "WITNESSED", "prelude"]
