"""Following a run: what is new since the last look, until nothing will be new any more."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from atomctl.client import Registry
from atomctl.output import Output, plain

_EVERY = 0.5  # seconds between looks
_MARKS = {
    "succeeded": ("✓", "green"),
    "passed": ("✓", "green"),
    "compensated": ("↩", "yellow"),
    "skipped": ("·", "dim"),
    "failed": ("✗", "red"),
}


def is_finished(run: Mapping[str, Any]) -> bool:
    from atom.store.runs import FINISHED  # brings a database driver along, which `atomctl --help` can do without

    return run["status"] in FINISHED


def watch_run(registry: Registry, out: Output, run_id: uuid.UUID) -> dict[str, Any]:
    """Prints each step as it ends; returns the finished run."""
    told: set[str] = set()
    with out.busy(f"run {run_id}"):
        while True:
            run: dict[str, Any] = registry.get(f"/runs/{run_id}")
            for step in run["steps"]:
                if step["status"] != "running" and step["id"] not in told:
                    told.add(step["id"])
                    if not out.as_json:
                        draw_step(out, step)
            if is_finished(run):
                return run
            time.sleep(_EVERY)


def draw_step(out: Output, step: Mapping[str, Any]) -> None:
    """One line: how it ended, what it was, how long it took on the cluster's clock."""
    out.say(step_line(step))


def step_line(step: Mapping[str, Any]) -> Text:
    mark, colour = _MARKS.get(step["status"], ("•", ""))
    seconds = f"{step['cluster_seconds']:.0f} s" if step["cluster_seconds"] is not None else ""
    again = f" (try {step['try_']})" if step["try_"] > 1 else ""
    name = f"{step['phase']:<10} {step['step_id']}{again}"
    error = step["error"] or {}
    tail = f"  {error['found']}" if error.get("found") else ""
    line = Text(f"{mark} ", style=colour)
    return line + Text(plain(f"{name:<36} {step['uses'] or '':<26} {step['status']:<10} {seconds:>6}{tail}"))
