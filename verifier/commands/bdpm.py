"""The French public drug database (BDPM): the two of its files that say what a CIP13 is called.

    CIS_bdpm.txt       code CIS, name, form, routes, status, procedure, marketed, date, BDM status, EU number,
                       holders, closer watch                                       12 columns: a medicine
    CIS_CIP_bdpm.txt   code CIS, CIP7, label, status, marketed, date, CIP13, for hospitals, refund rates, price,
                       and up to three more                                        10 to 13 columns: a presentation

Tab-separated, without a header; Windows-1252 in older files, UTF-8 in newer. The data are reused under their licence,
which asks that source and date be named: both stand in the catalogue's statement.
"""

import re
from dataclasses import dataclass

from verifier.commands.lines import Fault, Read, each, numbered
from verifier.identity import Identity
from verifier.statements.catalogue_rows import LONGEST, Row

SPECIALTIES, PRESENTATIONS = "CIS_bdpm.txt", "CIS_CIP_bdpm.txt"
SOURCE, NAME = "bdpm", "Base de données publique des médicaments"
LICENCE, LINK = "Licence Ouverte / Open Licence 2.0 (Etalab)", "https://base-donnees-publique.medicaments.gouv.fr"
_CIS, _CIP7, _CIP13 = (re.compile(f"[0-9]{{{digits}}}") for digits in (8, 7, 13))


@dataclass(frozen=True, slots=True)
class _Specialty:
    cis: str
    name: str
    form: str


@dataclass(frozen=True, slots=True)
class _Presentation:
    cis: str
    label: str
    gtin: str
    line: int


def read(specialties: bytes, presentations: bytes) -> Read[Row]:
    """The rows of a catalogue from the bytes of the two files, and every row that could not be read."""
    named = each(SPECIALTIES, numbered(SPECIALTIES, specialties), _specialty)
    sold = each(PRESENTATIONS, numbered(PRESENTATIONS, presentations), _presentation)
    faults = [*named.faults, *sold.faults]
    known: dict[str, _Specialty] = {}
    for specialty in named.rows:
        known.setdefault(specialty.cis, specialty)
    rows: dict[str, Row] = {}
    for one in sold.rows:
        medicine = known.get(one.cis)
        if medicine is None:
            faults.append(Fault(PRESENTATIONS, one.line, "code CIS", f"one of {SPECIALTIES}", one.cis))
        elif one.gtin in rows:
            faults.append(Fault(PRESENTATIONS, one.line, "CIP13", "each once", one.gtin[1:]))
        else:
            rows[one.gtin] = Row(one.gtin, medicine.name, medicine.form, one.label)
    return Read(tuple(rows.values()), tuple(sorted(faults, key=lambda fault: (fault.file != SPECIALTIES, fault.line))))


def _specialty(file: str, number: int, line: str) -> _Specialty:
    fields = _fields(file, number, line, 12, 12)
    cis = _matching(file, number, "code CIS", _CIS, "8 digits", fields[0])
    return _Specialty(cis, _text(file, number, "name", fields[1]), _text(file, number, "form", fields[2], empty=True))


def _presentation(file: str, number: int, line: str) -> _Presentation:
    fields = _fields(file, number, line, 10, 13)
    cis = _matching(file, number, "code CIS", _CIS, "8 digits", fields[0])
    _matching(file, number, "CIP7", _CIP7, "7 digits", fields[1])
    label = _text(file, number, "label", fields[2], empty=True)
    cip13 = _matching(file, number, "CIP13", _CIP13, "13 digits", fields[6])
    try:
        gtin = Identity((("01", "0" + cip13),)).gtin or ""
    except ValueError as fault:
        raise Fault(file, number, "CIP13", "a GTIN whose check digit is right", cip13) from fault
    return _Presentation(cis, label, gtin, number)


def _fields(file: str, number: int, line: str, least: int, most: int) -> list[str]:
    fields = line.split("\t")
    if len(fields) > least and len(fields) == most + 1 and not fields[-1]:
        fields.pop()  # a tab that ends the line
    if not least <= len(fields) <= most:
        expected = f"{least} columns" if least == most else f"{least} to {most} columns"
        raise Fault(file, number, "row", f"{expected}, tab-separated", f"{len(fields)} columns")
    return fields


def _matching(file: str, number: int, column: str, pattern: re.Pattern[str], expected: str, found: str) -> str:
    if pattern.fullmatch(found.strip(" ")) is None:
        raise Fault(file, number, column, expected, found)
    return found.strip(" ")


def _text(file: str, number: int, column: str, found: str, empty: bool = False) -> str:
    text = " ".join(found.split())
    if not (text or empty) or len(text) > LONGEST or not text.isprintable():
        raise Fault(file, number, column, f"{int(not empty)} to {LONGEST} printable characters", found)
    return text
