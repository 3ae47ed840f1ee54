"""What is brought to /ledger: a code's place is proved step by step, a file is told for what it is, and what is neither
is refused once and clearly; to a browser by the page, its words kept, to a program by problem+json."""

import base64
import random
import re
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from counting import Counted, wrong
from flask import Flask
from house import House, with_element
from registry import Registry

from verifier import web
from verifier.answers import conviction
from verifier.answers.conviction import Conviction
from verifier.commands.node import keys_of
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.cosignature import COSIGNATURE, cosign
from verifier.ledger.note import VerifierKey, parse
from verifier.ledger.policy import Policy, Witness
from verifier.ledger.proof import Proof
from verifier.store.log import LogStore
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.verdict import utc
from verifier.web import shapes
from verifier.web.brought import LIMIT
from verifier.web.desk import Desk
from verifier.web.limits import DEVICE

JSON, PAGE = {"Accept": "application/json", "Accept-Language": "en"}, {"Accept": "text/html", "Accept-Language": "en"}


def sent(http: Any, data: bytes | None = None, text: str | None = None, headers: dict[str, str] = JSON) -> Any:
    """POST the form; its body is made here, for the client keeps a large one in a file of its own."""
    fields = [] if text is None else [('name="text"', text.encode())]
    fields += [] if data is None else [('name="file"; filename="brought"', data)]
    parts = [
        b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (name.encode(), value) for name, value in fields
    ]
    kind = "multipart/form-data; boundary=b"
    return http.post("/ledger", data=b"".join([*parts, b"--b--\r\n"]), content_type=kind, headers=headers)


def found(house: House, data: bytes | None = None, text: str | None = None) -> shapes.Finding:
    answer = sent(house.http, data, text)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"
    return msgspec.json.decode(answer.get_data(), type=shapes.Finding)


def refused(answer: Any) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    fields = msgspec.json.decode(answer.get_data(), type=shapes.Problem)
    assert len(answer.get_data()) < 2000
    return answer.status_code, fields.type.rpartition("/")[2]


def climbed(one: shapes.Placed) -> str:
    """The root that the steps lead to, folded here by SHA-256 alone (RFC 9162 2.1.1)."""
    at = sha256(b"\x00" + bytes.fromhex(one.id)).digest()
    for step in one.path:
        pair = [base64.b64decode(step.neighbour), at]
        at = sha256(b"\x01" + b"".join(pair if step.left else reversed(pair))).digest()
        assert base64.b64encode(at).decode() == step.hash
    return base64.b64encode(at).decode()


@pytest.fixture(scope="module")
def text(demo_house: House) -> str:
    return demo_house.world.pack("current", 0).digital_link()


@pytest.fixture(scope="module")
def evidence(demo_house: House, text: str) -> bytes:
    data: bytes = demo_house.http.post("/api/evidence", json={"text": text}).get_data()
    return data


def head(house: House) -> Checkpoint:
    return notes.open(house.http.get("/checkpoint").data, house.desk.trust.policy)


# --- a code ---


def test_where_a_box_stands_is_proved_step_by_step(demo_house: House, text: str) -> None:
    told = found(demo_house, text=text)
    verdict = demo_house.verdict(text)
    assert (told.what, told.says, told.serial, told.size) == ("code", "placed", True, head(demo_house).size)
    assert told.root == verdict["ledger"]["root"]
    assert {climbed(one) for one in told.statements} == {told.root}
    kinds = [one.kind for one in told.statements]
    assert {"batch", "product", "genesis", "member", "key"} <= set(kinds)
    assert "event" not in kinds
    (batch,) = (one for one in told.statements if one.kind == "batch")
    assert batch.index == verdict["ledger"]["index"]
    assert batch.said_by == "Laboratoires Aubrac"
    leaves = demo_house.leaves()
    assert all(leaves[one.index].id.hex() == one.id for one in told.statements)
    assert told.withheld == sum(stop["step"] != "commission" for stop in verdict["custody"])


