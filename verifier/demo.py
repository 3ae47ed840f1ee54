"""A small consortium to try everything on: two makers, a carrier, two pharmacies, a hospital, an authority.

`prepare` makes keys and genesis before the node starts; `seed` then says everything through the ordinary doors, as
its members would. Keys and serials are drawn at random on each machine, once: a seeding cut short goes on with the same
bytes, which the ledger knows. Times before today are *declared*; the ledger's own clock says when they were really
registered. GTINs stand under GS1's demonstration prefix 952.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import cv2
import numpy as np
import zxingcpp
from nacl.signing import SigningKey

from scanner.photo import read_photo
from verifier import labels
from verifier.commands import bdpm, recall_list
from verifier.commands import trust as trusts
from verifier.commands.client import Client, ServerError
from verifier.commands.import_ import call_back, catalogue, publish
from verifier.commands.issuing import Lot, identity_of, issue, now
from verifier.commands.product import portrait, register
from verifier.commands.say import epcis
from verifier.identity import Identity
from verifier.labels.symbol import png
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Policy
from verifier.node import highwater, keyfile
from verifier.node.keyfile import KeyFile
from verifier.settings import Settings
from verifier.statements import numbering
from verifier.statements.body import Body
from verifier.statements.envelope import sign
from verifier.statements.event import Event
from verifier.statements.genesis import Controller, Genesis, Registry
from verifier.statements.key import Key
from verifier.statements.member import Member
from verifier.statements.pack_signature import carrying
from verifier.statements.pack_signature import sign as sign_pack
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.statements.roster import ROOT
from verifier.verdict.trust import encode

Report = Callable[[str], None]
ORIGIN = "probatum.example/demo"
REGISTRY = "registre-demo"
ROOTS = ("root-1", "root-2", "root-3")
THRESHOLD = 2
AUBRAC = "laboratoires-aubrac"
ANSWERING = AUBRAC  # the maker whose own answer key the node keeps: of what it never issued
PACKS = 26
SAMPLES = Path(__file__).with_name("samples")
RECALLS = SAMPLES / "recalls.csv"
RECALLED = ("09529000001028", "RV26A4")  # of these samples: known from the catalogue alone, its lot recalled

# id, name, role, country, GS1 company prefixes
MEMBERS: tuple[tuple[str, str, str, str, list[str]], ...] = (
    ("laboratoires-aubrac", "Laboratoires Aubrac", "maker", "FR", ["952100"]),
    ("nordhavn-pharma", "Nordhavn Pharma", "maker", "DK", ["952200"]),
    ("transvia", "Transvia Santé", "carrier", "FR", []),
    ("pharmacie-du-canal", "Pharmacie du Canal", "pharmacy", "FR", []),
    ("pharmacie-des-halles", "Pharmacie des Halles", "pharmacy", "FR", []),
    ("hopital-saint-roch", "Hôpital Saint-Roch", "hospital", "FR", []),
    ("agence-sante", "Agence de sécurité sanitaire (démonstration)", "authority", "FR", []),
)

# gtin (without its check digit), maker, name, form
PRODUCTS = (
    ("0952100000001", "laboratoires-aubrac", "Amoxadine 500 mg", "gélules"),
    ("0952100000002", "laboratoires-aubrac", "Cardiolan 10 mg", "comprimés"),
    ("0952200000001", "nordhavn-pharma", "Insuvia 100 U/ml", "stylo injectable"),
    ("0952100000003", "laboratoires-aubrac", "Calmidol 200 mg", "comprimés"),  # sold without prescription, no serials
    ("0952200000002", "nordhavn-pharma", "Dormivane 5 mg", "comprimés"),
)

# name, product number, lot, months from today to the expiry, days ago it was issued
LOTS = (
    ("current", 0, "AX26K1", 14, 40),
    ("expired", 0, "AX24C7", -2, 700),
    ("recalled", 1, "CD26B3", 9, 120),
    ("withdrawn", 1, "CD26C9", 10, 110),
    ("imported", 2, "NV26H2", 20, 60),
    ("signed", 0, "AX26S4", 14, 30),
    ("retired", 0, "AX26D5", 12, 90),
    ("doubted", 0, "AX26E6", 13, 80),
    ("retracted", 4, "DV26A1", 12, 90),
)
ENDED = {"retired": f"{AUBRAC}-retired", "doubted": f"{AUBRAC}-stolen"}
"""Lots signed by a further key of their maker's, revoked since: one in good order, one as stolen all along."""
SIGNED = ("signed",)  # lots whose packs carry their own signature


