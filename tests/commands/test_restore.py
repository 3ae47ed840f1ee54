"""`backup` and `restore`: everything is copied and comes back, and nothing that is not what was signed."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from registry import Registry, Watcher
from witnessed import Witnesses

from verifier.commands import main
from verifier.commands import restore as command
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.tiles import WIDTH
from verifier.node import boot, highwater, lease
from verifier.node.mirror import Mirror
from verifier.node.quorum import Disowned
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.store.projection import digest
from verifier.verdict.trust import decode, encode
from verifier.web.desk import deposit_folder

Run = Callable[..., Result]
SIZE = 28
"""Leaves of the story."""


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path / "var", store)


@pytest.fixture
def run(registry: Registry, redis_url: str) -> Run:
    env = {"PROBATUM_DATA": str(registry.settings.data), "REDIS_URL": redis_url}
    return lambda *words, **changed: CliRunner().invoke(main, [str(word) for word in words], env=env | changed)


@pytest.fixture
def out(registry: Registry, run: Run, tmp_path: Path) -> Path:
    """A backup of a ledger with something of everything, whose node has stopped."""
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.lease.drop()
    result = run("backup", "--out", tmp_path / "copy")
    assert result.exit_code == 0, result.output
    return tmp_path / "copy"


def burn(registry: Registry) -> None:
    """The store and the deposits are gone."""
    registry.client.flushall()
    shutil.rmtree(deposit_folder(registry.settings.data))


def held(registry: Registry) -> dict[bytes, bytes]:
    """All that a store must hold again: the log, and what follows from it."""
    gone = (layout.LEASE, layout.EPOCH, layout.HISTORY, layout.QUORUM)
    names = sorted(name for name in registry.client.scan_iter() if name not in gone)
    return dict(zip(names, registry.client.mget(names), strict=True))  # type: ignore[arg-type]


def test_what_burnt_comes_back_to_the_byte(registry: Registry, run: Run, out: Path) -> None:
    before, kept = held(registry), set(deposits.held(deposit_folder(registry.settings.data)))
    watcher = Watcher(registry)
    watcher.look()
    burn(registry)
    result = run("restore", "--from", out)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("restored: 28 leaves, root ")
    assert held(registry) == before
    assert set(deposits.held(deposit_folder(registry.settings.data))) == kept
    assert run("fsck").exit_code == 0
    sequencer = registry.sequencer()  # and the node goes on, with the same key
    (receipt,) = sequencer.register([registry.product(900)])
    assert receipt.status == "registered"
    watcher.look()
    watcher.check()
    assert len(watcher.seen) == 2


def test_a_second_backup_copies_what_is_new(registry: Registry, run: Run, out: Path) -> None:
    marked = {path: path.stat().st_mtime_ns for path in (out / "entries").iterdir()}
    sequencer = registry.sequencer()
    sequencer.register([registry.product(901)])
    sequencer.lease.drop()
    result = run("backup", "--out", out)
    assert f"{out}: 30 leaves, 2 of them new, root " in result.output
    assert {path: path.stat().st_mtime_ns for path in marked} == marked
    assert len(list((out / "entries").iterdir())) == 30
    burn(registry)
    assert run("restore", "--from", out).exit_code == 0


def test_a_deposit_that_was_gone_is_copied_when_it_is_back(
    registry: Registry, run: Run, out: Path, tmp_path: Path
) -> None:
    folder = deposit_folder(registry.settings.data)
    digest = deposits.held(folder)[0]
    path = deposits.path_of(folder, digest)
    path.rename(tmp_path / "away")
    (out / "deposits" / digest).unlink()
    for _ in range(2):
        result = run("backup", "--out", out)
        assert result.exit_code == 1
        assert f"deposit {digest}, which leaf " in result.output
        assert "expected it here, whole, found it gone or altered" in result.output
    (tmp_path / "away").rename(path)
    assert run("backup", "--out", out).exit_code == 0
    assert (out / "deposits" / digest).read_bytes() == path.read_bytes()


def test_a_backup_holds_no_secret_unless_asked(registry: Registry, run: Run, out: Path) -> None:
    secrets = [path.read_bytes() for path in (registry.settings.data / "node").glob("*.key")]
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    seeds = [line for key in secrets for line in key.split() if len(line) >= 40]
    assert seeds
    assert not any(seed in everything for seed in seeds)
    assert not list(out.rglob("*.key"))
    assert not list(out.rglob("vault*"))
    result = run("backup", "--out", out, "--with-secrets")
    assert "keep this folder as you keep the keys themselves" in result.output
    assert (out / "secrets").stat().st_mode & 0o077 == 0
    copied = list((out / "secrets").rglob("*.*"))
    assert {path.name for path in copied} >= {"log.key", "node.key", "answer.key", "vault.db", "master.key"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in copied)


def test_a_machine_that_burnt_down_is_made_again(
    registry: Registry, run: Run, out: Path, tmp_path: Path, redis_url: str
) -> None:
    """From the backup alone, with the secrets that its owner kept beside it."""
    run("backup", "--out", out, "--with-secrets")
    before = digest(registry.client)
    burn(registry)
    new = tmp_path / "new"
    shutil.copytree(out / "secrets", new)
    changed = {"PROBATUM_DATA": str(new)}
    result = run("restore", "--from", out, **changed)
    assert result.exit_code == 64
    assert "has no genesis and policy: say what to believe with --trust" in result.output
    result = run("restore", "--from", out, "--trust", out / "trust.json", **changed)
    assert (result.exit_code, result.output.count("\n")) == (0, 1), result.output
    assert digest(registry.client) == before
    assert (new / "genesis.cose").read_bytes() == registry.genesis
    assert run("fsck", **changed).exit_code == 0
    again = Registry(new, registry.client)
    assert again.sequencer().register([registry.product(902)])[0].status == "registered"


def test_without_a_secret_the_packs_read_unverified(
    registry: Registry, run: Run, out: Path, tmp_path: Path, redis_url: str
) -> None:
    burn(registry)
    (registry.settings.data / "vault").rename(tmp_path / "elsewhere")
    result = run("restore", "--from", out)
    assert result.exit_code == 0, result.output
    said = "its packs read unverified here: batch L1 of 09521000000018: its manifest or its secret is not here"
    assert said in result.output
    shutil.rmtree(registry.settings.data / "vault")
    (tmp_path / "elsewhere").rename(registry.settings.data / "vault")
    assert "different bytes: repaired" in run("rebuild").output


def test_without_the_keys_it_says_so(registry: Registry, run: Run, out: Path, tmp_path: Path) -> None:
    burn(registry)
    changed = {"PROBATUM_DATA": str(tmp_path / "bare")}
    result = run("restore", "--from", out, "--trust", out / "trust.json", **changed)
    assert result.exit_code == 0, result.output
    assert "without the log's own key nothing can be signed on; put the keys back" in result.output


# --- cut short ---


def test_an_interrupted_restore_is_refused_by_the_node_and_goes_on(
    registry: Registry, run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(registry)
    burn(registry)
    asked: list[str] = []

    class Watched(Mirror):
        def get_all(self, paths, limit):  # type: ignore[no-untyped-def]
            asked.extend(paths)
            return super().get_all(paths, limit)

    monkeypatch.setattr(command, "Mirror", Watched)
    publish = command.Restorer.publish
    monkeypatch.setattr(command.Restorer, "publish", lambda _: (_ for _ in ()).throw(OSError("the disk is full")))
    result = run("restore", "--from", out)
    assert (result.exit_code, result.output) == (2, "the disk is full\n")
    assert len(asked) == SIZE
    refused = run("node")
    assert refused.exit_code == 1
    assert "this store holds 0 leaves" in refused.output or "found leaves without one" in refused.output
    monkeypatch.setattr(command.Restorer, "publish", publish)
    gone, altered = (layout.body(bytes.fromhex(path.removeprefix("entries/"))) for path in asked[9:11])
    registry.client.delete(gone)
    registry.client.setrange(altered, 20, b"?")
    assert run("restore", "--from", out).exit_code == 0
    assert asked[SIZE:] == asked[9:11]  # what was there, whole, is not asked for again
    assert held(registry) == before
    assert run("restore", "--from", out).exit_code == 0  # nothing to do
    assert len(asked) == SIZE + 2


# --- refused ---


def flip(path: Path, position: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.write_bytes(raw)


def some(out: Path, pattern: str) -> Path:
    return sorted(path for path in out.glob(pattern) if path.is_file())[0]


ALTERED = ["checkpoint", "tile/0/000.p/*", "tile/entries/000.p/*", "entries/*"]


@pytest.mark.parametrize("pattern", ALTERED)
def test_an_altered_byte_of_the_copy_is_refused(registry: Registry, run: Run, out: Path, pattern: str) -> None:
    burn(registry)
    path = some(out, pattern)
    flip(path, path.stat().st_size * 5 // 9)  # no length, which a mirror writes anew
    result = run("restore", "--from", out)
    assert result.exit_code == 1
    assert result.output.startswith(f"{out}: ")
    assert "expected" in result.output
    assert not registry.client.exists(layout.CHECKPOINT)


def test_an_altered_deposit_is_not_taken(registry: Registry, run: Run, out: Path) -> None:
    burn(registry)
    path = some(out, "deposits/*")
    flip(path, 100)
    result = run("restore", "--from", out)
    assert result.exit_code == 0
    assert f"deposit {path.name}: not shown to us; put it here from who has it, and `rebuild`" in result.output
    assert not deposits.exists(deposit_folder(registry.settings.data), path.name)
    assert "its packs read unverified here: batch" in result.output


def test_a_statement_that_is_withheld_stops_it(registry: Registry, run: Run, out: Path) -> None:
    burn(registry)
    some(out, "entries/*").unlink()
    result = run("restore", "--from", out)
    assert result.exit_code == 2
    assert "is not shown to us: restore from who shows it" in result.output


def test_a_statement_of_no_entitled_signer_is_refused(
    registry: Registry, run: Run, tmp_path: Path, redis_url: str
) -> None:
    """The log's key signed a tree with a leaf that nobody was entitled to say: every hash agrees."""
    other = Registry(tmp_path / "other", registry.client)
    log, raw = LogStore(registry.client), other.product()
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    one, size = sha256(raw).digest(), sequencer.head.size
    values, root = log.growth(size, [one])
    note = notes.sign(Checkpoint(registry.policy.log.name, size + 1, root), registry.log_key)
    values |= {layout.body(one): raw, layout.index(one): size.to_bytes(8, "big"), layout.CHECKPOINT: note}
    registry.client.mset(values)
    assert run("backup", "--out", tmp_path / "copy").exit_code == 0
    registry.client.flushall()
    result = run("restore", "--from", tmp_path / "copy")
    assert result.exit_code == 1
    assert f"entries/{one.hex()}: expected" in result.output
    assert not registry.client.exists(layout.CHECKPOINT)


