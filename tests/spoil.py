"""Evidence spoilt, one bit at a time, and a spoilt file judged: what the laws of the verdict are tried with."""

from dataclasses import fields, replace
from typing import Any

from forge import Case, trust
from house import House

from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.verdict import Verdict


def read_back(house: House, case: Case, data: bytes) -> Verdict:
    """The verdict on a file's bytes, as a verifier without a network gives it."""
    try:
        evidence = files.decode(data)
    except ValueError:
        evidence = Evidence()
    return judge(Question(case.identity), evidence, trust(house), house.clock())


def flipped(data: bytes, bit: int) -> bytes:
    place = bit // 8 % len(data)
    return data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


def altered(value: Any, bit: int) -> Any:
    """The same value with one bit other, somewhere within."""
    if isinstance(value, bytes):
        return flipped(value, bit)
    if isinstance(value, int):
        return value ^ 1 << bit % 20
    if isinstance(value, tuple):
        at = bit % len(value)
        return (*value[:at], altered(value[at], bit // len(value)), *value[at + 1 :])
    name = sorted(field.name for field in fields(value) if getattr(value, field.name) not in ((), None))
    part = name[bit % len(name)]
    return replace(value, **{part: altered(getattr(value, part), bit // len(name))})