@dataclass(frozen=True, slots=True)
class World:
    """The demo's lots and serials, and the moment (Unix seconds) its days are counted back from, kept so that a seeding
    cut short says the very same statements again. Of a signed lot: its public pack key, and each pack's (91), (92)."""

    at: int
    lots: dict[str, Lot]
    serials: dict[str, list[str]]
    pack_keys: dict[str, bytes]
    signatures: dict[str, list[list[str]]]

    def pack(self, lot: str, number: int) -> Identity:
        """One pack of a lot, with its signature where it carries one."""
        bare = identity_of(self.lots[lot], self.serials[lot][number])
        return carrying(bare, *self.signatures[lot][number]) if lot in self.signatures else bare

    def ago(self, days: int) -> int:
        """Unix seconds, `days` before the world was drawn."""
        return self.at - days * 86_400


@dataclass(frozen=True, slots=True)
class _Voice:
    """Says statements of the world as its members, through a server."""

    data: Path
    world: World
    client: Client

    def key(self, member: str) -> KeyFile:
        return keyfile.load(self.data / "keys" / f"{member}.key")

    def say(self, kind: str, key: KeyFile, body: Body, days: int = 0) -> int:
        """Register it; its leaf. What contradicts the record stands as a dispute, as it is meant to here."""
        moment = self.world.ago(days)
        try:
            leaf = self.client.register(sign(kind, key.member, body.subject(), moment, body.encode(), key.seed).raw)
        except ServerError as fault:
            if fault.fields.get("type") != "/problems/disputed":
                raise
            leaf = fault.fields
        return int(leaf["index"])

    def step(self, member: str, step: str, packs: list[Identity], days: int, to: str | None = None) -> None:
        moment = self.world.ago(days)
        name = uuid5(NAMESPACE_URL, f"{self.world.at} {member} {step} {packs[0].digital_link()}")
        self.say("event", self.key(member), Event(epcis=epcis(step, packs, moment, to, str(name))), days)


def prepare(settings: Settings, moment: int | None = None) -> None:
    """Make the consortium's keys (files of mode 0600 in the data folder), genesis and policy, once; the genesis is said
    at `moment`, Unix seconds, or now."""
    data = settings.data
    if (data / "genesis.cose").exists():
        return
    node = data / "node"
    log = keyfile.load_or_create(node / "log.key", ORIGIN)
    registry = keyfile.load_or_create(node / "node.key", REGISTRY)
    keyfile.load_or_create(node / "answer.key", REGISTRY)
    keyfile.load_or_create(node / f"answer-{ANSWERING}.key", ANSWERING)
    roots = [keyfile.load_or_create(data / "keys" / f"{root}.key", ROOT) for root in ROOTS]
    for member, *_ in MEMBERS:
        keyfile.load_or_create(data / "keys" / f"{member}.key", member)
    for name in ENDED.values():
        keyfile.load_or_create(data / "keys" / f"{name}.key", AUBRAC)
    keyring = {f"{member}.key": prefixes for member, _, _, _, prefixes in MEMBERS if prefixes}
    (data / "keys" / "keyring.json").write_text(json.dumps(keyring, indent=2) + "\n", "utf-8")
    highwater.write(node / "high-water", notes.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT), log.seed))
    verifier_key = VerifierKey.of_public(ORIGIN, log.public)
    (data / "policy.txt").write_text(str(Policy(verifier_key)), "utf-8")
    genesis = Genesis(
        consortium="demo",
        controller=Controller(
            name="Association Probatum (démonstration)", contact="dpo@probatum.example", country="FR"
        ),
        roots=[root.public for root in roots],
        threshold=THRESHOLD,
        log=str(verifier_key),
        registry=Registry(member=REGISTRY, name="Registre de démonstration", country="FR", key=registry.public),
    )
    said = now() if moment is None else moment
    statement = sign("genesis", ROOT, genesis.subject(), said, genesis.encode(), roots[0].seed)
    part = data / "genesis.part"
    part.write_bytes(statement.raw)
    part.rename(data / "genesis.cose")  # last and whole: it says that all the rest is there