def test_a_store_that_holds_something_else_is_not_touched(registry: Registry, run: Run, out: Path) -> None:
    sequencer = registry.sequencer()
    sequencer.register([registry.product(903)])
    sequencer.lease.drop()
    before = held(registry)
    result = run("restore", "--from", out, "--behind")
    assert result.exit_code == 1
    assert "this store holds a ledger of 30 leaves, and 28 are to be restored; move it away" in result.output
    registry.client.delete(layout.CHECKPOINT)
    result = run("restore", "--from", out, "--behind")
    assert result.exit_code == 1
    assert "this store holds leaves that are not to be restored; move it away" in result.output
    assert {**held(registry), layout.CHECKPOINT: before[layout.CHECKPOINT]} == before


def test_leaves_beyond_a_full_tile_are_not_taken_for_none(registry: Registry, run: Run, tmp_path: Path) -> None:
    """Their numbers would be told as those of leaves, and the tree has none there."""
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.register([registry.product(number) for number in range(WIDTH)])
    sequencer.lease.drop()
    assert registry.client.exists(layout.entries(1))
    assert run("backup", "--out", tmp_path / "copy").exit_code == 0
    head = Checkpoint(registry.policy.log.name, WIDTH, tiles.root(WIDTH, LogStore(registry.client).tile))
    (tmp_path / "copy" / "checkpoint").write_bytes(notes.sign(head, registry.log_key))
    before = held(registry)
    registry.client.delete(layout.CHECKPOINT)
    result = run("restore", "--from", tmp_path / "copy", "--behind")
    assert result.exit_code == 1
    assert "this store holds leaves that are not to be restored; move it away" in result.output
    assert {**held(registry), layout.CHECKPOINT: before[layout.CHECKPOINT]} == before


