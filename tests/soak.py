"""`make soak`: thousands of crashes, and docs/soak.md that tells of them.

    kills       kill -9, of the node, Redis and witnesses, at random moments under load; each is started again
    injected    a commit that fails at one of its requests to the store, every one of them in turn (cutting.py)

Both go in rounds, each on a ledger of its own that is reckoned whole in the end; what is not sound is in the table, and
the exit status is 1. What was done is kept in var/soak.json: run again, it goes on from there, unless the code or the
seed is another. A seed and a round's number make its random choices.
"""

import json
import os
import platform
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import click
import redis
from cutting import WAYS, Cutter
from registry import MAKER, Registry
from town import Town, until

from verifier import files
from verifier.settings import ROOT
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import connect

KILLS, INJECTED = 50, 100
"""Of one round."""
WITNESSES, SENDERS = 3, 4
KEPT, REPORT = ROOT / "var" / "soak.json", ROOT / "docs" / "soak.md"


@dataclass
class Round:
    """What happened in one: how often what was struck, how many statements were acknowledged, and how long it took from
    a kill until the next statement was acknowledged, or the witness answered (seconds)."""

    struck: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    size: int = 0
    lost: int = 0
    reused: int = 0
    contradicted: int = 0
    waits: dict[str, list[float]] = field(default_factory=dict)


# --- kill -9 ----------------------------------------------------------------------------------------------------------


def killed(kills: int, chance: random.Random, folder: Path) -> Round:
    """A town with witnesses, its parts killed so often."""
    struck: Counter[str] = Counter()
    waits: dict[str, list[float]] = {}
    with EmbeddedRedis(folder) as server:
        with Town(folder / "data", server, WITNESSES, SENDERS) as town:
            town.until_acknowledged(SENDERS)
            while struck.total() < kills:
                town.until_acknowledged(chance.randrange(1, 4))
                time.sleep(chance.random() / 20)
                victims = chance.choices((["node"], ["redis"], ["witness"], ["node", "redis"], ["witness"] * 2),
                                         (30, 25, 30, 10, 5))[0]  # fmt: skip
                struck.update(victims)
                waits.setdefault(" and ".join(victims), []).append(strike(town, victims, chance))
            town.until_acknowledged(SENDERS)
        found = town.reckon()
    return Round(dict(struck), len(town.acknowledged), **asdict(found), waits=waits)


def strike(town: Town, victims: list[str], chance: random.Random) -> float:
    """Kill them all, start them again; seconds until all is well."""
    witnesses = iter(chance.sample(town.witnesses, len(town.witnesses)))
    again: list[Callable[[], None]] = []
    wells: list[Callable[[], bool]] = []
    for victim in victims:
        if victim == "node":
            town.node.kill()
            again.append(town.node.start)
        elif victim == "redis":
            town.kill_redis()
            again.append(town.server.start)
        else:
            one = next(witnesses)
            one.kill()
            again.append(one.begin)
            wells.append(one.ready)
    begun = time.monotonic()
    for start in chance.sample(again, len(again)):
        start()
    for well in wells:
        until(well, "a witness answers")
    if victims != ["witness"]:
        town.until_acknowledged(town.senders + 1)  # so many that one of them was sent since
    return time.monotonic() - begun


# --- failures at each request -----------------------------------------------------------------------------------------


def injected(cuts: int, chance: random.Random, folder: Path, witnessed: bool | None = None) -> Round:
    """Commits that fail so often, at one request after the other, on a ledger that grows."""
    witnessed = chance.random() < 0.5 if witnessed is None else witnessed
    struck: Counter[str] = Counter()
    with EmbeddedRedis(folder) as server, connected(server.url) as client:
        registry = Registry(folder / "data", client)
        cutter = Cutter(registry, server.url, witnessed)
        cutter.begin([*registry.enrolment(), registry.product()])
        way, left, turn = chance.choice(WAYS), 0, 0
        while struck.total() < cuts:
            turn += 1
            cut = cutter.cut(commit(registry, chance, turn), left, way, registry.product(turn * 10))
            left += 1
            if cut.struck:
                struck[way] += 1
            else:
                way, left = chance.choice(WAYS), 0
        found = cutter.reckon()
        cutter.close()
    return Round(dict(struck), len(cutter.acknowledged), **asdict(found))


def commit(registry: Registry, chance: random.Random, turn: int) -> list[bytes]:
    """Some statements that were never sent before; now and then a batch, and what befell its packs."""
    news = [registry.product(turn * 10 + number) for number in range(1, chance.randrange(2, 6))]
    if chance.random() < 0.2:
        lot = registry.lot_named(f"S{turn}")
        pack = registry.pack(chance.randrange(200), lot)
        news += [registry.batch(lot, k=3), registry.event("stolen", MAKER, pack)]
    return news


