"""`LAN=1`: https for phones beside the loopback's http, an address said and drawn, and a sentence for what fails."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from house import House
from served import Served, free_port

from scanner.decode import decode
from verifier import settings
from verifier.commands import authority, lan, main
from verifier.commands.supervise import ServeError
from verifier.settings import ROOT, Settings


@pytest.fixture(scope="module")
def said(lan_server: Served) -> str:
    """What the terminal showed."""
    return lan_server.told()


@pytest.fixture(scope="module")
def url(said: str) -> str:
    found = re.search(r"^  phone (https://[0-9.]+:[0-9]+), on the same network:$", said, re.MULTILINE)
    assert found, said
    return found[1]


@pytest.fixture(scope="module")
def client(lan_server: Served) -> Iterator[httpx.Client]:
    """Trusts the authority, and nobody else."""
    trusted = ssl.create_default_context(cafile=lan_server.data / "lan" / "ca.crt")
    assert len(trusted.get_ca_certs()) == 1
    with httpx.Client(verify=trusted, trust_env=False) as client:
        yield client


def test_the_address_answers_over_https_to_who_trusts_the_authority(
    lan_server: Served, url: str, client: httpx.Client
) -> None:
    port = lan_server.port + 443
    for base in (url, f"https://127.0.0.1:{port}", f"https://localhost:{port}"):
        assert client.get(f"{base}/healthz").json() == {"status": "ok"}
    assert not re.match(r"https://127\.", url)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{url}/healthz", trust_env=False)


def test_the_loopback_stays_as_it_is_for_the_terminal(lan_server: Served, said: str, tmp_path: Path) -> None:
    assert f"  open  http://127.0.0.1:{lan_server.port}\n" in said
    assert lan_server.run("verifier", "trust", "--out", str(tmp_path / "trust.json")).returncode == 0


def test_the_terminal_draws_the_address_so_that_it_can_be_scanned(said: str, url: str) -> None:
    lines = [line for line in said.splitlines() if line and not set(line) - set("█▀▄\N{NO-BREAK SPACE}")]
    (symbol,) = decode(pixels(lines))
    assert (symbol.format, symbol.text) == ("QRCode", url)


def pixels(lines: list[str]) -> np.ndarray:
    """Half blocks as a terminal draws them, light on dark: two modules a character."""
    upper = [[255 * (char in "█▀") for char in line] for line in lines]
    lower = [[255 * (char in "█▄") for char in line] for line in lines]
    modules = np.array([row for pair in zip(upper, lower, strict=True) for row in pair], np.uint8)
    return np.asarray(cv2.resize(modules, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST), np.uint8)


def test_the_certificate_is_had_at_a_plain_address_and_is_the_one_the_terminal_names(
    lan_server: Served, said: str, url: str
) -> None:
    page = re.search(r"  trust (http://\S+/lan) ", said)
    assert page
    answer = httpx.get(f"{page[1]}/ca.crt", trust_env=False)
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    pem = (lan_server.data / "lan" / "ca.crt").read_text()
    assert answer.content == ssl.PEM_cert_to_DER_cert(pem)
    shown = authority.fingerprint(answer.content)
    assert shown in re.sub(r"\n +", "", said)
    told = httpx.get(page[1], trust_env=False).text
    assert shown in told
    assert f'href="{url}/"' in told


def test_started_again_it_is_the_same_authority(lan_server: Served, said: str, url: str) -> None:
    certificate = (lan_server.data / "lan" / "server.crt").read_bytes()
    again = lan.ready(settings.from_env(lan_server.environment))
    assert (again.url, again.certificate.read_bytes()) == (url, certificate)
    assert list(lan.told(again))[-1] in said  # the fingerprint


# --- refusals ---


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan, "SOMEWHERE", ("127.0.0.1", 9))  # the way to it begins at our own address
    with pytest.raises(ServeError, match=r"^PROBATUM_LAN: expected an address on a local network, found none; join"):
        lan.address_of("1")


@pytest.mark.parametrize(("asked", "found"), [("8.8.8.8", "found 8.8.8.8, a public one"), ("127.0.0.1", "found none")])
def test_an_address_of_no_local_network_is_refused(asked: str, found: str) -> None:
    with pytest.raises(ServeError, match=f"PROBATUM_LAN: expected an address .*{found}"):
        lan.address_of(asked)


def test_an_address_that_is_named_is_taken(tmp_path: Path) -> None:
    """In a container, the address is its host's."""
    ready = lan.ready(Settings(data=tmp_path, port=8000, lan="192.168.7.7", host="0.0.0.0"))  # noqa: S104
    assert (ready.url, ready.trust) == ("https://192.168.7.7:8443", "http://192.168.7.7:8000/lan")
    hidden = lan.ready(Settings(data=tmp_path, port=8000, lan="192.168.7.7"))
    assert hidden.trust == "https://192.168.7.7:8443/lan", "plain http is on the loopback alone"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PORT": str(free_port()), "PROBATUM_DATA": str(tmp_path / "var"), "PROBATUM_LAN": "1", "REDIS_URL": ""}


def test_the_https_port_in_use_is_one_sentence(environment: dict[str, str]) -> None:
    port = int(environment["PORT"])
    with socket.socket() as other:
        other.bind(("0.0.0.0", port + 443))  # noqa: S104
        other.listen()
        result = CliRunner().invoke(main, ["serve"], env=environment)
    said = f"Error: PORT: expected a free port, found {port + 443} in use on 0.0.0.0: try PORT={port + 1}\n"
    assert (result.exit_code, result.output) == (1, said)


def test_a_damaged_authority_is_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "var" / "lan"
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_text("no certificate")
    (folder / "ca.key").write_text("no key")
    (folder / "ca.key").chmod(0o600)
    result = CliRunner().invoke(main, ["serve"], env=environment)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith(f"Error: {folder}/ca.crt: expected a certificate and its key in PEM, found one of")


def test_without_it_there_is_nothing_to_trust(demo_house: House) -> None:
    assert [demo_house.http.get(path).status_code for path in ("/lan", "/lan/ca.crt")] == [404, 404]


def test_make_hands_it_on() -> None:
    told = subprocess.run(
        ["make", "-C", str(ROOT), "-n", "-p", "LAN=1", "help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert re.search(r"^export PROBATUM_LAN := 1$|^PROBATUM_LAN := 1$", told, re.MULTILINE)