def test_what_an_emptied_node_proposed_meanwhile_is_not_kept(registry: Registry, run: Run, tmp_path: Path) -> None:
    """It began its ledger anew and its witnesses disowned it: restored under that, it would never start again."""
    with Witnesses(registry.policy.log, lambda: registry.now) as three:
        registry.policy = three.policy
        (registry.settings.data / "policy.txt").write_text(str(three.policy))
        sequencer = registry.sequencer()
        sequencer.register(registry.enrolment())
        sequencer.lease.drop()
        assert run("backup", "--out", tmp_path / "copy").exit_code == 0
        registry.client.flushall()
        registry.mark.unlink()
        anew = registry.sequencer()
        with pytest.raises(Disowned):
            anew.register(registry.enrolment()[:1])
        anew.lease.drop()
        assert registry.client.exists(layout.PENDING)
        result = run("restore", "--from", tmp_path / "copy")
        assert result.exit_code == 1
        assert "a checkpoint that was proposed and is not published; move it away" in result.output
        registry.client.flushall()
        assert run("restore", "--from", tmp_path / "copy").exit_code == 0
        assert registry.sequencer().register([registry.product()])[0].status == "registered"


def test_not_behind_what_was_published_here(registry: Registry, run: Run, out: Path) -> None:
    sequencer = registry.sequencer()
    sequencer.register([registry.product(904)])
    burn(registry)
    result = run("restore", "--from", out)
    assert result.exit_code == 1
    assert "node/high-water knows 30 leaves of this ledger, and only 28 are here" in result.output
    assert not registry.client.exists(layout.CHECKPOINT, layout.entries(0))
    assert run("restore", "--from", out, "--behind").exit_code == 0
    assert boot.verify(registry.client, registry.policy, highwater.read(registry.mark)) == SIZE


