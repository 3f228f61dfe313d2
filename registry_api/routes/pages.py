"""Lists in pages: newest first, the last id of a page is the cursor of the next."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[uuid.UUID | None, Query(description="`next` of the page before.")]


class _Row(Protocol):
    @property
    def id(self) -> uuid.UUID: ...


def page(rows: Sequence[_Row], limit: int, view: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """`next` is null on the last page; a page that is just full may be followed by an empty one."""
    return {"items": [view(row) for row in rows], "next": str(rows[-1].id) if len(rows) == limit else None}