def test_a_page_of_it_draws_every_step_and_looks_like_no_verdict(demo_house: House, text: str) -> None:
    told = found(demo_house, text=text)
    page = sent(demo_house.http, text=text, headers=PAGE).get_data(as_text=True)
    shown = [one for one in told.statements if one.kind in ("batch", "product")]
    assert page.count("with its neighbour on the") == sum(len(one.path) for one in shown)
    assert page.count("with its neighbour on the left") == sum(step.left for one in shown for step in one.path)
    assert f"The batch is entry no. {shown[-1].index}" in page or f"The batch is entry no. {shown[0].index}" in page
    assert "not whether the box is good" in page
    assert "finding neutral" in page
    assert not re.search(r'class="[^"]*\b(genuine|caution|do_not_use)\b', page)


def test_a_recalled_lot_tells_its_recall_first(demo_house: House) -> None:
    link = demo_house.world.pack("recalled", 0).digital_link()
    told = found(demo_house, text=link)
    assert "recall" in [one.kind for one in told.statements]
    page = sent(demo_house.http, text=link, headers=PAGE).get_data(as_text=True)
    assert page.index("<h3>A recall</h3>") < page.index("<h3>The product</h3>")


def test_a_serial_that_nobody_issued_is_not_said_to_be(demo_house: House) -> None:
    told = found(demo_house, text=wrong(demo_house, 77).digital_link())
    assert told.serial is False
    assert "batch" not in [one.kind for one in told.statements]
    page = sent(demo_house.http, text=wrong(demo_house, 77).digital_link(), headers=PAGE).get_data(as_text=True)
    assert "No entry proves this serial number" in page


def test_a_box_without_a_serial_has_its_product(demo_house: House) -> None:
    told = found(demo_house, text="(01)09521000000018(10)AX26K1")
    assert told.serial is None
    assert "product" in [one.kind for one in told.statements]


@pytest.mark.parametrize(
    ("typed", "status", "code"),
    [
        ("hello", 422, "not_gs1"),
        ("(01)09521000000019", 422, "check_digit"),
        ("(01)09521000000018(21)ABC", 422, "incomplete"),
        ("   ", 422, "nothing_brought"),
        ("x" * 16_385, 422, "malformed"),
    ],
)
def test_what_is_no_box_is_refused_and_kept_in_its_form(demo_house: House, typed: str, status: int, code: str) -> None:
    assert refused(sent(demo_house.http, text=typed)) == (status, code)
    answer = sent(demo_house.http, text=typed, headers=PAGE)
    page = answer.get_data(as_text=True)
    assert answer.status_code == status
    assert page.count('role="alert"') == 1
    assert f'value="{typed[:2000]}"' in page
    assert 'class="curve"' in page, "the ledger is still shown"


def test_a_text_over_what_a_form_may_hold_is_a_text_too_long(demo_house: House) -> None:
    assert refused(sent(demo_house.http, text="x" * 100_000)) == (422, "malformed")
    assert sent(demo_house.http, text="x" * 100_000, headers=PAGE).status_code == 422


def test_what_was_typed_words_no_page(demo_house: House) -> None:
    typed = '"><script>alert(1)</script>'
    page = sent(demo_house.http, text=typed, headers=PAGE).get_data(as_text=True)
    assert "<script>" not in page
    assert typed in unescape(page)


def test_guessing_is_limited_here_too(counted: Counted) -> None:
    for number in range(21):
        answer = sent(counted.http, text=wrong(counted.house, 500 + number).digital_link())
        if answer.status_code != 200:
            break
    assert refused(answer) == (429, "too_many")
    page = sent(counted.http, text=wrong(counted.house, 600).digital_link(), headers=PAGE)
    assert (page.status_code, "Too many tries" in page.get_data(as_text=True)) == (429, True)
    assert page.headers["Retry-After"]


def test_files_are_counted_as_scans(counted: Counted) -> None:
    """Each may hold thousands of signatures to check."""
    told = [sent(counted.http, b"junk").status_code for _ in range(DEVICE.scans.amount + 1)]
    assert (set(told[:-1]), told[-1]) == ({415}, 429)


# --- evidence ---


