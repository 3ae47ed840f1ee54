"""`anchor`: say the newest checkpoint on an Ethereum chain, once or always; or ask the chain what members said there.

Which chain, contract and accounts count stands in anchors.txt in the data folder (ledger/anchor), the same for every
member; where the chain is asked, and the file of the account's key, are settings: no secret is a word of the command.
What stands on a chain that is thrown away is never called an anchor here.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

import click
import redis

from verifier import files
from verifier.commands.audit import Command, asked_wrongly
from verifier.commands.serve import say
from verifier.commands.where import prefix
from verifier.ledger import anchor
from verifier.ledger.anchor import Chosen, spell
from verifier.node import ethereum, local_chain
from verifier.node.account import load_account, load_or_create
from verifier.node.anchoring import Anchoring, Book, Shown, Stored, View
from verifier.node.ethereum import Chain
from verifier.node.keyfile import KeyFileError
from verifier.node.remote import Remote
from verifier.node.rpc import ChainError, Lied
from verifier.node.testimony import Lied as LogLied
from verifier.node.testimony import Unreached as LogUnreached
from verifier.settings import Settings
from verifier.store.anchors import Anchor, keep
from verifier.store.log import LogStore
from verifier.store.redis import StoreError, connect
from verifier.verdict import trust as trusts
from verifier.web.desk import policy_of

ROUND_S, ROUND_DEVELOPMENT_S = 12.0, 1.0
"""Between two looks at a chain; Ethereum makes a block every twelve seconds."""
SAY_AGAIN_S = 600.0
FAULTS = (
    *(ChainError, KeyFileError, StoreError, redis.RedisError),
    *(LogLied, LogUnreached, LookupError, ValueError, OSError, HTTPException),
)
"""What a round may meet, each in a sentence; the next round may not."""


@click.command(cls=Command, short_help="Say the newest checkpoint on a chain.")
@click.option("--watch", is_flag=True, help="Go on: on schedule, and again after a reorganisation.")
@click.option("--check", is_flag=True, help="Only hold what the members said on the chain against the ledger.")
@click.option("--account", is_flag=True, help="Only tell the account's address; its key is made on first use.")
@click.option("--deploy", is_flag=True, help="Only put the contract on the chain, and write anchors.txt.")
@click.option("--develop", is_flag=True, hidden=True)  # with --watch: make ready a chain that `serve` started
@click.option("--wait/--no-wait", default=True, show_default=True, help="Whether to wait until it lies deep enough.")
@click.option("--patience", default=3600, show_default=True, help="Seconds to wait at most.")
@click.option("--from", "url", callback=prefix, help="Whose log; this machine's server by default.")
@click.option(
    "--trust", "trust_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is believed of that log (verifier trust); this machine's policy by default.",
)  # fmt: skip
@click.pass_obj
def command(
    settings: Settings, watch: bool, check: bool, account: bool, deploy: bool, develop: bool, wait: bool, patience: int,
    url: str | None, trust_path: Path | None,
) -> None:  # fmt: skip
    """Say the newest published checkpoint on the chain, and wait until it lies deep enough.

    Exit: 0 done, or the chain agrees; 1 it does not, or was of no help; 64 asked wrongly.
    """
    with asked_wrongly():
        if sum((watch, check, account, deploy)) > 1:
            raise click.UsageError("--watch, --check, --account and --deploy: expected at most one of them")
    try:
        if account:
            say(load_or_create(settings.account_key).address.lower())
        elif deploy:
            _deploy(settings)
        else:
            with ExitStack() as stack:
                book, keeps = _book(settings, stack, url, trust_path)
                if watch:
                    _watch(settings, book, keeps, develop)
                _check(settings, book) if check else _once(settings, book, wait, patience)
    except FAULTS as fault:
        raise click.ClickException(str(fault)) from None


def chosen_of(data: Path) -> Chosen | None:
    """The anchors.txt of a data folder; raises AnchorError."""
    path = data / "anchors.txt"
    return anchor.parse(path.read_text("utf-8")) if path.exists() else None


def _needed(settings: Settings) -> tuple[str, Chosen]:
    """Where the chain is asked, and what was chosen on it; raises ChainError."""
    chosen = chosen_of(settings.data)
    if settings.chain_url is None:
        raise ChainError("PROBATUM_CHAIN: expected where an Ethereum node is asked, found nothing")
    if chosen is None:
        told = "get it from another member, or make one: python -m verifier anchor --deploy"
        raise ChainError(f"{settings.data / 'anchors.txt'}: expected which contract and accounts count; {told}")
    return settings.chain_url, chosen


def _book(
    settings: Settings, stack: ExitStack, url: str | None, trust_path: Path | None
) -> tuple[Book, Callable[[list[Anchor]], None]]:
    """The ledger: in the store, where `serve` told us of one, and then what is seen is kept there; else as served."""
    policy = trusts.decode(trust_path.read_text("utf-8")).policy if trust_path else policy_of(settings.data)
    if url is None and settings.redis_url is not None:
        client = connect(settings.redis_url)
        stack.callback(client.close)
        return Stored(LogStore(client), policy), lambda seen: keep(client, seen)
    return Shown(stack.enter_context(Remote(url or settings.base_url)), policy), lambda _: None


def _deploy(settings: Settings) -> None:
    path, account = settings.data / "anchors.txt", load_or_create(settings.account_key)
    if path.exists():
        raise ChainError(f"{path}: expected no contract chosen yet, found one; move the file away to deploy another")
    if settings.chain_url is None:
        raise ChainError("PROBATUM_CHAIN: expected where an Ethereum node is asked, found nothing")
    chosen = ethereum.deploy(settings.chain_url, account)
    files.write(path, str(chosen).encode(), 0o644)
    say(f"contract {spell(chosen.contract)} on {_named(chosen.chain)}; {path} is for every member, with their accounts")


def _watch(settings: Settings, book: Book, keeps: Callable[[list[Anchor]], None], develop: bool) -> None:
    """Round after round, until the process is ended: what counts stands on the chain."""
    tell = Teller()
    while True:
        try:
            if develop:
                _make_ready(settings)
            url, chosen = _needed(settings)
            account = load_account(settings.account_key) if settings.account_key.exists() else None
            if account is None:
                tell(f"no account in {settings.account_key}: only watching (make one: verifier anchor --account)")
            with Chain(url, chosen) as chain:
                _rounds(Anchoring(chain, book, account, settings.anchor_every, _now, tell, keeps), tell, develop)
        except FAULTS as fault:
            tell(str(fault))
        time.sleep(ROUND_DEVELOPMENT_S if develop else ROUND_S)


def _rounds(anchoring: Anchoring, tell: "Teller", develop: bool) -> None:
    """Rounds on one chain; they end where a chain for development was exchanged for another."""
    while True:
        try:
            development = anchoring.round().development
        except FAULTS as fault:
            tell(str(fault))
            if develop and isinstance(fault, Lied):
                return
            development = develop
        time.sleep(ROUND_DEVELOPMENT_S if development else ROUND_S)


def _make_ready(settings: Settings) -> None:
    """Money and the contract on a chain that `serve` started; raises ChainError where it is no such chain."""
    url, chosen = settings.chain_url or "", chosen_of(settings.data)
    if chosen is not None and not anchor.throwaway(chosen.chain, ""):
        raise ChainError(f"{settings.data / 'anchors.txt'}: expected a development chain, found chain {chosen.chain}")
    account = load_or_create(settings.account_key)
    local_chain.give(url, account.address)
    if chosen is not None:
        with Chain(url, chosen) as chain:
            if chain.stands():
                return
    files.write(settings.data / "anchors.txt", str(ethereum.deploy(url, account)).encode(), 0o644)


def _once(settings: Settings, book: Book, wait: bool, patience: int) -> None:
    url, chosen = _needed(settings)
    account = load_account(settings.account_key)
    deadline, wanted = time.monotonic() + patience, book.head().size
    if wanted == 0:
        raise ChainError("nothing is published yet: expected a checkpoint of at least one leaf")
    with Chain(url, chosen) as chain:
        anchoring = Anchoring(chain, book, account, settings.anchor_every, _now, say)
        while True:
            view = anchoring.round(demanded=True)
            mine = view.newest(bytes.fromhex(account.address[2:]))
            deep = view.block - mine.block if mine and mine.size >= wanted else -1
            if mine is not None and deep >= (chosen.depth if wait else 0):
                say(f"{mine.size} leaves stand in block {mine.block} of {_named(chosen.chain, view)}, {deep} deep")
                return
            if time.monotonic() > deadline:
                found = f"{deep} deep" if deep >= 0 else "not in a block"
                raise ChainError(f"{wanted} leaves: expected {chosen.depth} deep within {patience} s, found {found}")
            time.sleep(ROUND_DEVELOPMENT_S if view.development else ROUND_S)


def _check(settings: Settings, book: Book) -> None:
    url, chosen = _needed(settings)
    seen: list[Anchor] = []
    with Chain(url, chosen) as chain:
        anchoring = Anchoring(chain, book, None, settings.anchor_every, _now, lambda _: None, seen.extend)
        view = anchoring.look()
        where, against = _named(chosen.chain, view), anchoring.against(view)
    for name, account in chosen.accounts:
        one = view.newest(account)
        say(f"{name}: {f'{one.size} leaves in block {one.block}' if one else 'nothing'}")
    valid = next((one for one in seen if one.valid), None)
    held = f"{valid.size} of {view.head.size} leaves, {valid.depth} blocks deep" if valid else "nothing yet"
    say(f"{where}: valid, by {chosen.valid} of {len(chosen.accounts)}: {held}")
    if against:
        raise ChainError("\n".join(against))


def _named(chain: int, view: View | None = None) -> str:
    """A chain by its id, and what it is not.

    >>> _named(1), _named(31337)
    ('chain 1', 'development chain 31337 (no anchor)')
    """
    thrown = view.development if view else anchor.throwaway(chain, "")
    return f"development chain {chain} (no anchor)" if thrown else f"chain {chain}"


def _now() -> int:
    return int(time.time())


class Teller:
    """Tells a sentence once, and again only after a while."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self._told.get(sentence, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._told = {one: at for one, at in self._told.items() if now - at < SAY_AGAIN_S} | {sentence: now}
            say(f"anchor: {sentence}")
