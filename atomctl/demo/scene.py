"""What the chapters share: the people, the servers, the folder of this telling, and what earlier chapters left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atom.store.runs import FINISHED
from atomctl.client import Registry
from atomctl.dagster import Dagster
from atomctl.demo.people import People
from atomctl.demo.story import Story
from atomctl.errors import RegistryUnreachable

PLAYBOOKS = Path(__file__).parents[2] / "examples" / "playbooks"
RESTART, SCALE = "restart-unhealthy", "scale-on-latency"


@dataclass
class Scene:
    """`stamp` makes names and versions of this telling new: a version never changes, so a second telling needs others."""

    story: Story
    people: People
    dagster: Dagster
    home: Path
    folder: Path
    stamp: str
    runs: int
    public_key: str = ""
    references: dict[str, str] = field(default_factory=dict)  # package name -> name@version
    finished: dict[str, Any] = field(default_factory=dict)  # the run that the auditor looks at
    backup: str = ""  # Dagster's run id of the backup, which goes on while other steps are told


def until_finished(registry: Registry, run_id: str, *, seconds: float = 60) -> dict[str, Any]:
    """The run, once it has ended and its record is sealed."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = registry.get(f"/runs/{run_id}")
        return run if run["status"] in FINISHED and run["immutable_log_path"] else None

    return until(look, f"run {run_id} to end and its record to be sealed", registry, seconds=seconds)


def until(
    look: Callable[[], dict[str, Any] | None], what: str, registry: Registry, *, seconds: float
) -> dict[str, Any]:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise RegistryUnreachable(registry.url, f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)
    return found
