"""What the environment decides, read once into a promise: a Settings that exists is usable.

Only reading lives here; nothing is opened, created or connected, and nothing of ours is imported.

>>> from_env({"PORT": "8001"}).base_url
'http://127.0.0.1:8001'
>>> from_env({"PORT": "80o1"})
Traceback (most recent call last):
verifier.settings.SettingsError: PORT: expected a port between 1 and 65535, found '80o1'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
"""The folder of app.py and requirements.txt, from which children are started."""

ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - bound only for the local network, when asked
FIND = "1"
"""PROBATUM_LAN: let the program find this machine's address."""
OFF = "off"
"""PROBATUM_CHAIN: none, not even the one for development."""
TLS_ABOVE = 443
"""The https port of the local network lies this far above PORT: 8000 and 8443."""


class SettingsError(ValueError):
    """They asked wrongly: the sentence names the variable, what it may be and what it was."""

    def __init__(self, variable: str, expected: str, found: str) -> None:
        super().__init__(f"{variable}: expected {expected}, found {found!r}")
        self.variable, self.expected, self.found = variable, expected, found


@dataclass(frozen=True, slots=True)
class Settings:
    """`data` is absolute; `redis_url` is None when the embedded server is wanted; `hosts` are the names whose
    GS1 Digital Links are ours to parse (they are never opened); `vault_key` is the vault's master key, None for the one
    beside the vault: a separate medium is better. `limits` is the Redis that counts scans and may forget, "off", or
    None for the one that `serve` starts; `proxies` is how many servers in front tell whose address it is; `lan` is FIND
    or this machine's IPv4 address where phones of the local network are served over https, else None. `chain` is where
    an Ethereum node is asked (its address may hold a secret: it is told to nobody), OFF, or None for the development
    chain that `serve --demo` starts where there is one; `chain_key` is the file of the account that anchors, once every
    `anchor_every` seconds."""

    data: Path
    port: int = 8000
    redis_url: str | None = None
    host: str = "127.0.0.1"
    hosts: frozenset[str] = frozenset({"id.gs1.org"})
    workers: int = 2
    vault_key: Path | None = None
    limits: str | None = None
    proxies: int = 0
    lan: str | None = None
    chain: str | None = field(default=None, repr=False)
    chain_key: Path | None = None
    anchor_every: int = 3600

    @property
    def chain_url(self) -> str | None:
        """Where an Ethereum node is asked, if any is."""
        return None if self.chain == OFF else self.chain

    @property
    def account_key(self) -> Path:
        """The file of the account that anchors."""
        return self.chain_key or self.data / "node" / "chain.key"

    @property
    def lan_port(self) -> int:
        """Where https listens for the local network."""
        return self.port + TLS_ABOVE

    @property
    def base_url(self) -> str:
        """Where a browser on this machine reaches the web workers, without a trailing slash."""
        name = "127.0.0.1" if self.host in ANY_HOST else self.host
        return f"http://[{name}]:{self.port}" if ":" in name else f"http://{name}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The same settings as variables, for a child process: `from_env` of it gives this value back."""
        found = {
            "PROBATUM_DATA": str(self.data),
            "PORT": str(self.port),
            "PROBATUM_HOST": self.host,
            "PROBATUM_HOSTS": ",".join(sorted(self.hosts)),
            "PROBATUM_WORKERS": str(self.workers),
            "PROBATUM_PROXIES": str(self.proxies),
            "PROBATUM_ANCHOR_EVERY": str(self.anchor_every),
        }
        if self.vault_key is not None:
            found["PROBATUM_VAULT_KEY"] = str(self.vault_key)
        if self.limits is not None:
            found["PROBATUM_LIMITS"] = self.limits
        if self.lan is not None:
            found["PROBATUM_LAN"] = self.lan
        if self.chain is not None:
            found["PROBATUM_CHAIN"] = self.chain
        if self.chain_key is not None:
            found["PROBATUM_CHAIN_KEY"] = str(self.chain_key)
        return found if self.redis_url is None else found | {"REDIS_URL": self.redis_url}


