"""What does the code say? Text in, an Identity out, or the reason why not.

Pure, and nothing of ours is imported. A link is parsed, never opened. Whoever needs to know what a symbol, a typed
line or a subject says asks here; nobody else splits a GS1 string.

>>> pack = parse_text("(01)09521234000013(21)ABC(17)271231(10)LOT1")
>>> pack.digital_link()
'https://id.gs1.org/01/09521234000013/10/LOT1/21/ABC?17=271231'
>>> pack == gs1.parse("010952123400001317271231" "10LOT1\x1d" "21ABC") == digital_link.parse(pack.digital_link())
True
"""

from . import digital_link, gs1, national
from .dates import expires_on
from .errors import ForeignLink, IdentityError
from .identity import Identity
from .text import parse_scanned, parse_text

__all__ = [
    "ForeignLink",
    "Identity",
    "IdentityError",
    "digital_link",
    "expires_on",
    "gs1",
    "national",
    "parse_scanned",
    "parse_text",
]