def seed(settings: Settings, client: Client, report: Report) -> None:
    """Say everything the demo world says, through a server's doors; nothing the second time. Images and expected.json
    go to the demo folder of the data folder."""
    folder = settings.data / "demo"
    if _stands(folder, client):
        report("demo: the consortium is already there")
        return
    report("demo: creating the consortium")
    folder.mkdir(parents=True, exist_ok=True)
    world = _world(folder)
    voice = _Voice(settings.data, world, client)
    _enrol(voice)
    since = {name: _key(voice, name, "enrolled") for name in ENDED.values()}
    _products(voice)
    report("demo: issuing batches")
    for name, product, *_, days in LOTS:
        _issue(voice, name, ENDED.get(name, PRODUCTS[product][1]), days)
    report("demo: moving packs")
    _journeys(voice)
    _recalls(voice)
    _key(voice, ENDED["retired"], "revoked")
    _key(voice, ENDED["doubted"], "revoked", since[ENDED["doubted"]])
    _public(voice)
    expected = _images(world, folder)
    trust = trusts.current(settings, client)
    (settings.data / "trust.json").write_text(encode(trust), "utf-8")
    size = int((trust.checkpoint or b"").split(b"\n")[1])
    _write_json(folder / "expected.json", expected)
    _write_json(folder / "seeded.json", {"size": size})
    report(f"demo: {size} entries in the ledger, {len(expected)} images in {folder}")


def _stands(folder: Path, client: Client) -> bool:
    """Whether the world was seeded into the ledger that is being served (and not into one that is gone)."""
    seeded = folder / "seeded.json"
    if not seeded.exists() or not (folder / "expected.json").exists():
        return False
    size: int = json.loads(seeded.read_text("utf-8"))["size"]
    return int(client.get("/checkpoint").split(b"\n")[1]) >= size


def _world(folder: Path) -> World:
    """The lots and their serials; drawn once, then read again."""
    file = folder / "world.json"
    if not file.exists():
        at = now()
        today = datetime.fromtimestamp(at, UTC).date()
        rows = {
            name: {
                "gtin": gtin(PRODUCTS[product][0]),
                "batch": batch,
                "expiry": _month_end(today, months).strftime("%y%m%d"),
                "serials": [serial.decode() for serial in numbering.generate(PACKS, os.urandom)],
            }
            for name, product, batch, months, _ in LOTS
        }
        signed = {name: _signatures(rows[name]) for name in SIGNED}
        _write_json(file, {"at": at, "lots": rows, "signed": signed})
    drawn = json.loads(file.read_text("utf-8"))
    rows, signed = drawn["lots"], drawn["signed"]
    return World(
        drawn["at"],
        {name: _lot(row) for name, row in rows.items()},
        {name: row["serials"] for name, row in rows.items()},
        {name: bytes.fromhex(row["pack_key"]) for name, row in signed.items()},
        {name: row["signatures"] for name, row in signed.items()},
    )


def _lot(row: dict[str, Any]) -> Lot:
    return Lot(row["gtin"], row["batch"], row["expiry"], ("FR",))


def _signatures(row: dict[str, Any]) -> dict[str, Any]:
    """A pack key's public half, and what it signed; its private half is nowhere once this returns."""
    key = SigningKey.generate()
    signatures = [sign_pack(key, identity_of(_lot(row), serial)) for serial in row["serials"]]
    return {"pack_key": bytes(key.verify_key).hex(), "signatures": signatures}


def _month_end(today: date, months: int) -> date:
    """The last day of a month, `months` from today's: what boxes carry."""
    year, month = divmod(today.year * 12 + today.month + months, 12)
    return date(year, month + 1, 1) - timedelta(days=1)


def gtin(digits: str) -> str:
    """A GTIN-14 of its first 13 digits: weights 3 and 1 from the right (GS1 General Specifications 7.9).

    >>> gtin("0952100000001")
    '09521000000018'
    """
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def _enrol(voice: _Voice) -> None:
    node = voice.data / "node"
    answer = keyfile.load(node / "answer.key").public
    body: Body = Key(member=REGISTRY, public=answer, purpose="answer", status="enrolled")
    voice.say("key", keyfile.load(node / "node.key"), body)
    for member, name, role, country, prefixes in MEMBERS:
        fields = {"member": member, "name": name, "roles": [role], "country": country, "prefixes": prefixes}
        body = Member.of({**fields, "key": voice.key(member).public})
        for root in ROOTS[:THRESHOLD]:
            voice.say("member", voice.key(root), body)
    answer = keyfile.load(node / f"answer-{ANSWERING}.key").public
    body = Key(member=ANSWERING, public=answer, purpose="answer", status="enrolled")
    voice.say("key", voice.key(ANSWERING), body)