@contextmanager
def connected(url: str) -> Iterator[redis.Redis]:
    client = connect(url)
    yield client
    client.close()


# --- rounds, and what is told of them ---------------------------------------------------------------------------------


Play = Callable[[int, random.Random, Path], Round]


def rounds(name: str, wanted: int, size: int, seed: int, play: Play) -> list[Round]:
    """The rounds that are not kept yet are played."""
    kept, code = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}, code_of(seed)
    kept = kept if kept.get("code") == code else {"code": code}
    done = [Round(**fields) for fields in kept.get(name, [])]
    while (left := wanted - sum(sum(one.struck.values()) for one in done)) > 0:
        begun, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="soak-"))
        try:
            one = play(min(left, size), random.Random(f"{seed} {name} {len(done)}"), folder)
        except BaseException:
            click.echo(f"left as it is: {folder}", err=True)
            raise
        shutil.rmtree(folder)
        done.append(one)
        kept[name] = [asdict(each) for each in done]
        KEPT.parent.mkdir(exist_ok=True)
        files.write(KEPT, json.dumps(kept).encode())
        click.echo(f"{name}: {told(one.struck)}; {one.acknowledged} acknowledged, in {time.monotonic() - begun:.0f} s")
    return done


def code_of(seed: int) -> str:
    """What the rounds are rounds of."""
    sources = [path for folder in ("verifier", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
    return f"{seed} {sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()}"


def told(struck: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(struck.items()))


def report(kills: list[Round], cuts: list[Round], seed: int) -> str:
    """The table."""
    both = kills, cuts
    rows: dict[str, list[str]] = {
        "struck": [f"{sum(sum(one.struck.values()) for one in some):,}" for some in both],
        "of them": [told(sum((Counter(one.struck) for one in some), Counter())) for some in both],
        "ledgers": [f"{len(some):,}" for some in both],
    }
    for title, name in COUNTED.items():
        rows[title] = [f"{sum(getattr(one, name) for one in some):,}" for some in both]
    waits: dict[str, list[float]] = {}
    for one in kills:
        for name, seconds in one.waits.items():
            waits.setdefault(name, []).extend(seconds)
    quantiles = {
        name: [str(len(each)), *(f"{quantile(each, share):.2f}" for share in (0.5, 0.99))]
        for name, each in sorted(waits.items())
    }
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}, seed {seed}"
    played = {"witnesses": WITNESSES, "senders": SENDERS, "kills": KILLS, "cuts": INJECTED}
    tables = {"table": table(rows), "times": table(quantiles)}
    return TEXT.format(day=datetime.now(UTC).date(), machine=machine, **tables, **played)


COUNTED = {
    "leaves": "size",
    "statements acknowledged": "acknowledged",
    "acknowledged and lost": "lost",
    "indexes used twice": "reused",
    "checkpoints or cosignatures contradicted": "contradicted",
}


def table(rows: dict[str, list[str]]) -> str:
    return "\n".join(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


TEXT = """# Crashes at length

`make soak`, {day} ({machine}).

- **kill -9**: a node with {witnesses} witnesses, of whom two must cosign, and {senders} senders without a pause. Node,
  Redis and witnesses are killed at random moments and started again at once; a new ledger every {kills} kills.
- **injected**: a commit fails at one of its requests to Redis, each in turn: the line is cut before it is sent or when
  its answer is not heard, or the server refuses to write. Half of the ledgers have witnesses; a new one every {cuts}.

In the end of each ledger, and after each injected failure, every leaf is hashed again. What was acknowledged is looked
for where it was said to be; every checkpoint that a sender saw, and what each witness cosigned last, must be a tree
with which the ledger begins; and the projection must be what the ledger says.

| | kill -9 | injected |
|---|---|---|
{table}

Seconds from the kill until the next statement is acknowledged, or the witness answers:

| killed | times | p50 | p99 |
|---|---|---|---|
{times}
"""


@click.command()
@click.option("--kills", default=500, show_default=True, help="So many processes killed.")
@click.option("--injected", "cuts", default=9500, show_default=True, help="So many requests that fail.")
@click.option("--seed", default=2026, show_default=True, help="Of the random choices.")
@click.option("--out", default=REPORT, show_default="docs/soak.md", type=click.Path(dir_okay=False, path_type=Path))
def main(kills: int, cuts: int, seed: int, out: Path) -> None:
    """Kill and cut, and write the report."""
    done = rounds("kills", kills, KILLS, seed, killed), rounds("injected", cuts, INJECTED, seed, injected)
    out.write_text(report(*done, seed), "utf-8")
    click.echo(f"written: {out}")
    if any(one.lost or one.reused or one.contradicted for some in done for one in some):
        raise click.ClickException("the ledger did not survive: see the table")


if __name__ == "__main__":
    main()
