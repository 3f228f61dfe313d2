"""From what an author edits to the bytes that are signed."""

from __future__ import annotations

from pathlib import Path

from atom.package.errors import NoSuchPlaybook, PackageTooLarge
from atom.package.guard import MAX_BYTES


def pack(path: Path) -> bytes:
    """The bytes to sign: exactly those of the file, so that every machine gets the same digest.

    Raises NoSuchPlaybook or PackageTooLarge; whether they are a package is `load_package`'s question.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NoSuchPlaybook(path) from error
    if len(data) > MAX_BYTES:
        raise PackageTooLarge(MAX_BYTES)
    return data