@pytest.mark.parametrize("lot", ["current", "recalled", "expired"])
def test_evidence_has_the_verdict_of_everywhere(demo_house: House, lot: str) -> None:
    link = demo_house.world.pack(lot, 0).digital_link()
    data = demo_house.http.post("/api/evidence", json={"text": link}).get_data()
    told = found(demo_house, data)
    assert (told.what, told.says) == ("evidence", "judged")
    assert told.verdict is not None
    assert [one.code for one in told.verdict.reasons] == demo_house.codes(link)
    page = sent(demo_house.http, data, headers=PAGE).get_data(as_text=True)
    assert f'class="judged {told.verdict.outcome}"' in page
    assert "From your file alone" in page
    assert "python -m scanner --offline --evidence" in page
    assert not re.search(r'<form[^>]*action="/(ledger)?(\?[^"]*)?"', page), "no form of it asks the register"


def test_evidence_of_another_box_is_not_this_ones(demo_house: House, evidence: bytes) -> None:
    other = demo_house.world.pack("current", 3).digital_link()
    verdict = found(demo_house, evidence, other).verdict
    assert verdict is not None
    assert verdict.outcome == "unverified"
    assert verdict.answers.what == "unknown"


def test_a_whole_lot_asks_for_the_box(demo_house: House) -> None:
    pack = demo_house.world.pack("signed", 0)
    asked = {"text": f"(01){pack.gtin}(10){pack.batch}", "whole_lot": True}
    data = demo_house.http.post("/api/evidence", json=asked).get_data()
    assert refused(sent(demo_house.http, data)) == (422, "file_needs_code")
    page = sent(demo_house.http, data, headers=PAGE).get_data(as_text=True)
    assert page.count('name="text"') == 2, "and the form asks for it"
    verdict = found(demo_house, data, pack.signed_link()).verdict
    assert verdict is not None
    assert verdict.outcome == "unverified"
    assert refused(sent(demo_house.http, data, "hello")) == (422, "not_gs1")


def test_no_flipped_bit_makes_a_page_green_or_breaks_it(demo_house: House, evidence: bytes) -> None:
    told = random.Random(1)
    for _ in range(150):
        at, bit = told.randrange(len(evidence)), 1 << told.randrange(8)
        spoilt = evidence[:at] + bytes([evidence[at] ^ bit]) + evidence[at + 1 :]
        answer = sent(demo_house.http, spoilt)
        assert answer.status_code in (200, 415, 422)
        if answer.status_code == 200:
            assert answer.get_json()["verdict"]["outcome"] != "genuine", (at, bit)
    for end in (1, 100, len(evidence) - 1):
        assert refused(sent(demo_house.http, evidence[:end])) == (422, "file_broken")


# --- checkpoints and proofs ---


def ours(house: House, size: int, root: bytes) -> bytes:
    """What only the log can sign."""
    return notes.sign(Checkpoint(house.head.origin, size, root), keys_of(house.settings.data).log)


def test_every_checkpoint_that_was_published_is_known_again(demo_house: House) -> None:
    history = LogStore(demo_house.store).history()
    assert len(history) > 5
    for note in history[::5]:
        told = found(demo_house, note)
        assert (told.what, told.says) == ("checkpoint", "published")
        assert told.size == notes.proposed(note, demo_house.desk.trust.policy).size


def test_a_fork_is_told_as_what_it_is(demo_house: House) -> None:
    told = found(demo_house, ours(demo_house, 12, bytes(32)))
    assert (told.says, told.size) == ("fork", 12)
    page = sent(demo_house.http, ours(demo_house, 12, bytes(32)), headers=PAGE).get_data(as_text=True)
    assert "Two histories!" in page
    assert "finding do_not_use" in page


def test_more_than_is_published_is_neither_ours_nor_a_fork(demo_house: House) -> None:
    assert found(demo_house, ours(demo_house, demo_house.head.size + 1000, bytes(32))).says == "ahead"


def test_a_stranger_says_nothing_about_this_ledger(demo_house: House) -> None:
    real = head(demo_house)
    stolen_name = notes.sign(real, bytes(32))
    altered = demo_house.http.get("/checkpoint").data.replace(b"\n%d\n" % real.size, b"\n%d\n" % (real.size + 1))
    for note in (stolen_name, altered, notes.sign(Checkpoint("another.example", 3, bytes(32)), bytes(32))):
        assert found(demo_house, note).says == "stranger"


