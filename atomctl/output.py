"""The only place that prints: tables for people, JSON for programs, errors for both. And the exit codes.

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused or failed: the registry said no, a signature or evidence does not hold, a run did not succeed |
| 2 | wrong usage, or a setting is missing or makes no sense |
| 3 | a server that is needed does not answer |
| 4 | not signed in, or not allowed |
| 5 | there is no such thing |
| 130 | interrupted |
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from atom.errors import AtomError, Forbidden, Misconfigured, NotFound, Unauthenticated, Unavailable
from atomctl.errors import RegistryRefused

FAILED = 1
_CODES: tuple[tuple[type[AtomError], int], ...] = (
    (Misconfigured, 2),
    (Unavailable, 3),
    (Unauthenticated, 4),
    (Forbidden, 4),
    (NotFound, 5),
)
_PIPED_WIDTH = 200  # columns of a table that nobody looks at on a terminal: wide enough to cut nothing
_COLOURS = {
    "succeeded": "green", "safe": "green", "resolved": "green", "ok": "green",
    "failed": "red", "unsafe": "red", "critical": "red", "high": "red", "unknown": "red", "rejected": "red",
    "rolled_back": "yellow", "caution": "yellow", "pending_approval": "yellow", "medium": "yellow", "skipped": "dim",
}  # fmt: skip
# What would move the cursor, recolour the terminal or reverse the text: C0 and C1 controls, bidirectional marks.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")

Columns = Mapping[str, str | Callable[[Mapping[str, Any]], Any]]  # title -> key of the row, or what to make of the row


def exit_code(error: AtomError) -> int:
    kind = error.kind if isinstance(error, RegistryRefused) else type(error)
    return next((code for base, code in _CODES if issubclass(kind, base)), FAILED)


def plain(value: object) -> str:
    """`value` as text that no server can use to fool a terminal."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", "" if value is None else str(value))


def when(moment: object) -> str:
    """An ISO 8601 time as people write it, in UTC, to the second."""
    try:
        return f"{datetime.fromisoformat(str(moment)):%F %T}"
    except ValueError:
        return plain(moment)


def short(digest: object) -> str:
    """`sha256:0123456789ab…`: enough to recognise a digest."""
    text = plain(digest)
    return f"{text[:19]}…" if text.startswith("sha256:") and len(text) > 20 else text


class Output:
    """Results go to standard output, everything else to standard error."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False)
        self.err = Console(stderr=True, highlight=False, markup=False)

    def result(self, value: object, draw: Callable[[], object]) -> None:
        """`value` as JSON, or whatever `draw` prints for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
        else:
            draw()

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Columns, *, none: str) -> None:
        """One line a row; `none` is what to say instead of an empty table."""
        if not rows:
            self.note(none)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, title in enumerate(columns):
            table.add_column(title, overflow="fold", no_wrap=index == 0)
        for row in rows:
            table.add_row(*(_cell(row.get(c) if isinstance(c, str) else c(row)) for c in columns.values()))
        self.out.print(table)

    def facts(self, facts: Mapping[str, object]) -> None:
        """One labelled line each; what is None is left out."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in facts.items():
            if value is not None:
                grid.add_row(label, _cell(value))
        self.out.print(grid)

    def say(self, text: RenderableType) -> None:
        """A line of the result, for people."""
        self.out.print(Text(plain(text)) if isinstance(text, str) else text, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something beside the result."""
        if not self.as_json:
            self.err.print(Text(plain(text), style="dim"), soft_wrap=True)

    def problem(self, error: AtomError) -> None:
        """What went wrong, what was expected and found, and what to do."""
        facts = error.as_dict()
        if self.as_json:
            self.err.print(json.dumps(facts, indent=2, ensure_ascii=False), soft_wrap=True)
            return
        self.err.print(Text("✗ ", style="bold red") + Text(plain(facts.pop("title")), style="bold"), soft_wrap=True)
        for name in ("expected", "found", "remedy"):
            self.err.print(Text(f"  {name:<9}", style="dim") + Text(plain(facts[name])), soft_wrap=True)
        if quarantine := facts.get("quarantine_id"):
            self.err.print(Text("  kept as  ", style="dim") + Text(plain(quarantine)), soft_wrap=True)

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Shows on a terminal that something takes its time."""
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        with self.err.status(Text(plain(doing))):
            yield


def _cell(value: object) -> Text:
    text = plain(value)
    return Text(text, style=_COLOURS.get(text, ""))
