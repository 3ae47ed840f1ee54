"""Private keys are files that only their owner reads, and that nothing overwrites."""

from pathlib import Path

import pytest

from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError


def test_made_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    key = keyfile.load_or_create(path, "acme")
    assert keyfile.load_or_create(path, "other") == key == keyfile.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        keyfile.create(path, "acme")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_one_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    keyfile.create(tmp_path / "a.key", "acme")
    (tmp_path / "a.key").chmod(mode)
    with pytest.raises(KeyFileError, match="expected mode 0600, found it readable by others; chmod 600 it"):
        keyfile.load(tmp_path / "a.key")


@pytest.mark.parametrize(
    "text", ["", "probatum-key-1 acme", "probatum-key-2 acme " + "0" * 64, "é", "probatum-key-1 acme " + "G" * 64]
)
def test_what_is_no_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.key"
    path.touch(0o600)
    path.write_text(text, "utf-8")
    with pytest.raises(KeyFileError, match="expected"):
        keyfile.load(path)
    with pytest.raises(KeyFileError, match="found No such file"):
        keyfile.load(tmp_path / "none.key")
