"""Where another is reached, as it is written on the command line."""

from urllib.parse import urlsplit

import click


def prefix(_: click.Context | None, __: click.Parameter | None, value: str | None) -> str | None:
    """The prefix of a log or a witness, without a slash at its end; raises click.BadParameter."""
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in value:
        raise click.BadParameter(f"expected http:// or https:// and a host, found {value[:80]!r}")
    return value.rstrip("/")
