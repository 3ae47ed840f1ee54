"""The environment is read once: defaults, overrides, and a sentence for what cannot be used."""

from pathlib import Path

import pytest

from verifier.settings import ROOT, Settings, SettingsError, from_env


def test_an_empty_environment_serves_this_machine_alone() -> None:
    settings = from_env({"PORT": "", "REDIS_URL": ""})
    assert settings == Settings(data=Path.cwd() / "var")
    assert settings.base_url == "http://127.0.0.1:8000"


def test_a_child_reads_back_what_its_parent_was_given(tmp_path: Path) -> None:
    given = {
        "PORT": "8123",
        "PROBATUM_DATA": str(tmp_path),
        "REDIS_URL": "redis://10.0.0.1:6379/2",
        "PROBATUM_HOST": "::",
        "PROBATUM_HOSTS": "id.gs1.org, ID.example",
        "PROBATUM_WORKERS": "3",
        "PROBATUM_VAULT_KEY": "/media/key",
        "PROBATUM_LAN": "192.168.1.20",
        "PROBATUM_LIMITS": "unix:///run/counters.sock",
        "PROBATUM_PROXIES": "1",
        "PROBATUM_CHAIN": "https://rpc.example/v3/secret",
        "PROBATUM_CHAIN_KEY": "/media/account",
        "PROBATUM_ANCHOR_EVERY": "600",
    }
    settings = from_env(given)
    assert settings.hosts == {"id.gs1.org", "id.example"}
    assert from_env(settings.environment()) == settings


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PORT", "0", "a port between 1 and 65535"),
        ("PORT", "65536", "a port between 1 and 65535"),
        ("PORT", "8_0", "a port between 1 and 65535"),
        ("PORT", "٨٠", "a port between 1 and 65535"),
        ("PROBATUM_WORKERS", "many", "a number of web workers between 1 and 64"),
        ("PROBATUM_LAN", "yes", "1, or this machine's IPv4 address"),
        ("PROBATUM_LAN", "fd00::2", "1, or this machine's IPv4 address"),
        ("REDIS_URL", "localhost:6379", "a URL beginning with redis://"),
        ("PROBATUM_LIMITS", "on", "a URL beginning with redis://"),
        ("PROBATUM_ANCHOR_EVERY", "0", "seconds between 1 and 31536000"),
        ("PROBATUM_PROXIES", "-1", "a number of proxies between 0 and 9"),
        ("PROBATUM_HOSTS", "https://id.gs1.org", "host names separated by commas"),
        ("PROBATUM_DATA", __file__, "a folder"),
        ("PROBATUM_DATA", "~no-such-user/var", "a folder"),
    ],
)
def test_what_cannot_be_used_is_named(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_env({variable: value})
    assert str(refusal.value).startswith(f"{variable}: expected {expected}")
    assert str(refusal.value).endswith(f"found {value!r}")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("box.local", "http://box.local:8000")],  # noqa: S104
)
def test_the_base_url_is_one_a_browser_here_reaches(host: str, url: str) -> None:
    assert from_env({"PROBATUM_HOST": host}).base_url == url


def test_the_local_network_is_served_only_when_asked() -> None:
    found = from_env({"PROBATUM_LAN": "1"})
    assert (found.host, found.lan, found.lan_port, found.base_url) == ("0.0.0.0", "1", 8443, "http://127.0.0.1:8000")  # noqa: S104
    assert from_env(found.environment()) == found
    assert from_env({"PROBATUM_LAN": "0"}) == from_env({})
    assert from_env({"PROBATUM_LAN": "1", "PROBATUM_HOST": "127.0.0.1"}).host == "127.0.0.1"
    with pytest.raises(SettingsError, match="PORT: expected a port between 1 and 65092, found '65093'"):
        from_env({"PROBATUM_LAN": "1", "PORT": "65093"})


@pytest.mark.parametrize("url", ["wss://rpc.example/v3/secret", "http:///secret", "http://[secret", "secret"])
def test_a_faulty_chain_is_refused_without_showing_its_secret(url: str) -> None:
    with pytest.raises(SettingsError, match="PROBATUM_CHAIN: expected a URL beginning with http") as refusal:
        from_env({"PROBATUM_CHAIN": url})
    assert "secret" not in str(refusal.value)
    assert "secret" not in repr(from_env({"PROBATUM_CHAIN": "http://rpc.example/secret"}))


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    told = {"lan": "1", "redis_url": "redis://x", "limits": "off", "chain": "off"}
    every = Settings(data=ROOT, vault_key=ROOT, chain_key=ROOT, **told).environment()
    assert [name for name in every if f"`{name}`" not in readme] == []
