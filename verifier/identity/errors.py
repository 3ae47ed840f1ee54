"""How this room refuses: what was read, what was expected, what was found. The one limit on size is here too."""

MAX_LENGTH = 8192  # characters; the fullest GS1 symbol holds 7,089 digits (QR version 40 at level L)
SHOWN = 80


class IdentityError(ValueError):
    """A text that is not a valid identity.

    `value` is the exhibit, whole; `code` is one of: empty, too_long, not_gs1, no_key, unknown_ai, ai_twice, length,
    charset, format, check_digit, date; and of a link: scheme, encoding, order, attribute, two_keys, compressed,
    foreign_link.

    >>> str(IdentityError("123", "GTIN", expected="14 digits", found="3", code="length"))
    "Failed to parse '123' as GTIN: expected 14 digits, found 3."
    """

    def __init__(self, value: str, what: str, expected: str, found: str, code: str) -> None:
        super().__init__(value, what, expected, found, code)  # the arguments, so that it can be pickled
        self.value, self.what, self.expected, self.found, self.code = value, what, expected, found, code

    def __str__(self) -> str:
        return f"Failed to parse {shown(self.value)} as {self.what}: expected {self.expected}, found {self.found}."


class ForeignLink(IdentityError):
    """A link to a host we do not know, or one that is no GS1 Digital Link. It is shown, never opened."""


def shown(value: str) -> str:
    """A value quoted for a sentence, cut at 80 characters.

    >>> shown("LOT\\x1d")
    "'LOT\\\\x1d'"
    """
    return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"


def within_limit(text: str, what: str) -> str:
    """The text itself; IdentityError `empty` or `too_long` otherwise."""
    if not text:
        raise IdentityError(text, what, "some text", "nothing", "empty")
    if len(text) > MAX_LENGTH:
        raise IdentityError(text, what, f"at most {MAX_LENGTH} characters", str(len(text)), "too_long")
    return text