def test_not_behind_what_witnesses_cosigned(registry: Registry, run: Run, tmp_path: Path) -> None:
    """The machine burnt with its mark: what it published since the copy, its witnesses know."""
    with Witnesses(registry.policy.log, lambda: registry.now) as three:
        registry.policy = three.policy
        (registry.settings.data / "policy.txt").write_text(str(three.policy))
        sequencer = registry.sequencer()
        sequencer.register(registry.enrolment())
        size = sequencer.head.size
        assert run("backup", "--out", tmp_path / "copy").exit_code == 0
        sequencer.register([registry.product()])
        newer = sequencer.head.size
        registry.client.flushall()
        registry.mark.unlink()
        result = run("restore", "--from", tmp_path / "copy")
        assert result.exit_code == 1
        found = f"disowns these {size} leaves (it knows {newer} leaves of this log, more than these {size})"
        assert found in result.output
        assert not registry.client.exists(layout.CHECKPOINT, layout.entries(0))
        for one in three.all:
            one.stop()
        result = run("restore", "--from", tmp_path / "copy")  # nobody can say
        assert result.exit_code == 0
        assert result.output.count("could not say whether this is the newest: not reached") == 3
        for one in three.all:
            one.start()
        with pytest.raises(Disowned):  # and when they can, nothing is signed
            registry.sequencer().register([registry.product(1)])


