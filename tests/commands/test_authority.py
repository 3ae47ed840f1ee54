"""Our own certificate authority: made once, kept, good for local networks alone; what it signs is renewed in time."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from verifier.commands import authority
from verifier.commands.authority import Authority, AuthorityError

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
HERE, THERE = IPv4Address("192.168.1.20"), IPv4Address("10.0.0.7")
DAY = timedelta(days=1)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority.kept(tmp_path, NOW)


def serial(folder: Path) -> int:
    return x509.load_pem_x509_certificate((folder / "server.crt").read_bytes()).serial_number


def believed(ours: Authority, leaf: x509.Certificate, name: IPv4Address | str, now: datetime = NOW) -> bool:
    """Whether a verifier that trusts the authority alone takes `leaf` for the server called `name`."""
    subject = x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)
    verifier = PolicyBuilder().store(Store([ours.certificate])).time(now).build_server_verifier(subject)
    try:
        verifier.verify(leaf, [])
    except VerificationError:
        return False
    return True


def test_it_is_made_once_and_its_key_is_ours_alone(tmp_path: Path, ours: Authority) -> None:
    assert authority.kept(tmp_path, NOW + 100 * DAY).fingerprint == ours.fingerprint
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key"]


def test_the_server_is_believed_at_its_addresses_and_nowhere_else(tmp_path: Path, ours: Authority) -> None:
    certificate, key = authority.server(tmp_path, ours, HERE, NOW)
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert [believed(ours, leaf, name) for name in (HERE, authority.LOCALHOST, "localhost")] == [True] * 3
    assert [believed(ours, leaf, name) for name in (THERE, "example.org")] == [False] * 2
    assert key.stat().st_mode & 0o777 == 0o600
    ssl.create_default_context().load_cert_chain(certificate, key)


def test_phones_refuse_servers_of_more_than_397_days(tmp_path: Path, ours: Authority) -> None:
    certificate, _ = authority.server(tmp_path, ours, HERE, NOW)
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)
    assert believed(ours, leaf, HERE, NOW - timedelta(hours=6)), "a phone whose clock is behind"
    assert ours.certificate.not_valid_after_utc - NOW > 3600 * DAY


@pytest.mark.parametrize("stolen_for", [IPv4Address("8.8.8.8"), "bank.example", "box.local"])
def test_a_stolen_key_passes_for_no_public_site(tmp_path: Path, ours: Authority, stolen_for: IPv4Address | str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.DNSName(stolen_for) if isinstance(stolen_for, str) else x509.IPAddress(stolen_for)
    honest = authority._signed(ours, key, [HERE], NOW)
    builder = x509.CertificateBuilder(
        honest.issuer, honest.subject, honest.public_key(), honest.serial_number,
        honest.not_valid_before_utc, honest.not_valid_after_utc,
    )  # fmt: skip
    for one in honest.extensions:
        value = x509.SubjectAlternativeName([name]) if isinstance(one.value, x509.SubjectAlternativeName) else one.value
        builder = builder.add_extension(value, one.critical)
    assert not believed(ours, builder.sign(ours.key, authority.SHA256()), stolen_for)
    assert believed(ours, honest, HERE)


def test_the_server_is_kept_while_it_fits(tmp_path: Path, ours: Authority) -> None:
    authority.server(tmp_path, ours, HERE, NOW)
    first = serial(tmp_path)
    authority.server(tmp_path, ours, HERE, NOW + 300 * DAY)
    assert serial(tmp_path) == first


@pytest.mark.parametrize(
    "why", ["another address", "near its end", "ended", "no key", "damaged", "another's", "not yet"]
)
def test_the_server_is_made_again_when_it_no_longer_fits(tmp_path: Path, ours: Authority, why: str) -> None:
    certificate, key = authority.server(tmp_path, ours, HERE, NOW)
    first, now, at = serial(tmp_path), NOW, HERE
    if why == "another address":
        at = THERE
    elif why in ("near its end", "ended", "not yet"):
        now += {"near its end": 370 * DAY, "ended": 500 * DAY, "not yet": -2 * DAY}[why]
    elif why == "no key":
        key.unlink()
    elif why == "damaged":
        certificate.write_bytes(certificate.read_bytes()[:200])
    else:
        other = authority.kept(tmp_path / "other", NOW)
        authority.server(tmp_path / "other", other, HERE, NOW)
        certificate.write_bytes((tmp_path / "other" / "server.crt").read_bytes())
        first = serial(tmp_path)
    authority.server(tmp_path, ours, at, now)
    assert serial(tmp_path) != first
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert believed(ours, made, at, max(now, NOW))


def test_it_outlives_nothing_that_it_signs(tmp_path: Path, ours: Authority) -> None:
    late = ours.certificate.not_valid_after_utc - 60 * DAY
    certificate, _ = authority.server(tmp_path, ours, HERE, late)
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert leaf.not_valid_after_utc == ours.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("cut", "ca.crt: expected a certificate and its key in PEM, found one of them damaged"),
        ("no key", "ca.key: expected a key that can be read, found No such file or directory"),
        ("another key", "ca.key: expected the key of ca.crt, found another"),
        ("open", "ca.key: expected mode 0600, found 0644, readable by others"),
        ("old", "ca.crt: expected one that is valid, found that it ended on 2036-11-21"),
    ],
)
def test_a_damaged_authority_is_one_sentence_and_is_not_replaced(
    tmp_path: Path, ours: Authority, damage: str, sentence: str
) -> None:
    certificate, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    if damage == "cut":
        certificate.write_bytes(certificate.read_bytes()[:100])
    elif damage == "no key":
        key.unlink()
    elif damage == "another key":
        authority.kept(tmp_path / "other", NOW)
        key.write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    elif damage == "open":
        key.chmod(0o644)
    before = certificate.read_bytes()
    with pytest.raises(AuthorityError) as refusal:
        authority.kept(tmp_path, NOW + 4000 * DAY if damage == "old" else NOW)
    assert str(refusal.value).startswith(f"{tmp_path}/{sentence}; restore both files of {tmp_path}, or delete")
    assert certificate.read_bytes() == before


def test_cut_short_before_phones_could_trust_it_it_begins_again(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_bytes(b"half a k")
    (tmp_path / "ca.part").write_bytes(b"half a c")
    assert authority.kept(tmp_path, NOW).fingerprint == authority.kept(tmp_path, NOW).fingerprint
