"""Files that only their owner may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def private_folder(path: Path) -> Path:
    """`path`, existing, with mode 0700."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Replace `path` atomically by a file of mode 0600: after a crash either the old content or the new is there."""
    data = content.encode() if isinstance(content, str) else content
    private_folder(path.parent)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; a first call writes `make()` there, readable by its owner only."""
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()