def _key(voice: _Voice, name: str, status: str, compromised_since: int | None = None) -> int:
    """Say what becomes of a further key of Aubrac's; the leaf that says it."""
    fields: dict[str, Any] = {"member": AUBRAC, "public": voice.key(name).public, "purpose": "member", "status": status}
    if compromised_since is not None:
        fields["compromised_since"] = compromised_since
    return voice.say("key", voice.key(AUBRAC), Key.of(fields))


def _products(voice: _Voice) -> None:
    for digits, maker, name, form in PRODUCTS:
        body = Product(gtin=gtin(digits), name=name, form=form, leaflet=f"https://leaflet.example/{gtin(digits)}")
        register(voice.client, voice.key(maker), body, portrait(labels.box_png(name, form)), voice.world.ago(800))


def _issue(voice: _Voice, name: str, maker: str, days: int) -> None:
    """A batch has a fresh secret, so that it is never the same bytes: one that stands already is left as it is. So is
    one whose key has ended: that is said when all are issued."""
    world, key = voice.world, voice.key(maker)
    serials, public = [serial.encode() for serial in world.serials[name]], world.pack_keys.get(name)
    try:
        issue(voice.client, key, world.lots[name], serials, moment=world.ago(days), pack_key=public)
    except ServerError as fault:
        stands = ["batch_exists", *(["request_signature"] if name in ENDED else [])]
        if fault.fields.get("type") not in [f"/problems/{kind}" for kind in stands]:
            raise


# who, step, to, days after the issue; every lot goes this way to its pharmacy
WAY = (
    ("maker", "ship", "transvia", 3),
    ("transvia", "receive", None, 3),
    ("transvia", "ship", "pharmacie-du-canal", 5),
    ("pharmacie-du-canal", "receive", None, 6),
)
GAP_PACK = 9  # of the current lot: this one was never received by anybody before it is shipped on


def _journeys(voice: _Voice) -> None:
    world = voice.world
    for name, product, _, _, days in LOTS:
        packs = [world.pack(name, number) for number in range(PACKS)]
        whole = [pack for number, pack in enumerate(packs) if (name, number) != ("current", GAP_PACK)]
        for who, step, to, later in WAY:
            voice.step(PRODUCTS[product][1] if who == "maker" else who, step, whole, days - later, to)
    voice.step("pharmacie-des-halles", "receive", [world.pack("current", GAP_PACK)], 20)
    voice.step("pharmacie-du-canal", "dispense", [world.pack("current", 2)], 4)
    voice.step("laboratoires-aubrac", "stolen", [world.pack("current", 5)], 2)
    voice.step("pharmacie-du-canal", "destroy", [world.pack("current", 6)], 1)
    voice.step("pharmacie-du-canal", "excursion", [world.pack("imported", 24)], 3)
    voice.step("pharmacie-du-canal", "dispense", [world.pack("current", 25)], 5)
    voice.step("pharmacie-des-halles", "dispense", [world.pack("current", 25)], 2)


def _recalls(voice: _Voice) -> None:
    recalled, withdrawn = voice.world.lots["recalled"], voice.world.lots["withdrawn"]
    reason = "Dosage trop élevé dans certains comprimés"
    body = Recall(gtin=recalled.gtin, depth="patients", reason=reason, batches=[recalled.batch])
    voice.say("recall", voice.key("agence-sante"), body, 1)
    body = Recall(gtin=withdrawn.gtin, depth="pharmacies", reason="Notice mal imprimée", batches=[withdrawn.batch])
    voice.say("recall", voice.key("laboratoires-aubrac"), body, 1)
    body = Recall(gtin=voice.world.lots["retracted"].gtin, depth="patients", reason="Risque supérieur au bénéfice")
    voice.say("recall", voice.key("agence-sante"), body, 1)


def _as(member: str, viewer: str, outcome: str, *reasons: str) -> dict[str, Any]:
    """What a professional is told."""
    return {"as": f"{member}.key", "viewer": viewer, "outcome": outcome, "reasons": list(reasons)}


