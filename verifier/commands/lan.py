"""The house on the local network: at which address, over which certificate, and what is said for phones to find it.

A phone opens its camera only at an https address it trusts. The listener itself is a service of serve.py's table.
"""

import io
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

import qrcode

from verifier.commands import authority
from verifier.commands.supervise import ServeError
from verifier.settings import ANY_HOST, FIND, Settings

SOMEWHERE = ("10.255.255.255", 9)  # nothing is sent: the system only says from which address it would be
HINT = "name it: PROBATUM_LAN=192.168.1.20 (or LAN=192.168.1.20 for make)"


@dataclass(frozen=True, slots=True)
class Lan:
    """What a phone needs: the https address, the page that says how to trust it, the authority's certificate and its
    fingerprint; what the listener needs: certificate and key."""

    url: str
    trust: str
    authority: Path
    fingerprint: str
    certificate: Path
    key: Path


def ready(settings: Settings) -> Lan:
    """Find the address, and have the certificates. Raises ServeError with one sentence."""
    address, now = address_of(settings.lan or FIND), datetime.now(UTC)
    folder = folder_of(settings.data)
    try:
        ours = authority.kept(folder, now)
    except authority.AuthorityError as fault:
        raise ServeError(str(fault)) from None
    certificate, key = authority.server(folder, ours, address, now)
    url = f"https://{address}:{settings.lan_port}"
    plain = f"http://{address}:{settings.port}" if settings.host in {*ANY_HOST, str(address)} else url
    return Lan(url, f"{plain}/lan", folder / "ca.crt", ours.fingerprint, certificate, key)


def folder_of(data: Path) -> Path:
    """Where the authority is kept."""
    return data / "lan"


def address_of(asked: str) -> IPv4Address:
    """This machine's address on the local network: the one `asked` for, or the one it would be reached by. Raises
    ServeError."""
    found = _outgoing() if asked == FIND else IPv4Address(asked)
    if found is None or found.is_loopback:
        raise ServeError(f"PROBATUM_LAN: expected an address on a local network, found none; join one, or {HINT}")
    if not any(found in block for block in authority.LOCAL):
        raise ServeError(f"PROBATUM_LAN: expected an address of a local network, found {found}, a public one; {HINT}")
    return found


def _outgoing() -> IPv4Address | None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(SOMEWHERE)
            return IPv4Address(probe.getsockname()[0])
    except (OSError, AddressValueError):
        return None


def told(lan: Lan) -> Iterator[str]:
    """What the terminal says, below the other addresses."""
    yield f"  phone {lan.url}, on the same network:\n"
    yield drawn(lan.url)
    yield f"  trust {lan.trust} on the phone, once: so that it opens its camera. Its certificate must be"
    yield f"        {lan.fingerprint[:48]}\n        {lan.fingerprint[48:]}"


def drawn(url: str) -> str:
    """A QR for the terminal, two modules a character, light on dark whatever the terminal's colours are."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=4)
    code.add_data(url)
    out = io.StringIO()
    code.print_ascii(out, invert=True)
    return "".join(f"\x1b[97;40m{line}\x1b[0m\n" for line in out.getvalue().splitlines())
