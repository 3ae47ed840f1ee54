"""The scenes: what is done to the consortium, what must be seen then, and what must not.

Each scene is a function of the stage that says what happens; what it expects and does not see ends the play with one
sentence (Unlike). In the end every checkpoint that anybody was ever shown must be of one history.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import httpx

from verifier.commands import serve
from verifier.consortium import CARE, WITNESSES, folder_of
from verifier.consortium.stage import Stage, Unlike
from verifier.demo import Report
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.merkle import verify_consistency
from verifier.node import standing
from verifier.store.log import LogStore
from verifier.store.redis import connect

KILLED, LIAR = CARE[1], CARE[2]


@dataclass(frozen=True, slots=True)
class Scene:
    """A title, and what happens."""

    title: str
    happens: Callable[[Stage, Report], None]


def five_witnesses(stage: Stage, tell: Report) -> None:
    """All is well."""
    stage.until("all five have cosigned", lambda: stage.cosigners() == set(WITNESSES))
    head, verdict = stage.head(), stage.scan()
    expect("the verdict on a good pack", verdict["outcome"], "genuine")
    expect("the witnesses behind it", verdict["ledger"]["witnesses"], len(WITNESSES))
    tell(f"{head.size} leaves, cosigned by all five; a good pack is told as {verdict['outcome']}, "
         f"{verdict['ledger']['witnesses']} witnesses behind it")  # fmt: skip


def one_killed(stage: Stage, tell: Report) -> None:
    """A dead witness delays nothing."""
    stage.kill(stage.witnesses[KILLED])
    before, receipt = stage.head().size, stage.register()
    expect("a statement registered without it", receipt["status"], "registered")
    expect("who cosigned", KILLED in stage.cosigners(), False)
    tell(f"{KILLED} is killed: a statement is registered all the same, after {before} leaves (leaf {receipt['index']})")
    stage.start_witness(KILLED)
    stage.until(f"{KILLED} cosigns again", lambda: bool(stage.register()) and KILLED in stage.cosigners())
    tell(f"{KILLED} is back, and cosigns what it missed at one go, with a proof that it grew")


def one_lies(stage: Stage, tell: Report) -> None:
    """A liar is told as one, and changes nothing."""
    for lie, what, word in (
        ("fork", "cosigns another history", "no cosignature"),
        ("larger", "says that it has seen more", "it knows"),
    ):
        stage.corrupt(LIAR, lie)
        expect("a statement registered beside a liar", stage.register()["status"], "registered")
        expect("whether the liar counts", LIAR in stage.cosigners(), False)
        stage.until("the liar's fault is known", lambda word=word: word in _fault(stage, LIAR))  # type: ignore[misc]
        tell(f"{LIAR} {what}: «{_fault(stage, LIAR)}»; the others are a quorum without it")


def no_quorum(stage: Stage, tell: Report) -> None:
    """With a liar and a dead one there is no quorum: nothing is published, nothing is lost."""
    stage.kill(stage.witnesses[KILLED])
    before, statement = stage.head(), stage.statement()
    refused = stage.register(statement)
    expect("a registration without quorum", refused["status"], "503")
    expect("the checkpoint meanwhile", stage.head(), before)
    told = stage.get("/readyz")
    expect("readiness meanwhile", told["status"], 503)
    tell(f"{KILLED} is killed too: «{told['detail']}»")
    verdict = stage.scan()
    expect("a good pack meanwhile", verdict["outcome"], "genuine")
    tell("packs are still answered, as of the last checkpoint that a quorum has cosigned")
    stage.start_witness(KILLED)
    stage.until("the quorum is back", lambda: stage.head().size > before.size)
    again = stage.register(statement)
    expect("the statement that waited", again["status"], "known")
    tell(f"{KILLED} is back: what waited was published, once (leaf {again['index']})")
    stage.start_witness(LIAR)
    stage.until(f"{LIAR}, honest again, cosigns", lambda: bool(stage.register()) and LIAR in stage.cosigners())
    tell(f"{LIAR} is replaced by an honest process with the same key, and cosigns again")


def rolled_back(stage: Stage, tell: Report) -> None:
    """The node's Redis is exchanged for an older copy; then the whole machine is."""
    stage.stop_node()
    copy = stage.copy_store()
    stage.start_store()
    stage.start_node()
    for _ in range(3):
        expect("a statement after the copy was made", stage.register()["status"], "registered")
    newest, held = stage.head(), _held(stage)
    stage.stop_node()
    newer = stage.data / "newest"
    copy.rename(stage.data / "older")
    stage.copy_store().rename(newer)
    for parts, what in ((("redis",), "its Redis"), (("redis", "node"), "the whole machine, its own mark too,")):
        stage.put_back(stage.data / "older", *parts)
        stage.start_store()
        stage.node.start()
        words = stage.ended(stage.node)
        expect("what the witnesses hold", _held(stage), held)
        expect("the sentence", "rolled back" in words or "behind" in words, True)
        tell(f"{what} is set back to an older copy. The node: «{words}»")
        tell("nothing was signed: every witness holds what it held")
        stage.stop_node()
    stage.put_back(newer, "redis", "node")
    stage.start_store()
    stage.start_node()
    expect("the ledger, restored", stage.head(), newest)
    expect("a statement now", stage.register()["status"], "registered")
    tell("the newest copy is put back: the node goes on where it was")


