"""JSON pointers (RFC 6901)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def pointer_to(path: Iterable[str | int]) -> str:
    """`["a/b", 0]` as `"/a~1b/0"`; the empty path is the root, `""`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def nearest(lines: Mapping[str, tuple[int, int]], pointer: str) -> tuple[int, int]:
    """The (line, column) of `pointer`, or of its nearest parent that `lines` has; (1, 1) if none."""
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, (1, 1))
