"""One figure beside what it is to be compared with, and the table of all of them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` of `samples` samples, and `peer`, measured in the same run, in the same unit."""

    name: str
    value: float
    unit: str  # s, ms, /s, /min, MB
    samples: int
    peer: str
    peer_value: float
    load: float = field(default_factory=lambda: os.getloadavg()[0])  # of the last minute, when it was measured

    @property
    def ratio(self) -> float:
        return self.value / self.peer_value if self.peer_value else math.nan


def percentile(samples: Iterable[float], q: float) -> float:
    """Nearest rank: the smallest sample that at least the share `q` of all samples does not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def median(samples: Iterable[float]) -> float:
    return percentile(samples, 0.5)


def latencies(
    name: str, seconds: Sequence[float], peer: str, peer_seconds: Sequence[float], *qs: float
) -> list[Figure]:
    """One figure in milliseconds for each percentile in `qs`, beside the same percentile of the peer."""
    return [
        Figure(f"{name} p{q * 100:.0f}", percentile(seconds, q) * 1000, "ms", len(seconds),
               f"{peer} p{q * 100:.0f}", percentile(peer_seconds, q) * 1000)
        for q in qs
    ]  # fmt: skip


def show(figures: Iterable[Figure], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("n", justify="right")
    table.add_column("beside")
    table.add_column("value", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("load", justify="right")
    for one in figures:
        value, peer = (f"{_short(number)} {one.unit}" for number in (one.value, one.peer_value))
        table.add_row(one.name, value, str(one.samples), one.peer, peer, _short(one.ratio), f"{one.load:.1f}")
    console.print(table)


def _short(number: float) -> str:
    """Three digits that mean something."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
