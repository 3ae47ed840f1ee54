"""What was typed looks damaged on its way (identity/wedge): a problem with a suggestion, never a silent repair."""

from verifier.identity import Identity, wedge
from verifier.web.problem import Problem

# code -> what happened and what to do, what was expected, what was found
TOLD = {
    "caps_lock": (
        "Caps Lock was on: each letter came in its other case. Turn it off, and scan again.",
        "the letters as the code holds them", "capitals and small letters exchanged",
    ),
    "layout_azerty": (
        "The scanner types for a US keyboard, and this one is AZERTY. Set the scanner to the keyboard's layout.",
        "the code's digits and letters", "the AZERTY characters of the same keys",
    ),
    "layout_qwertz": (
        "The scanner types for a US keyboard, and this one is QWERTZ. Set the scanner to the keyboard's layout.",
        "the code's digits and letters", "the QWERTZ characters of the same keys",
    ),
    "lost_separator": (
        "The scanner left out the separator between two elements. Enable FNC1 (GS, 0x1D) in the scanner's settings.",
        "0x1D after each element of variable length", "two elements in one",
    ),
}  # fmt: skip


def refuse_damage(text: str, hosts: frozenset[str], read: Identity | None) -> None:
    """Raise Problem 422 where this text, which reads as `read` or as nothing, was damaged by a keyboard, a layout or a
    scanner's settings."""
    found = wedge.damage(text, hosts, read)
    if found is not None:
        detail, expected, instead = TOLD[found.code]
        told = {"value": text[:200], "expected": expected, "found": instead}
        raise Problem(found.code, 422, detail, suggested=found.suggested, **told)


def perhaps_caps_lock(serial: str | None) -> bool:
    """Whether a serial nobody knows holds small letters: few makers' do, and Caps Lock makes them."""
    return serial is not None and serial != serial.upper()
