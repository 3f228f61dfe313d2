"""How a step is told: a heading, the real request, a short real answer, and whether what was promised holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from atom.errors import AtomError
from atomctl.errors import RegistryRefused
from atomctl.output import Output, plain


class StoryEnded(Exception):
    """A step could not be told to its end, nor what rests on it."""


@dataclass
class Step:
    """One heading. `claims` maps each promise to whether it held."""

    title: str
    out: Output
    claims: dict[str, bool] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return bool(self.claims) and all(self.claims.values())

    def asks(self, request: str, command: str = "") -> None:
        """The request that is made, and the command that makes it."""
        self._line(Text(f"   {plain(request)}", style="cyan"))
        if command:
            self._line(Text(f"   $ {plain(command)}", style="dim"))

    def answer(self, text: str | Text) -> None:
        line = text if isinstance(text, Text) else Text(plain(text))
        self._line(Text("   ") + line)

    def holds(self, claim: str, truth: bool) -> None:
        """A promise, and whether it was kept."""
        self.claims[claim] = truth
        mark = Text("   ✓ ", style="green") if truth else Text("   ✗ ", style="bold red")
        self._line(mark + Text(claim))

    def refused(self, status: int, ask: Callable[[], object]) -> RegistryRefused | None:
        """Asks for what must be refused, and tells the refusal."""
        try:
            ask()
        except RegistryRefused as refusal:
            facts = refusal.as_dict()
            self.answer(f"{refusal.status} {facts['code']}: {refusal.title}")
            self.answer(f"expected {refusal.expected}")
            self.answer(f"found    {refusal.found}")
            self.holds(f"refused with {status}", refusal.status == status)
            return refusal
        self.holds(f"refused with {status}", False)
        return None

    def _line(self, line: Text) -> None:
        if not self.out.as_json:
            self.out.say(line)


class Story:
    """The steps told so far."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.steps: list[Step] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """One step; an AtomError inside it breaks it off."""
        step = Step(title, self.out)
        self.steps.append(step)
        self.say(Text(f"\n{len(self.steps):>2} {title}", style="bold"))
        began = time.monotonic()
        try:
            yield step
        except AtomError as error:
            step.claims[error.title] = False
            if not self.out.as_json:
                self.out.problem(error)
            raise StoryEnded from error
        finally:
            step.seconds = round(time.monotonic() - began, 1)

    def say(self, text: str | Text) -> None:
        if not self.out.as_json:
            self.out.say(text)

    def broken(self) -> list[str]:
        """Every promise that was not kept, with the step that made it."""
        return [
            f"step {number}, {step.title}: {claim}"
            for number, step in enumerate(self.steps, 1)
            for claim, kept in (step.claims or {"nothing was shown": False}).items()
            if not kept
        ]

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"title": step.title, "ok": step.ok, "seconds": step.seconds, "claims": step.claims} for step in self.steps
        ]
