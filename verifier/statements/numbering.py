"""What a serial may be (AI 21), and how one is drawn that nobody guesses and no keyboard garbles unseen.

Only the characters of serials live here. Pure: randomness is an argument.

>>> next(generate(1, bytes)), is_serial(b"A/1"), is_serial(b"A 1") or is_serial(b"..")
(b'0000000000000', True, False)
"""

from collections.abc import Callable, Iterator

CHARSET_82 = b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""GS1 General Specifications, figure 7.11-1: what a serial is made of."""
LONGEST = 20
DOTS = (b".", b"..")
"""Serials that no link can hold: in a path they mean here and above (RFC 3986 5.2.4), percent-encoded or not."""
ALPHABET = b"0123456789ABCDEFGHJKLMNPRSTUVWXY"
"""Base32 in one case. Without Q and Z no letter becomes another of these where AZERTY, QWERTY and QWERTZ swap A-Q, W-Z
and Y-Z, nor by Caps Lock: what a wedge scanner garbles leaves the alphabet. I and O would be read as 1 and 0."""
DRAWN = 13
_LETTERS = bytes(ALPHABET[byte & 31] for byte in range(256))
_RUN = 4096


def is_serial(serial: object) -> bool:
    """Whether this is 1 to 20 bytes of GS1's character set 82, and not a dot segment."""
    if not isinstance(serial, bytes) or serial in DOTS:
        return False
    return 0 < len(serial) <= LONGEST and not serial.translate(None, CHARSET_82)


def are_serials(run: list[bytes]) -> bool:
    """Whether all of a run are; five calls a run instead of three a serial."""
    lengths = {len(serial) for serial in run}
    if min(lengths) <= len(DOTS) and any(serial in DOTS for serial in run):
        return False
    return min(lengths) > 0 and max(lengths) <= LONGEST and not b"".join(run).translate(None, CHARSET_82)


def generate(count: int, random: Callable[[int], bytes]) -> Iterator[bytes]:
    """`count` serials of 13 characters of ALPHABET, 65 bits each, from `random(n) -> n uniform bytes` (os.urandom).

    Nothing is remembered: two of ten million are equal once in 700,000 batches, and `serials.build` then refuses.
    """
    for start in range(0, count, _RUN):
        run = random(DRAWN * min(_RUN, count - start)).translate(_LETTERS)
        yield from (run[at : at + DRAWN] for at in range(0, len(run), DRAWN))