def test_a_false_cosignature_is_a_broken_file(tmp_path: Path, store: redis.Redis) -> None:
    """A witness's signature that fails rejects the whole note (signed-note), and is no fault of ours."""
    registry = Registry(tmp_path, store)
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    honest = sequencer.note or b""
    text = parse(honest).text
    key = VerifierKey.of_seed("w.example", bytes(32), COSIGNATURE)
    policy = Policy(registry.policy.log, None, (Witness("w", key),), (), "w")
    (tmp_path / "policy.txt").write_text(str(policy))
    http = web.wire(Flask("verifier.web"), Desk(registry.settings, store, lambda: registry.now)).test_client()
    good = honest + cosign(text, "w.example", bytes(32), 5).encode()
    assert sent(http, good).get_json()["witnesses"] == [{"name": "w", "cosigned": utc(5), "fault": None}]
    for bad in (text + "x\n", text.replace("16", "17")):
        assert refused(sent(http, honest + cosign(bad, "w.example", bytes(32), 5).encode())) == (422, "file_broken")


@pytest.mark.parametrize("note", [b"hello\n\n\xe2\x80\x94 x AAAAAAAA\n", b"a\n1\nAA==\n\n\xe2\x80\x94 x AAAAAAAA\n"])
def test_another_note_is_a_broken_file(demo_house: House, note: bytes) -> None:
    assert refused(sent(demo_house.http, note)) == (422, "file_broken")


def proof_of(house: House, index: int, /, **changed: Any) -> bytes:
    note, log = house.http.get("/checkpoint").data, LogStore(house.store)
    path = tuple(tiles.inclusion_path(index, head(house).size, log.tile))
    fields: dict[str, Any] = {"index": index, "path": path, "checkpoint_note": note}
    return Proof(**fields | changed).encode()


def test_a_proof_is_followed_from_our_own_leaf(demo_house: House) -> None:
    for index, statement in enumerate(demo_house.leaves()[:40]):
        told = found(demo_house, proof_of(demo_house, index))
        assert (told.what, told.says) == ("proof", "published")
        (one,) = told.statements
        assert (one.index, one.id, climbed(one)) == (index, statement.id.hex(), told.root)
        assert one.kind == (None if statement.kind == "event" else statement.kind)


@pytest.mark.parametrize("kind", ["batch", "recall", "event"])
def test_a_receipt_looks_like_no_verdict(demo_house: House, kind: str) -> None:
    """Whoever sells copies can hand out the receipt of the lot: a page in green would speak for the box."""
    index = next(at for at, one in enumerate(demo_house.leaves()) if one.kind == kind)
    for data in (proof_of(demo_house, index), LogStore(demo_house.store).checkpoint()):
        page = sent(demo_house.http, data, headers=PAGE).get_data(as_text=True)
        assert "finding neutral" in page
        assert not re.search(r'class="[^"]*\b(genuine|caution|do_not_use)\b', page)


def test_who_signed_an_event_is_told_to_nobody(demo_house: House) -> None:
    index = next(at for at, one in enumerate(demo_house.leaves()) if one.kind == "event")
    (one,) = found(demo_house, proof_of(demo_house, index)).statements
    assert (one.kind, one.said_by) == (None, None)
    page = sent(demo_house.http, proof_of(demo_house, index), headers=PAGE).get_data(as_text=True)
    assert "signed by" not in page
    assert demo_house.leaves()[index].member not in page


def test_a_proof_that_leads_elsewhere(demo_house: House) -> None:
    path = tuple(tiles.inclusion_path(6, head(demo_house).size, LogStore(demo_house.store).tile))
    for spoilt in (
        proof_of(demo_house, 5, path=path),
        proof_of(demo_house, 6, path=path[:-1]),
        proof_of(demo_house, 6, index=head(demo_house).size),
    ):
        told = found(demo_house, spoilt)
        assert (told.says, told.statements) == ("unproven", [])
    assert found(demo_house, proof_of(demo_house, 6, checkpoint_note=ours(demo_house, 12, bytes(32)))).says == "fork"
    assert refused(sent(demo_house.http, b"c2sp.org/tlog-proof@v1\nindex x\n\n")) == (422, "file_broken")


