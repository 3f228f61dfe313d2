"""Fault injectors: the real part behind a counter, which lets something happen at one chosen call: mostly, death.

`Killed` is no Exception, so that nobody handles it: what was committed stays, what was not is gone, as after kill -9.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from atom.store.database import Database, Transaction
from atom.store.objects import Objects

When = Literal["before", "after"]


class Killed(BaseException):
    """The process ended here."""


def die() -> None:
    raise Killed


@dataclass
class Fuse:
    """Blows at call number `at` (from 1), before it took effect or after: `happens` is called. `calls` counts them all."""

    at: int = 0
    when: When = "before"
    happens: Callable[[], object] = die
    calls: int = 0

    @contextmanager
    def lit(self) -> Iterator[None]:
        """Around the effect of one call."""
        self.calls += 1
        blows = self.calls == self.at
        if blows and self.when == "before":
            self.happens()
        yield
        if blows and self.when == "after":
            self.happens()


class DyingDatabase:
    """A transaction that never began, as far as anybody can see, or one that was committed and its caller never learns."""

    def __init__(self, real: Database, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    @contextmanager
    def transaction(self, tenant: uuid.UUID) -> Iterator[Transaction]:
        with self._fuse.lit(), self._real.transaction(tenant) as tx:
            yield tx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class DyingObjects:
    """An object that never reached the store, or one that did and its writer never learns."""

    def __init__(self, real: Objects, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    def put(self, *args: Any, **more: Any) -> Any:
        with self._fuse.lit():
            return self._real.put(*args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
