"""`atomctl up`: the embedded stack, with a line for each component, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from atom.local.components import Origin
from atom.local.files import write_private
from atom.local.stack import Event, Stack, State
from atom.settings import Settings

_STYLE = {State.STARTING: "yellow", State.READY: "green", State.STOPPED: "dim"}


class _Interrupted(Exception):
    """Ctrl-C or SIGTERM."""


def up(home: Path, settings: Settings, *, ready_file: Path | None = None, console: Console | None = None) -> None:
    """Start, say "ready" with the URLs, watch; stop on Ctrl-C or SIGTERM and return.

    `ready_file` gets the URLs, one a line, once everything is ready. Raises what `Stack.start` and `Stack.wait` raise,
    after having stopped everything.
    """
    console = console or Console()
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # of one that was killed
    stack = Stack(home, settings)
    began = time.monotonic()
    with _signals(_raise):
        try:
            with _lines(console) as tell:
                stack.start(tell)
            _say_ready(console, stack, time.monotonic() - began)
            if ready_file is not None:
                write_private(ready_file, "".join(f"{name} {url}\n" for name, url in stack.urls().items()))
            stack.wait(_plain(console))
        except _Interrupted:
            console.print("stopping …")
        finally:
            with _signals(_ignore):  # a second Ctrl-C must not leave half of it running
                stack.stop()
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
    console.print("stopped")


def _say_ready(console: Console, stack: Stack, seconds: float) -> None:
    ready = f"[green]ready[/green] in {seconds:.1f} s; everything is in {stack.home}"
    console.print(ready, highlight=False, soft_wrap=True)
    for name, url in stack.urls().items():
        console.print(f"  {name:9} {url}", highlight=False, soft_wrap=True)
    console.print('  another shell: eval "$(atomctl env)"; Ctrl-C stops', highlight=False)


@contextmanager
def _lines(console: Console) -> Iterator[Callable[[Event], None]]:
    """A table that changes in place on a terminal, one line an event elsewhere."""
    if not console.is_terminal:
        yield _plain(console)
        return
    seen: dict[str, Event] = {}
    with Live(_table(seen), console=console, refresh_per_second=8) as live:

        def tell(event: Event) -> None:
            seen[event.component] = event
            live.update(_table(seen))

        yield tell


def _plain(console: Console) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if event.state is State.STARTING and event.origin in (Origin.BUILT_IN, Origin.NONE):
            return
        facts = (event.version, event.where, event.note)
        text = " · ".join(fact for fact in facts if fact)
        spent = f"{event.seconds:4.1f} s" if event.state in (State.READY, State.FAILED, State.STOPPED) else "      "
        line = f"{event.state:8} {event.component:14} {event.origin:10} {spent} {text}".rstrip()
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    return tell


def _table(events: dict[str, Event]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for event in events.values():
        state = f"[{_STYLE.get(event.state, 'bold red')}]{event.state}[/]"
        spent = f"{event.seconds:.1f} s" if event.seconds >= 0.05 else ""
        table.add_row(state, event.component, event.origin, event.version, event.where, spent, f"[dim]{event.note}[/]")
    return table


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, previous in zip(numbers, before, strict=True):
            signal.signal(number, previous)


def _raise(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def _ignore(number: int, frame: FrameType | None) -> None:
    return
