"""How much memory the stack takes, by component: proportional (PSS) where the kernel tells, else resident (RSS)."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import psutil

from benchmarks.stack import Running

_EVERY = 0.5  # seconds between looks
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Use:
    """Of one process or several. PSS counts a shared page once, divided among those who share it; RSS counts it whole
    in each, so that sums of RSS overstate programs that fork."""

    rss: float = 0.0
    pss: float = 0.0
    processes: int = 0

    def __add__(self, other: Self) -> Use:
        return Use(self.rss + other.rss, self.pss + other.pss, self.processes + other.processes)


@dataclass
class Peak:
    """The largest sum seen, and what each component had at that moment."""

    total: Use = Use()
    components: dict[str, Use] = field(default_factory=dict)


def use_of(process: psutil.Process) -> Use:
    """Nothing for a process that has just ended."""
    with suppress(psutil.NoSuchProcess):
        try:
            full = process.memory_full_info()
            return Use(full.rss / _MB, full.pss / _MB, 1)
        except psutil.AccessDenied:
            rss = process.memory_info().rss / _MB
            return Use(rss, rss, 1)
    return Use()


def look(stack: Running) -> dict[str, Use]:
    """What every component uses now, with the processes that it started itself (database backends, run workers)."""
    return {name: sum(map(use_of, group), Use()) for name, group in stack.groups().items()}


class Sampler:
    """`with Sampler(stack) as peak:` — looks all the while; `peak` is complete when the block has ended."""

    def __init__(self, stack: Running) -> None:
        self._stack = stack
        self._peak = Peak()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self._peak

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY):
            now = look(self._stack)
            total = sum(now.values(), Use())
            if total.pss > self._peak.total.pss:
                self._peak.total, self._peak.components = total, now
