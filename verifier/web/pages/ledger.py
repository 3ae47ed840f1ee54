"""`/ledger`: how the ledger grows, what was published, who vouches for it. What is shown is web/ledger's; here it is
put in words. The door that answers (page or JSON) is doors/ledger."""

import shlex
from collections.abc import Mapping
from datetime import datetime

import msgspec
from flask import render_template, request

from verifier.ledger.policy import NONE, Group, Policy
from verifier.ledger.tiles import WIDTH, Tile
from verifier.store.clocks import Registered
from verifier.verdict.verdict import utc
from verifier.web import words
from verifier.web.brought import LIMIT
from verifier.web.chart import curve
from verifier.web.pages.blueprint import again
from verifier.web.pages.problems import words_of
from verifier.web.pages.scan import verdict_page
from verifier.web.problem import Problem
from verifier.web.shapes import Finding, Overview
from verifier.web.words import language

SHORT = 6  # characters of a hash shown at each end
ROSTER = ("genesis", "member", "key")  # the kinds that say who may sign
FIRST = ("recall", "batch")
OUTCOMES = {
    "placed": "neutral", "published": "neutral", "fork": "do_not_use", "unproven": "caution", "ahead": "caution",
    "stranger": "unverified", "convicts": "do_not_use", "convicts_nobody": "unverified",
}  # fmt: skip
"""What a finding says -> whose look it wears. That something stands in the ledger says nothing about a box: only a
verdict may look so."""


def ledger_page(
    seen: Overview, policy: Policy, names: Mapping[str, str], now: int, refused: Problem | None = None, typed: str = ""
) -> str:
    """The page; its curve ends at `now` (Unix seconds), at the size that is published now. `names` is what witnesses
    are called, `refused` why what was brought is not told, and `typed` what goes back into the form."""
    points = [Registered(row.size, _seconds(row.time)) for row in seen.grown]
    if points and seen.size >= points[-1].size and now > points[-1].time:
        points.append(Registered(seen.size, now))
    return render_template(
        "ledger.html",
        seen=seen,
        curve=curve(points),
        ends=[{"size": one.size, "at": utc(one.time)} for one in (points[0], points[-1])] if points else [],
        rule=rule(policy, language(), names),
        names=names,
        older_than=request.args.get("before"),
        tile=f"/{Tile(0, 0, min(WIDTH, seen.size)).path()}" if seen.size else None,
        refused=refused,
        code=words_of(refused.type_code, refused.status) if refused else None,
        typed=typed,
        limit=LIMIT,
        short=short,
        server=shlex.quote(request.host_url.rstrip("/")),
    )


def found_page(found: Finding, text: str, names: Mapping[str, str]) -> str:
    """The page of what was brought: a verdict's where it was evidence, else what it is. `text` is the code, if it was
    one; `names` is what witnesses are called."""
    if found.verdict is not None:
        return verdict_page(msgspec.to_builtins(found.verdict), from_file=True)
    told = sorted((one for one in found.statements if one.kind not in ROSTER), key=lambda one: one.kind not in FIRST)
    return render_template(
        "found.html",
        found=found,
        outcome=OUTCOMES[found.says],
        told=told,
        roster=[one for one in found.statements if one.kind in ROSTER],
        batch=next((one for one in told if one.kind == "batch"), None),
        text=text,
        names=names,
        again=again(text) if text else None,
        short=short,
        code=shlex.quote(text),
        server=shlex.quote(request.host_url.rstrip("/")),
    )


def short(encoded: str) -> str:
    """A long word by its ends.

    >>> short("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    '47DEQp…hSuFU='
    """
    return f"{encoded[:SHORT]}…{encoded[-SHORT:]}"


def rule(policy: Policy, lang: str, names: Mapping[str, str]) -> str | None:
    """Who must cosign, in words; None where nobody must. `names` is what witnesses are called."""
    groups = {group.name: group for group in policy.groups}
    return None if policy.quorum == NONE else _named(policy.quorum, groups, names, lang)


def _named(name: str, groups: Mapping[str, Group], names: Mapping[str, str], lang: str) -> str:
    """A witness as it is called; a group by how many of its members, or by what all of them are."""
    group = groups.get(name)
    if group is None:
        return names.get(name, name)
    nested = [_named(member, groups, names, lang) for member in group.members]
    whole = group.k == len(group.members)
    if whole and any(member in groups for member in group.members):
        return words.joined(nested, lang)
    count = "one" if len(group.members) == 1 else "all" if whole else "some"
    told = {"k": group.k, "n": len(group.members), "name": name}
    if any(member in groups for member in group.members):
        return words.text("group.among", lang, k=group.k, members=" ; ".join(nested))
    return words.either(f"group.{name}.{count}", f"group.other.{count}", lang, **told)


def _seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())