# image -> what others than a patient are told of it, or a patient who says more
ALSO: dict[str, list[dict[str, Any]]] = {
    "genuine-qr": [
        {"bought": "online", "outcome": "caution", "reasons": ["not_recorded_online"]},
        _as("pharmacie-du-canal", "pharmacy", "genuine", "genuine"),
    ],
    "already-dispensed": [
        _as("pharmacie-du-canal", "pharmacy", "genuine", "dispensed_here"),
        _as("pharmacie-des-halles", "pharmacy", "caution", "elsewhere"),
        _as("transvia", "dock", "caution", "elsewhere"),
        _as("hopital-saint-roch", "ward", "genuine", "dispensed"),
        _as("hopital-saint-roch", "theatre", "genuine", "dispensed"),
    ],
    "two-counters": [_as("pharmacie-du-canal", "pharmacy", "caution", "disputed", "dispensed_here")],
    "withdrawn": [_as("pharmacie-du-canal", "pharmacy", "caution", "recall_pharmacy")],
    "unknown-serial": [
        {"reads": 2, "outcome": "do_not_use", "reasons": ["unknown_confirmed"]},
        _as("pharmacie-du-canal", "pharmacy", "caution", "unknown"),
    ],
    "batch-mismatch": [
        _as("pharmacie-du-canal", "pharmacy", "caution", "mismatch"),
        _as("nordhavn-pharma", "dock", "caution", "mismatch"),
    ],
    "journey-incomplete": [_as("pharmacie-des-halles", "pharmacy", "caution", "gap")],
    "cold-chain-broken": [_as("hopital-saint-roch", "theatre", "do_not_use", "cold")],
}


def _public(voice: _Voice) -> None:
    """What the authority publishes, through the importer: a catalogue of products nobody here makes, and recalls."""
    authority, drugs = voice.key("agence-sante"), SAMPLES / "bdpm"
    found = bdpm.read(*((drugs / name).read_bytes() for name in (bdpm.SPECIALTIES, bdpm.PRESENTATIONS)))
    day = datetime.fromtimestamp(voice.world.ago(20), UTC).date().isoformat()
    publish(voice.client, authority, *catalogue(found.rows, day, f"{bdpm.NAME} (démonstration)"))
    listed = recall_list.read(RECALLS.name, RECALLS.read_bytes())
    call_back(voice.client, authority, listed.rows, quiet=True)


def _images(world: World, folder: Path) -> dict[str, dict[str, Any]]:
    """Draw the images to scan; file name -> what it must say."""
    current, name = world.lots["current"], PRODUCTS[0][2]
    stranger = identity_of(current, "Z" * 13)
    elsewhere = identity_of(Lot(gtin("0952900000001"), "ZZ1", current.expiry, ("FR",)), world.serials["current"][0])
    forged = carrying(world.pack("signed", 1), *_altered(world.signatures["signed"][1]))
    foreign = carrying(world.pack("current", 4), "EE08", "dGhlIHRheCBzdGFtcCBvZiBhbm90aGVyIGNvdW50cnk=")
    lookalike = world.pack("current", 3).digital_link().replace("id.gs1.org", "id.gs1.org.controle-boite.example")
    mixed = identity_of(replace(current, batch=world.lots["expired"].batch), world.serials["current"][12])
    called = unnumbered(*RECALLED, current.expiry)
    plain, otc = unnumbered(gtin(PRODUCTS[3][0]), "CM26P4", current.expiry), PRODUCTS[3][2]
    rows: list[tuple[str, bytes, str, list[str]]] = [
        _label("genuine-qr", world.pack("current", 0), "qr", name, "genuine", "genuine", "not_recorded"),
        _label(
            "genuine-datamatrix", world.pack("current", 1), "datamatrix", name, "genuine", "genuine", "not_recorded"
        ),
        _label("already-dispensed", world.pack("current", 2), "datamatrix", name, "genuine", "dispensed"),
        _label("two-counters", world.pack("current", 25), "qr", name, "caution", "disputed", "dispensed"),
        _label("expired", world.pack("expired", 0), "datamatrix", name, "do_not_use", "expired"),
        _label("recalled", world.pack("recalled", 0), "datamatrix", PRODUCTS[1][2], "do_not_use", "recall_patient"),
        _label("withdrawn", world.pack("withdrawn", 0), "qr", PRODUCTS[1][2], "caution", "recall_pharmacy"),
        _label("product-withdrawn", world.pack("retracted", 0), "qr", PRODUCTS[4][2], "do_not_use", "withdrawn"),
        _label("unknown-serial", stranger, "datamatrix", name, "caution", "unknown"),
        _label("batch-mismatch", mixed, "datamatrix", name, "caution", "unknown"),
        _label("stolen", world.pack("current", 5), "qr", name, "do_not_use", "stolen"),
        _label("destroyed", world.pack("current", 6), "datamatrix", name, "do_not_use", "destroyed"),
        _label("journey-incomplete", world.pack("current", GAP_PACK), "qr", name, "caution", "gap"),
        _label("cold-chain-broken", world.pack("imported", 24), "datamatrix", PRODUCTS[2][2], "do_not_use", "cold"),
        _label("key-retired", world.pack("retired", 0), "qr", name, "genuine", "genuine", "not_recorded"),
        _label("key-compromised", world.pack("doubted", 0), "qr", name, "caution", "key_compromised"),
        _label("signed-pack", world.pack("signed", 0), "qr", name, "genuine", "genuine", "not_recorded"),
        _label("forged-signature", forged, "qr", name, "do_not_use", "forged"),
        _label("foreign-91-92", foreign, "datamatrix", name, "genuine", "genuine", "not_recorded"),
        _label("maker-not-enrolled", elsewhere, "datamatrix", "", "unverified", "not_registered"),
        ("look-alike-url.png", _code(lookalike, zxingcpp.BarcodeFormat.QRCodeModel2), "unverified", ["foreign_link"]),
        _label("no-serial-lot", plain, "datamatrix", otc, "unverified", "no_serial", "lot_not_recalled"),
        _label("no-serial-recalled", called, "datamatrix", "Rhumavil", "do_not_use", "recall_patient", "no_serial"),
        ("ean13-only.png", _code(current.gtin[1:], zxingcpp.BarcodeFormat.EAN13), "unverified", ["no_serial"]),
    ]
    expected: dict[str, dict[str, Any]] = {}
    for file, image, outcome, reasons in rows:
        (folder / file).write_bytes(image)
        also = ALSO.get(Path(file).stem)
        expected[file] = {"outcome": outcome, "reasons": reasons, **({"also": also} if also else {})}
    reprinted = identity_of(replace(current, batch="AX26K2"), world.serials["current"][8])
    pairs: list[tuple[str, tuple[Identity, str], tuple[Identity, str], str, list[str], list[str]]] = [
        (
            "two-packs.png", (world.pack("current", 7), name), (world.pack("recalled", 1), PRODUCTS[1][2]),
            "do_not_use", ["recall_patient", "several"], ["genuine"],
        ),
        (
            "codes-differ.png", (world.pack("current", 8), name), (reprinted, name),
            "caution", ["codes_differ", "unknown"], ["genuine"],
        ),
    ]  # fmt: skip
    for file, left, right, outcome, reasons, others in pairs:
        (folder / file).write_bytes(_side_by_side(left, right))
        expected[file] = {"outcome": outcome, "reasons": reasons, "others": others}
    (folder / "blank-photo.jpg").write_bytes(_blank())
    return expected | {"blank-photo.jpg": {"status": 422}}


