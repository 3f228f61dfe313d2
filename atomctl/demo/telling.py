"""The whole story: the stack, the people, the chapters in their order, and where to look next."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.text import Text

from atom.local.environment import saved_environment
from atom.local.files import private_folder
from atom.local.stack import Event, Stack, State, is_running
from atom.settings import Settings
from atomctl.dagster import Dagster
from atomctl.demo import (
    chapter_evidence,
    chapter_history,
    chapter_learning,
    chapter_packages,
    chapter_recovery,
    chapter_runs,
)
from atomctl.demo.people import people
from atomctl.demo.scene import Scene
from atomctl.demo.story import Story, StoryEnded
from atomctl.output import Output

_FOUNDATION = (chapter_packages.tell, chapter_runs.tell)  # what comes after them rests on them
_REST = (
    chapter_recovery.begin,
    chapter_evidence.tell,
    chapter_recovery.tell,
    chapter_history.tell,
    chapter_learning.tell,
)


def demo(out: Output, home: Path, settings: Settings, *, runs: int, keep: bool) -> bool:
    """Tells the story on the stack of `home`, which is started and stopped if nobody runs it.

    True if everything was as told. With `keep`, a stack started here goes on until Ctrl-C.
    """
    began = time.monotonic()
    with _stack(out, home, settings, keep=keep):
        story = Story(out)
        _tell(story, home.resolve(), runs)
        broken = story.broken()
        kept = sum(len(step.claims) for step in story.steps) - len(broken)
        seconds = time.monotonic() - began
        out.result({"ok": not broken, "seconds": round(seconds, 1), "steps": story.as_json()}, lambda: None)
        for claim in broken:
            story.say(Text(f"✗ {claim}", style="bold red"))
        story.say(Text(f"\n{kept} of {kept + len(broken)} promises held, in {seconds:.0f} s", style="bold"))
        return not broken


def _tell(story: Story, home: Path, runs: int) -> None:
    saved = saved_environment(home)
    stamp = f"t{int(time.time()):x}"
    folder = private_folder(home / "demo" / stamp)
    with people(home, saved["ATOM_URL"]) as them, Dagster(saved["DAGSTER_URL"]) as dagster:
        scene = Scene(story, them, dagster, home, folder, stamp, runs)
        try:
            for tell in _FOUNDATION:
                tell(scene)
        except StoryEnded:
            story.say("The rest of the story rests on this step, so it ends here.")
        else:
            for tell in _REST:
                with suppress(StoryEnded):
                    tell(scene)
        _where_to_look(story, saved, folder)


def _where_to_look(story: Story, saved: dict[str, str], folder: Path) -> None:
    story.say(Text("\nWhere to look next (`atomctl up` serves them)", style="bold"))
    for what, where in {
        "Dagster: runs, assets, checks": saved["DAGSTER_URL"],
        "registry: every request": f"{saved['ATOM_URL']}/docs",
        "keys, packages, evidence, dataset": str(folder),
    }.items():
        story.say(f"   {what:<34} {where}")


@contextmanager
def _stack(out: Output, home: Path, settings: Settings, *, keep: bool) -> Iterator[None]:
    """A running stack in `home`: the one that is there, or one for the time of the story."""
    if is_running(home):
        out.note(f"Using the stack that runs in {home}.")
        yield
        return

    def tell(event: Event) -> None:
        if event.state in (State.READY, State.FAILED, State.DIED) and event.seconds >= 0.1:
            out.note(f"{event.state:<7} {event.component:<14} {event.version} {event.seconds:.1f} s")

    stack = Stack(home, settings)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as Ctrl-C does: in good order
    try:
        out.note(f"Starting the stack in {home} …")
        with out.busy("starting"):
            stack.start(tell)
        yield
        if keep:
            out.note("The stack keeps running; Ctrl-C stops it.")
            stack.wait(tell)
    finally:
        with out.busy("stopping"):
            stack.stop()
        signal.signal(signal.SIGTERM, before)