def burnt(stage: Stage, tell: Report) -> None:
    """A node that has lost everything is brought back from a member that followed it."""
    member = CARE[0]
    newest = stage.head()
    stage.until(f"{member} has copied all of it", lambda: _mirrored(stage, member) == newest.size)
    stage.web.stop()
    stage.stop_node()
    stage.burn()
    words = stage.run("restore", "--from", f"http://127.0.0.1:{stage.ports[member]}")
    tell(f"everything that the node kept is gone; restored from {member}: «{words.splitlines()[-1]}»")
    stage.start_store()
    stage.start_node()
    stage.web.start()
    stage.until("the web answers", lambda: serve.web_ready(stage.settings))
    expect("the restored ledger", stage.head(), newest)
    expect("a good pack", stage.scan()["outcome"], "genuine")
    expect("a statement now", stage.register()["status"], "registered")
    tell("the node signs on, and a good pack is genuine as before")


def on_a_chain(stage: Stage, tell: Report) -> None:
    """Only the chain remembers: every witness is gone, and the whole machine is set back."""
    if stage.chain is None:
        tell("there is no chain here: `make chain` brings one for development")
        return
    stage.until("the checkpoint stands on the chain", lambda: _on_chain(stage))
    tell("the root stands on a chain of this machine, which lasts no longer than it and is called an anchor nowhere")
    stage.stop_node()
    older, newer = stage.data / "before", stage.data / "after"
    stage.copy_store().rename(older)
    stage.start_store()
    stage.start_node()
    expect("a statement after the copy was made", stage.register()["status"], "registered")
    stage.until("that stands on the chain too", lambda: _on_chain(stage))
    newest = stage.head()
    stage.stop_node()
    stage.copy_store().rename(newer)
    for name in WITNESSES:
        stage.kill(stage.witnesses[name])
    stage.put_back(older, "redis", "node")
    stage.start_store()
    stage.asking.start()
    words = stage.ended(stage.asking)
    expect("the sentence", "the chain knows" in words, True)
    tell(f"all witnesses are killed, and the whole machine is set back to an older copy. The node: «{words}»")
    stage.stop_node()
    for name in WITNESSES:
        stage.start_witness(name)
    stage.put_back(newer, "redis", "node")
    stage.start_store()
    stage.start_node()
    expect("the ledger, restored", stage.head(), newest)
    tell("the newest copy is put back, and the witnesses are: the node goes on where it was")


def one_history(stage: Stage, tell: Report) -> None:
    """Whatever anybody was shown, it was one history."""
    client = connect(stage.store.url)
    log = LogStore(client)
    shown = {*stage.seen, *log.history(), *_held(stage).values()}
    heads = {notes.proposed(raw, stage.policy) for raw in shown}
    sizes = sorted({head.size: head for head in heads}.values(), key=lambda head: head.size)
    expect("different trees of one size", len(heads) - len(sizes), 0)
    for old, new in pairwise(sizes):
        path = tiles.consistency_path(old.size, new.size, log.tile) if old.size else ()
        if old.size:
            verify_consistency(old.size, new.size, path, old.root, new.root)
    client.close()
    tell(f"{len(sizes)} checkpoints were shown by the node and its witnesses, and each grew into the next: one history")


SCENES: Sequence[Scene] = (
    Scene("Five witnesses", five_witnesses),
    Scene("One is killed", one_killed),
    Scene("One lies", one_lies),
    Scene("No quorum", no_quorum),
    Scene("Rolled back", rolled_back),
    Scene("Burnt", burnt),
    Scene("On a chain", on_a_chain),
    Scene("One history", one_history),
)


def play(stage: Stage, tell: Report, pause: Callable[[str], None]) -> None:
    """Every scene in turn; `pause` is called after each with its title. Raises Unlike."""
    for number, scene in enumerate(SCENES, 1):
        tell(f"\n{number}. {scene.title}")
        scene.happens(stage, lambda line: tell(f"   {line}"))
        pause(scene.title)


def expect(what: str, found: object, expected: object) -> None:
    """Raise Unlike unless it is what the story says."""
    if found != expected:
        raise Unlike(f"{what}: expected {expected}, found {found}")


def _on_chain(stage: Stage) -> bool:
    """Whether all of the ledger stands on the chain, as a verdict reports it beside itself."""
    told = stage.scan().get("ledger") or {}
    return bool((told.get("development_chain") or {}).get("size") == told.get("size") == stage.head().size)


def _fault(stage: Stage, name: str) -> str:
    """Why a witness does not cosign, as the node tells it."""
    client = connect(stage.store.url)
    try:
        return next((row.fault for row in standing.read(client).rows if row.name == name), "")
    finally:
        client.close()


def _mirrored(stage: Stage, name: str) -> int:
    """Of how many leaves a witness has a copy, with everything that they say; 0 while it lacks any of it."""
    told = httpx.get(f"http://127.0.0.1:{stage.ports[name]}/readyz", trust_env=False, timeout=5).json()
    return int(told.get("mirrored", 0)) if not (told.get("withheld") or told.get("lacking")) else 0


def _held(stage: Stage) -> dict[str, bytes]:
    """What each witness has cosigned last, as it keeps it."""
    return {name: (folder_of(stage.data, name) / "cosigned").read_bytes() for name in WITNESSES}
