"""How the vault fails. Each sentence names what was asked for, what was expected and what was found; never a secret."""


class VaultError(Exception):
    """The vault cannot answer: another master key, an altered record, a file that is not reached."""

    def __init__(self, value: object, expected: str, found: str) -> None:
        super().__init__(f"{value}: expected {expected}, found {found}")
        self.value, self.expected, self.found = str(value), expected, found


class VaultConflict(VaultError):
    """Another opening stands under this name; an opening is never replaced."""
