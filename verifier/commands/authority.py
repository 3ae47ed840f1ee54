"""A certificate authority of this machine's own, so that phones of the local network reach it over https.

Made once in <data>/lan and kept, since each phone must trust it by hand; what it signs is made again whenever that no
longer fits. Its key is a file of mode 0600, and its certificate is *name-constrained* (RFC 5280 4.2.1.10) to addresses
that no public site can have: whoever steals the key cannot pass for a bank.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Not globally reachable (the IANA special-purpose registries, RFC 6890): private, shared, loopback, link-local, tests.
LOCAL: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(block)
    for block in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24"),
        *("192.168.0.0/16", "198.18.0.0/15", "::1/128", "fc00::/7", "fe80::/10"),
    )
)
LOCALHOST = IPv4Address("127.0.0.1")
AUTHORITY_DAYS, SERVER_DAYS, RENEW_DAYS = 3650, 396, 30
"""Phones refuse server certificates of more than 397 days; the day left is for clocks that are behind."""
BEHIND = timedelta(hours=12)


class AuthorityError(Exception):
    """The authority's files cannot be used; the sentence says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate and the key that goes with it; what it signs is believed by whoever trusts the certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as phones show it: "AB:CD:..."."""
        return fingerprint(self.certificate.public_bytes(Encoding.DER))


def fingerprint(der: bytes) -> str:
    """SHA-256 as phones and browsers show it.

    >>> fingerprint(b"")[:11]
    'E3:B0:C4:42'
    """
    return hashlib.sha256(der).digest().hex(":").upper()


def kept(folder: Path, now: datetime) -> Authority:
    """The authority of `folder`, made on first use. Raises AuthorityError."""
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not certificate.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = _made(now)
        _write(key, _pem(made.key))
        _write(certificate, made.certificate.public_bytes(Encoding.PEM), 0o644)  # last: phones may trust it from now on
    return _read(certificate, key, now)


def server(folder: Path, authority: Authority, address: IPv4Address, now: datetime) -> tuple[Path, Path]:
    """Certificate and key of the https server at `address` and on this machine: those of `folder` while they fit."""
    certificate, key = folder / "server.crt", folder / "server.key"
    if not _fits(certificate, key, authority, address, now):
        made = ec.generate_private_key(ec.SECP256R1())
        signed = _signed(authority, made, (address, LOCALHOST), now)
        _write(key, _pem(made))
        _write(certificate, signed.public_bytes(Encoding.PEM), 0o644)
    return certificate, key


def _made(now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Probatum, local network, {now:%Y-%m-%d}")])
    permitted = [*map(x509.IPAddress, LOCAL), x509.DNSName("localhost")]
    builder = (
        _begun(name, name, key, now, timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return Authority(builder.sign(key, SHA256()), key)


def _signed(
    authority: Authority, key: ec.EllipticCurvePrivateKey, addresses: Sequence[IPv4Address], now: datetime
) -> x509.Certificate:
    names = [*(x509.IPAddress(address) for address in dict.fromkeys(addresses)), x509.DNSName("localhost")]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Probatum on this network")])
    life = min(timedelta(days=SERVER_DAYS), authority.certificate.not_valid_after_utc - now)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _begun(subject, authority.certificate.subject, key, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer, critical=False)
    )
    return builder.sign(authority.key, SHA256())


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEHIND)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(certificate: Path, key: Path, now: datetime) -> Authority:
    def refusal(file: Path, expected: str, found: str) -> AuthorityError:
        advice = f"restore both files of {file.parent}, or delete that folder and have phones trust a new authority"
        return AuthorityError(f"{file}: expected {expected}, found {found}; {advice}")

    try:
        mode = key.stat().st_mode
        loaded = load_pem_private_key(key.read_bytes(), None)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as fault:
        raise refusal(key, "a key that can be read", fault.strerror or "a fault") from None
    except (ValueError, TypeError):
        raise refusal(certificate, "a certificate and its key in PEM", "one of them damaged") from None
    if mode & 0o077:
        raise refusal(key, "mode 0600", f"{mode & 0o777:04o}, readable by others")
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or _public(loaded) != _public(found):
        raise refusal(key, f"the key of {certificate.name}", "another")
    if now >= found.not_valid_after_utc:
        raise refusal(certificate, "one that is valid", f"that it ended on {found.not_valid_after_utc:%Y-%m-%d}")
    return Authority(found, loaded)


def _fits(certificate: Path, key: Path, authority: Authority, address: IPv4Address, now: datetime) -> bool:
    """Whether these files still serve: signed by the authority, for these addresses, for long enough. Damaged: no."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        found.verify_directly_issued_by(authority.certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        covered = {address, LOCALHOST} <= set(names.get_values_for_type(x509.IPAddress))
        own = _public(load_pem_private_key(key.read_bytes(), None)) == _public(found)
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    ends = min(found.not_valid_after_utc, authority.certificate.not_valid_after_utc)
    return covered and own and found.not_valid_before_utc <= now < ends - timedelta(days=RENEW_DAYS)


def _public(holder: x509.Certificate | PrivateKeyTypes) -> bytes:
    """The public key of a certificate or a private key, to compare."""
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
