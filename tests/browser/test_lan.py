"""A phone of the local network: over https that it trusts, its camera opens; over plain http, it is told why not."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from browser import film
from browser.test_verdict_pages import expect_verdict
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, expect
from served import Served

from verifier.commands.lan import address_of
from verifier.web.words import text

Open = Callable[..., Page]
Launch = Callable[..., Browser]


@pytest.fixture(scope="module")
def address() -> str:
    """This machine's, on the local network."""
    return str(address_of("1"))


def trusted(served: Served) -> str:
    """The flag by which a browser takes this server's key as a phone would that trusts its authority."""
    certificate = x509.load_pem_x509_certificate((served.data / "lan" / "server.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={b64encode(sha256(key).digest()).decode()}"


def test_over_https_the_camera_opens_and_the_verdict_comes(
    open_page: Open, launched: Launch, lan_server: Served, address: str, tmp_path: Path
) -> None:
    shot = film.shoot(tmp_path / "box.mjpeg", (film.scene(lan_server.demo / "recalled.png"), 1))
    browser = launched(trusted(lan_server), *film.showing(shot))
    page = open_page(within=browser, url=f"https://{address}:{lan_server.port + 443}", locale="fr")
    page.goto("/")
    assert page.evaluate("isSecureContext && 'mediaDevices' in navigator")
    page.locator("#scan").tap()
    expect_verdict(page, "recall_patient", "fr")


def test_over_plain_http_it_is_told_why_not_and_offered_the_photo(
    open_page: Open, launched: Launch, lan_server: Served, address: str
) -> None:
    page = open_page(within=launched(*film.ALLOWED), url=f"http://{address}:{lan_server.port}", locale="fr")
    page.goto("/")
    expect(page.locator("#trouble")).to_contain_text(text("trouble.insecure.text", "fr"))
    expect(page.locator("#scan")).to_be_hidden()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_how_to_trust_it_is_a_page(
    open_page: Open, launched: Launch, lan_server: Served, address: str, language: str
) -> None:
    plain = f"http://{address}:{lan_server.port}"
    page = open_page(within=launched(trusted(lan_server)), url=plain, locale=language)
    page.goto("/lan")
    with page.expect_download() as download:
        page.get_by_role("link", name=text("lan.download", language)).click()
    fingerprint = sha256(Path(download.value.path()).read_bytes()).digest().hex(":").upper()
    expect(page.get_by_text(fingerprint)).to_be_visible()
    secure = f"https://{address}:{lan_server.port + 443}/"
    expect(page.get_by_role("link", name=secure)).to_have_attribute("href", secure)