def test_not_the_other_ledger_of_the_same_key(registry: Registry, run: Run, out: Path) -> None:
    """The mark is of a ledger that the copy's did not grow from: no option restores that."""
    registry.client.flushall()
    registry.mark.unlink()
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product(1)])
    assert sequencer.head.size < SIZE
    registry.client.flushall()
    for words in ((), ("--behind",)):
        result = run("restore", "--from", out, *words)
        assert result.exit_code == 1
        assert "as node/high-water knows it, found" in result.output


def test_not_the_ledger_of_another_genesis(registry: Registry, run: Run, out: Path, tmp_path: Path) -> None:
    """The trust says whose ledger it is, and what stands in the folder too; neither gives way to the other."""
    burn(registry)
    other = tmp_path / "trust.json"
    other.write_text(encode(replace(decode((out / "trust.json").read_text()), genesis=bytes(32))))
    result = run("restore", "--from", out, "--trust", other)
    assert result.exit_code == 64
    assert f"{other}: expected the ledger of {registry.settings.data}, found another's" in result.output
    result = run("restore", "--from", out, "--trust", other, PROBATUM_DATA=str(tmp_path / "bare"))
    assert result.exit_code == 1
    assert f"tile/entries/000.p/{SIZE}, byte 2: expected {'00' * 32}" in result.output
    assert registry.client.keys() in ([], [layout.EPOCH])


def test_an_altered_mark_is_not_passed_over(registry: Registry, run: Run, out: Path) -> None:
    burn(registry)
    flip(registry.mark, 40)
    result = run("restore", "--from", out)
    assert result.exit_code == 1
    assert "nothing says what was published from this machine; put the file back, or give up" in result.output
    assert run("restore", "--from", out, "--behind").exit_code == 0


def test_not_beside_a_node(registry: Registry, run: Run, out: Path) -> None:
    lease.take(registry.client, "another machine")
    result = run("restore", "--from", out)
    assert (result.exit_code, "found one running on this store" in result.output) == (1, True)


def test_the_lease_is_taken_again_after_a_slow_answer(registry: Registry) -> None:
    writer = command.Fenced(registry.client, None)
    registry.client.delete(layout.LEASE)  # it ran out
    writer.put({b"k": b"v"})
    assert registry.client.get(b"k") == b"v"
    registry.client.delete(layout.LEASE)
    lease.take(registry.client, "another machine")
    with pytest.raises(command.LeaseLost):
        writer.put({b"k": b"w"})
    assert registry.client.get(b"k") == b"v"


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("--from", "nowhere"), 2, "nowhere: expected a folder with a checkpoint in it, found none"),
    (("--from", "http://127.0.0.1:1"), 2, "not reached"),
    (("--from", "ftp://example.org"), 64, "expected http:// or https://"),
    ((), 64, "Missing option '--from'"),
    (("--from", "nowhere", "--trust", "README.md"), 64, "trust"),
]


@pytest.mark.parametrize(("words", "code", "says"), WRONG)
def test_asked_wrongly(run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    result = run("restore", *words)
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_a_damaged_store_is_not_copied(registry: Registry, run: Run, out: Path) -> None:
    sequencer = registry.sequencer()
    sequencer.register([registry.product(905)])
    registry.client.append(layout.body(registry.ids(30)[29]), b"!")
    result = run("backup", "--out", out)
    assert result.exit_code == 1
    assert "leaf 29: expected the bytes of statement" in result.output
    assert Mirror(out).size == SIZE


def test_another_ledger_s_folder_is_not_written_into(registry: Registry, run: Run, out: Path) -> None:
    registry.client.flushall()
    registry.mark.unlink()
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), *(registry.product(number) for number in range(30))])
    before = (out / "checkpoint").read_bytes()
    result = run("backup", "--out", out)
    assert result.exit_code == 1
    assert "expected a copy of this ledger, found another tree of 28 leaves" in result.output
    assert (out / "checkpoint").read_bytes() == before


def test_nothing_to_copy(run: Run, tmp_path: Path) -> None:
    result = run("backup", "--out", tmp_path / "copy")
    assert (result.exit_code, result.output) == (2, "nothing is published yet: there is nothing to copy\n")