# --- convictions ---


def test_a_conviction_names_who_lied(demo_house: House) -> None:
    note = demo_house.http.get("/checkpoint").data
    two = Conviction(Evidence(checkpoint=note), seen=ours(demo_house, head(demo_house).size, bytes(32)))
    told = found(demo_house, conviction.encode(two))
    assert (told.what, told.says, told.who) == ("conviction", "convicts", demo_house.head.origin)
    assert [one.code for one in told.lies] == ["two_logs"]
    page = sent(demo_house.http, conviction.encode(two), headers=PAGE).get_data(as_text=True)
    assert "A false answer, proved" in page
    assert told.lies[0].sentence in unescape(page)
    assert "python -m verifier convict" in page
    nobody = Conviction(Evidence(checkpoint=note), seen=note)
    assert found(demo_house, conviction.encode(nobody)).says == "convicts_nobody"
    assert refused(sent(demo_house.http, conviction.encode(nobody)[:-1])) == (422, "file_broken")


# --- what is none of them, and too much of it ---


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"{}", 415, "file_unknown"),
        (b"hello", 415, "file_unknown"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), 415, "file_photo"),
        (b"\xff\xd8\xff\xe0" + bytes(50), 415, "file_photo"),
        (b"\xa0", 422, "file_broken"),
        (b"\xbf\xff", 422, "file_broken"),
        (files.encode(Evidence())[:-1] + b"\x02", 422, "file_broken"),
        (b"\xa1" * 100_000, 422, "file_broken"),
        (b"", 422, "nothing_brought"),
        (bytes(LIMIT + 1), 413, "file_too_large"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_one_clear_refusal_each(demo_house: House, data: bytes, status: int, code: str) -> None:
    assert refused(sent(demo_house.http, data)) == (status, code)
    answer = sent(demo_house.http, data, headers=PAGE)
    assert answer.status_code == status
    assert answer.get_data(as_text=True).count('role="alert"') == 1


def test_a_body_far_over_the_limit_is_refused_unread(demo_house: House) -> None:
    for headers in (JSON, PAGE):
        assert sent(demo_house.http, bytes(LIMIT + 100_000), headers=headers).status_code == 413
    assert refused(sent(demo_house.http, bytes(5 * LIMIT))) == (413, "file_too_large")


def test_a_form_that_is_none(demo_house: House) -> None:
    for kind in ("multipart/form-data", "application/json", "text/plain"):
        answer = demo_house.http.post("/ledger", data=b"{}", content_type=kind, headers=JSON)
        assert answer.status_code in (400, 422)
        assert answer.content_type == "application/problem+json"


def test_a_plain_form_will_do(demo_house: House, text: str) -> None:
    answer = demo_house.http.post("/ledger", data={"text": text}, headers=PAGE)
    assert "The batch is entry no." in answer.get_data(as_text=True)


def test_the_other_language_keeps_the_code_and_forgets_the_file(demo_house: House, text: str, evidence: bytes) -> None:
    page = sent(demo_house.http, text=text, headers=PAGE).get_data(as_text=True)
    form = r'<form method="post" action="/ledger\?lang=fr"><input type="hidden" name="text" value="(.*?)">'
    again = re.search(form, page)
    assert again is not None
    assert unescape(again[1]) == text
    judged = sent(demo_house.http, evidence, headers=PAGE).get_data(as_text=True)
    assert "?lang=fr" in judged
    assert 'action="/?lang' not in judged, "a file's verdict is not the register's in another language"


def test_a_verdict_leads_to_its_place(demo_house: House, text: str) -> None:
    page = demo_house.http.post("/", data={"text": text}, headers=PAGE).get_data(as_text=True)
    assert 'action="/ledger"' in page
    assert "See its place in the ledger" in page


def test_a_code_with_another_expiry_is_not_in_the_lot(demo_house: House) -> None:
    other = with_element(demo_house.world.pack("current", 0), "17", "300101")
    assert found(demo_house, text=other.digital_link()).serial is False