def from_env(env: Mapping[str, str]) -> Settings:
    """Settings of `PORT`, `PROBATUM_DATA`, `REDIS_URL`, `PROBATUM_HOST`, `PROBATUM_HOSTS` (comma-separated),
    `PROBATUM_WORKERS`, `PROBATUM_VAULT_KEY`, `PROBATUM_LIMITS`, `PROBATUM_PROXIES`, `PROBATUM_LAN`, `PROBATUM_CHAIN`,
    `PROBATUM_CHAIN_KEY` and `PROBATUM_ANCHOR_EVERY`; an absent or empty one takes its default. Raises SettingsError."""
    vault_key, limits = env.get("PROBATUM_VAULT_KEY"), env.get("PROBATUM_LIMITS") or None
    lan = _lan(env.get("PROBATUM_LAN") or "0")
    return Settings(
        data=_folder(env.get("PROBATUM_DATA") or "var"),
        port=_whole(env, "PORT", 8000, 65535 - (TLS_ABOVE if lan else 0), "a port"),
        redis_url=_redis_url("REDIS_URL", env.get("REDIS_URL") or None),
        host=env.get("PROBATUM_HOST") or ("0.0.0.0" if lan else "127.0.0.1"),  # noqa: S104 - asked for
        hosts=_hosts(env.get("PROBATUM_HOSTS") or "id.gs1.org"),
        workers=_whole(env, "PROBATUM_WORKERS", 2, 64, "a number of web workers"),
        vault_key=_file(vault_key),
        limits="off" if limits == "off" else _redis_url("PROBATUM_LIMITS", limits),
        proxies=_whole(env, "PROBATUM_PROXIES", 0, 9, "a number of proxies", lowest=0),
        lan=lan,
        chain=_chain(env.get("PROBATUM_CHAIN") or None),
        chain_key=_file(env.get("PROBATUM_CHAIN_KEY")),
        anchor_every=_whole(env, "PROBATUM_ANCHOR_EVERY", 3600, 31_536_000, "seconds"),
    )


def _whole(env: Mapping[str, str], variable: str, default: int, highest: int, what: str, lowest: int = 1) -> int:
    text = env.get(variable) or str(default)
    # isdecimal alone would let other scripts' digits through, and int() underscores and signs.
    if not (text.isascii() and text.isdecimal() and lowest <= int(text[:9]) <= highest):
        raise SettingsError(variable, f"{what} between {lowest} and {highest}", text)
    return int(text)


def _file(text: str | None) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def _chain(text: str | None) -> str | None:
    try:
        parts = urlsplit(text or "")
        usable = text in (None, OFF) or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        usable = False
    if not usable:  # all but its beginning may be a secret
        scheme, colon, _ = (text or "").partition(":")
        found = scheme[:20] + colon if colon else "something else"
        raise SettingsError("PROBATUM_CHAIN", "a URL beginning with http:// or https://, or off", found)
    return text


def _lan(text: str) -> str | None:
    if text in ("0", FIND):
        return None if text == "0" else FIND
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise SettingsError("PROBATUM_LAN", "1, or this machine's IPv4 address on the local network", text) from None


def _folder(text: str) -> Path:
    refusal = SettingsError("PROBATUM_DATA", "a folder, or a path where one may be made", text)
    try:
        path = Path(text).expanduser().absolute()
        usable = path.is_dir() or not path.exists()
    except (OSError, RuntimeError):  # a folder above it that we may not enter; the home of nobody
        raise refusal from None
    if not usable:
        raise refusal
    return path


def _redis_url(variable: str, text: str | None) -> str | None:
    if text is not None and not text.startswith(("redis://", "rediss://", "unix://")):
        raise SettingsError(variable, "a URL beginning with redis://, rediss:// or unix://", text)
    return text


def _hosts(text: str) -> frozenset[str]:
    hosts = frozenset(part.strip().lower() for part in text.split(","))
    if "" in hosts or any("/" in host or "@" in host or " " in host for host in hosts):
        raise SettingsError("PROBATUM_HOSTS", "host names separated by commas", text)
    return hosts
