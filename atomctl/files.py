"""Files that people name: read within bounds, written so that nothing of theirs is lost."""

from __future__ import annotations

import os
from pathlib import Path

from atomctl.errors import FileThere, FileTooLarge, FileUnusable


def read(path: Path, limit: int) -> bytes:
    """At most `limit` bytes. Raises FileUnusable, FileTooLarge."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FileUnusable(path, error) from error
    if len(data) > limit:
        raise FileTooLarge(path, limit)
    return data


def write(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = False) -> None:
    """Whole or not at all. A file with other content is kept unless `replace`. Raises FileThere, FileUnusable."""
    if not replace and path.exists():
        if read(path, len(data) + 1) == data:
            return
        raise FileThere(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnusable(path, error) from error
