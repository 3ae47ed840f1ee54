"""`say`: what a member does with packs, as one EPCIS 2.0 event that it signs and registers."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from verifier.commands.client import Client, ServerError
from verifier.commands.issuing import now
from verifier.custody.transitions import EPCIS
from verifier.identity import Identity, parse_text
from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError
from verifier.settings import Settings
from verifier.statements.envelope import MEMBER, sign
from verifier.statements.event import Event


@click.command(short_help="Say what happens to packs.")
@click.argument("step", type=click.Choice(list(EPCIS)))
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@click.option("--as", "key_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Your key file.")
@click.option("--to", help="The member it is shipped to.")
@click.option("--server", help="Where to register; this machine's server by default.")
@click.pass_obj
def command(
    settings: Settings, step: str, codes: tuple[str, ...], key_path: Path, to: str | None, server: str | None
) -> None:
    """Register STEP of the packs CODE... (Digital Links, element strings, or their "(01)..." text)."""
    if (step == "ship") != bool(to):
        raise click.UsageError(f"--to MEMBER goes with ship, and only with it: found {step}" + (f" to {to}" * bool(to)))
    try:
        key, moment = keyfile.load(key_path), now()
        here = datetime.now().astimezone().tzinfo
        body = Event(epcis=epcis(step, [pack_of(code) for code in codes], moment, to, str(uuid4()), here))
        body.check()
        statement = sign("event", key.member, body.subject(), moment, body.encode(), key.seed)
        with Client(server or settings.base_url) as client:
            leaf = client.register(statement.raw)
    except (ServerError, KeyFileError, ValueError) as fault:
        raise click.ClickException(str(fault)) from None
    many = "s" * (len(codes) > 1)
    click.echo(f"{step} by {key.member}: {len(codes)} pack{many}, leaf {leaf['index']}, id {leaf['id']}")


def pack_of(code: str) -> Identity:
    """The pack of a code; raises ValueError unless it names GTIN, lot and serial."""
    pack = parse_text(code)
    if pack.gtin is None or pack.batch is None or pack.serial is None:
        found = " ".join(label for label, _ in pack.human())
        raise ValueError(f"{code}: expected a pack's GTIN (01), lot (10) and serial (21), found {found}")
    return pack


def epcis(
    step: str, packs: Sequence[Identity], moment: int, to: str | None, event_id: str, zone: tzinfo | None = UTC
) -> bytes:
    """One EPCIS 2.0 ObjectEvent, in JSON, for a step of the transitions table; `event_id` is a UUID, `moment` Unix
    seconds, `zone` that of the place: by its clock a second scan is told (verdict/supply)."""
    local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
    links = [Identity(tuple(e for e in pack.elements if e[0] in ("01", "10", "21"))).digital_link() for pack in packs]
    event: dict[str, Any] = {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{event_id}",
        "eventTime": local.isoformat(timespec="seconds"),
        "eventTimeZoneOffset": local.isoformat(timespec="seconds")[-6:],
        "epcList": links,
        "action": "OBSERVE",
        **EPCIS[step],
    }
    if to:
        event["destinationList"] = [{"type": "possessing_party", "destination": MEMBER + to}]
    return json.dumps(event).encode()