def _altered(signed: list[str]) -> tuple[str, str]:
    """The same hint, and a signature with its first character changed."""
    hint, signature = signed
    return hint, ("A" if signature[0] != "A" else "B") + signature[1:]


def unnumbered(gtin: str, batch: str, expiry: str) -> Identity:
    """A box that carries no serial, as most medicines sold without prescription."""
    return Identity((("01", gtin), ("17", expiry), ("10", batch)))


def _label(
    stem: str, pack: Identity, carrier: str, title: str, outcome: str, *reasons: str
) -> tuple[str, bytes, str, list[str]]:
    return f"{stem}.png", labels.label_png(pack, carrier, title), outcome, list(reasons)


def _side_by_side(*packs: tuple[Identity, str]) -> bytes:
    """The labels of several packs on one table, each as tall as the tallest."""
    pictures = [read_photo(labels.label_png(pack, "datamatrix", title)) for pack, title in packs]
    tallest = max(one.shape[0] for one in pictures)
    padded = [np.pad(one, ((20, 20 + tallest - one.shape[0]), (20, 20)), constant_values=255) for one in pictures]
    return png(np.hstack(padded))


def _code(text: str, symbology: zxingcpp.BarcodeFormat) -> bytes:
    """A bare code, as a poster or an old box carries it."""
    image = np.array(zxingcpp.create_barcode(text, symbology).to_image(scale=6, add_quiet_zones=True))
    return png(np.pad(image, 40, constant_values=255))


def _blank() -> bytes:
    """A photo of a table: light falling off to one side, and nothing written on it."""
    light = np.tile(np.linspace(210, 150, 960), (720, 1)).astype(np.uint8)
    written, data = cv2.imencode(".jpg", light)
    assert written  # noqa: S101 - a plain gradient always encodes
    return data.tobytes()


def _write_json(file: Path, value: object) -> None:
    """Write whole or not at all."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.rename(file)
