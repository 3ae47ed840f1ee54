"""What a statement names by hash is kept with it: a body that forgets to say so loses its deposit after a day."""

from collections.abc import Iterator
from typing import get_args, get_type_hints

import msgspec
import pytest

from verifier.statements.body import Digest
from verifier.statements.kinds import BODIES
from verifier.statements.product import Picture, Product

NO_DEPOSIT = {"root", "public", "key", "pack_key", "log"}
"""Digests and keys, all of 32 bytes, that name no bytes kept elsewhere."""
PICTURE = Picture(sha256=bytes([9]) * 32, media_type="image/png", size=1)


def named(kind: type[msgspec.Struct]) -> Iterator[str]:
    """The fields of 32 bytes, of the structs inside too."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for one in (hint, *get_args(hint)):
            if one == Digest and name not in NO_DEPOSIT:
                yield name
            elif isinstance(one, type) and issubclass(one, msgspec.Struct):
                yield from named(one)


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_names_bytes_by_their_hash_says_so(kind: str) -> None:
    assert ("deposits" in vars(BODIES[kind])) == bool(list(named(BODIES[kind])))


def test_a_product_keeps_its_picture() -> None:
    assert Product(gtin="09521000000018", name="x", image=PICTURE).deposits() == (PICTURE.sha256,)
    assert Product(gtin="09521000000018", name="x").deposits() == ()
