"""A text scan over HTTP, cold and warm, against one Redis GET and one Ed25519 verify on the same server."""

import json
from pathlib import Path

from benchmarks import load
from benchmarks.figures import Figure, alternate
from benchmarks.running import house, web
from verifier.demo import _world

TOTAL = 1200


def figures(folder: Path) -> list[Figure]:
    """Cold (nothing remembered between requests) and warm (the same batch scanned before)."""
    with house(folder) as settings:
        world = _world(settings.data / "demo")
        links = [world.pack("current", number).digital_link() for number in (0, 1, 3, 4, 7, 8)]
        scans = [load.request("POST", "/api/scan", json.dumps({"text": link}).encode()) for link in links]
        bare = [load.request("GET", "/")]
        rows = []
        with web(settings, "benchmarks.bare:create_app") as peer:
            for name, target, aim in (("cold", "benchmarks.cold:create_app", 0.2), ("warm", "app:create_app", 0.5)):
                with web(settings, target) as ours:
                    load.rate(ours, scans, 200)
                    load.rate(peer, bare, 200)
                    mine, theirs = alternate(
                        lambda url=ours: load.rate(url, scans, TOTAL),  # type: ignore[misc]
                        lambda: load.rate(peer, bare, TOTAL),
                    )
                against = f"one GET and one verify: {theirs:,.0f}/s"
                ratio = mine / theirs
                rows.append(Figure(f"text scan, {name}", mine, "scans/s", against, ratio, f">= {aim}", ratio >= aim))
        return rows
