"""The two ways a statement fails: it is not well formed, or its signer may not say it.

Only error classes live here. An error keeps the value, what was expected and what was found, so that
every door can show the same three things.
"""


class StatementError(ValueError):
    """Root of what this room raises; `code` is a stable word, the rest is for people."""

    def __init__(self, code: str, *, value: object = "", expected: str = "", found: str = "") -> None:
        self.code, self.expected = code, expected
        self.value, self.found = _told(str(value)[:200]), _told(found)
        super().__init__(f"{code.replace('_', ' ')}: expected {expected}, found {self.found}")


def _told(text: str) -> str:
    """Text that can be sent: half a surrogate pair, which JSON may hold, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


class Malformed(StatementError):
    """The bytes are not a statement (they asked wrongly): HTTP 400."""


class Refused(StatementError):
    """A well-formed statement breaks a rule; `code` names the rule (they may not say it): HTTP 403."""
