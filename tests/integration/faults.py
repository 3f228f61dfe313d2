"""Fault injectors: the real part behind a counter, which kills its caller at one chosen call.

`Killed` is no Exception, so that nobody handles it: what was committed stays, what was not is gone, as after kill -9.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from atom.store.database import Database, Transaction
from atom.store.objects import Objects

When = Literal["before", "after"]


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Fuse:
    """Blows at call number `at` (from 1), before it took effect or after. `calls` counts them all."""

    at: int = 0
    when: When = "before"
    calls: int = 0

    def blows(self) -> When | None:
        self.calls += 1
        return self.when if self.calls == self.at else None


class DyingDatabase:
    """`before` rolls the transaction back as its commit is due; `after` commits it, and the caller never learns."""

    def __init__(self, real: Database, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    @contextmanager
    def transaction(self, tenant: uuid.UUID) -> Iterator[Transaction]:
        blown = self._fuse.blows()
        with self._real.transaction(tenant) as tx:
            yield tx
            if blown == "before":
                raise Killed
        if blown == "after":
            raise Killed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class DyingObjects:
    """`before` never reaches the store; `after` stores the object, and the caller never learns."""

    def __init__(self, real: Objects, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    def put(self, *args: Any, **more: Any) -> Any:
        blown = self._fuse.blows()
        if blown == "before":
            raise Killed
        stored = self._real.put(*args, **more)
        if blown == "after":
            raise Killed
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
