"""The node that hides a revocation, so that what a stolen key signed reads as genuine.

A revocation is for anyone to read: any stranger who watches convicts it.
"""

from pathlib import Path
from typing import Any

from house import House
from lying import convict, lying, serving, watch

from verifier.statements.answer import Answer
from verifier.statements.key import Key
from verifier.statements.kinds import body_of


def test_a_stolen_key_that_is_told_as_sound(world: House, tmp_path: Path) -> None:
    pack = world.world.pack("doubted", 0)
    ends = [one for one in world.leaves() if one.kind == "key" and _of(body_of(one)) is not None]
    (revocation,) = ends

    def lie(answer: Answer) -> dict[str, Any]:
        return {"applies": [one for one in answer.applies if one != revocation.id]}

    assert world.codes(pack) == ["key_compromised"]
    with serving(world) as url, lying(world, lie):
        assert world.codes(pack) == ["genuine", "not_recorded"]
        status, lines = watch(world, url, tmp_path, code=pack.digital_link())
    assert status == 1
    lot = pack.digital_link().split("/21/")[0]
    assert {line["lies"][0]["code"] for line in lines} == {"hidden_key"}
    about = next(line for line in lines if line["identity"] == pack.digital_link())
    assert all(line["identity"].startswith(lot) for line in lines)
    code, found = convict(tmp_path, about["conviction"])
    assert (code, found["who"]["member"]) == (0, "registre-demo")
    assert found["lies"][0]["statement"] | {"said_at": ""} == {
        "id": revocation.id.hex(), "kind": "key", "by": "laboratoires-aubrac", "said_at": "",
        "leaf": [one.id for one in world.leaves()].index(revocation.id),
    }  # fmt: skip


def _of(body: object) -> int | None:
    return body.compromised_since if isinstance(body, Key) else None
