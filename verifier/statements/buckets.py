r"""How a bucket of serials is kept: one value, the serials and then a state byte each.

    u16 count | u8 width | serials | states        width 0: serials of several lengths, each behind its u8 length

Only this form lives here; who believes it is `serials`' business. Reading is total: a value of any other form reads as
an empty bucket, which the batch's root then does not know.

>>> value = pack_bucket([b"A1", b"A2"], bytes([0, 7]))
>>> value.hex(" ")
'00 02 02 41 31 41 32 00 07'
>>> find(value, b"A2"), state_at(value, 1), find(value, b"A3")
(1, 7, None)
"""

from bisect import bisect_left
from collections.abc import Sequence

HEAD = 3


def pack_bucket(serials: Sequence[bytes], states: bytes) -> bytes:
    """The value of a bucket: increasing serials of at most 255 bytes, fewer than 65,536, and as many state bytes."""
    if len(serials) != len(states):
        raise ValueError(f"bucket: expected a state byte for each of {len(serials)} serials, found {len(states)}")
    widths = {len(serial) for serial in serials}
    width = widths.pop() if len(widths) == 1 else 0
    body = b"".join(serials) if width else b"".join(bytes([len(serial)]) + serial for serial in serials)
    return len(serials).to_bytes(2, "big") + bytes([width]) + body + states


def unpack_bucket(value: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The serials and the state bytes."""
    count, width = _head(value)
    if width:
        return tuple(value[at : at + width] for at in range(HEAD, HEAD + count * width, width)), value[-count:]
    serials: list[bytes] = []
    at = HEAD
    while len(serials) < count and at < len(value):
        end = at + 1 + value[at]
        serials.append(value[at + 1 : end])
        at = end
    if len(serials) != count or at + count != len(value):
        return (), b""
    return tuple(serials), value[at:]


def find(value: bytes, serial: bytes) -> int | None:
    """The position of a serial, or None; unpacks nothing where all have one width."""
    count, width = _head(value)
    if not width:
        serials, _ = unpack_bucket(value)
        return serials.index(serial) if serial in serials else None

    def at(position: int) -> bytes:
        return value[HEAD + position * width : HEAD + (position + 1) * width]

    position = bisect_left(range(count), serial, key=at)
    return position if position < count and at(position) == serial else None


def state_at(value: bytes, position: int) -> int:
    """The state byte of the serial at `position`; raises IndexError where there is none."""
    return value[_state(value, position)]


def with_state(value: bytes, position: int, state: int) -> bytes:
    """The value with one state byte changed; raises IndexError where there is none."""
    at = _state(value, position)
    return value[:at] + bytes([state]) + value[at + 1 :]


def _head(value: bytes) -> tuple[int, int]:
    """Count and width; (0, 0) where the length denies them."""
    count, width = int.from_bytes(value[:2], "big"), value[2] if len(value) >= HEAD else 0
    fits = len(value) == HEAD + count * (width + 1) if width else len(value) >= HEAD + count
    return (count, width) if count and fits else (0, 0)


def _state(value: bytes, position: int) -> int:
    count, _ = _head(value)
    if not 0 <= position < count:
        raise IndexError(f"bucket: expected a position below {count}, found {position}")
    return len(value) - count + position
