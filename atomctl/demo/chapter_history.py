"""Runs of varied outcome: every deployment of the simulated cluster is a story of its own."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from atom.runtime.simulator import demo_snapshot
from atom.runtime.simulator.snapshot import read_snapshot
from atom.store.runs import FINISHED
from atomctl.demo.scene import RESTART, SCALE, Scene
from atomctl.errors import RegistryUnreachable

_AT_ONCE = 8  # requests
_SECONDS = 240.0
_EVERY = 0.5  # seconds between looks
_PAGE = 200

Wanted = tuple[str, dict[str, Any]]  # package name, parameters


def tell(scene: Scene) -> None:
    with scene.story.step(f"{scene.runs} runs of varied outcome, asked for and approved at the same time") as step:
        step.asks(f"POST /workflows/…/runs, POST /runs/…/approve  × {scene.runs}", "atomctl run … ; atomctl approve …")
        wanted = list(islice(every_case(), scene.runs))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = list(pool.map(lambda one: _ask(scene, one), wanted))
        ended = _finished(scene, asked)
        for (workflow, outcome), number in sorted(Counter((r["workflow"], r["outcome"]) for r in ended).items()):
            example = next(r for r in ended if (r["workflow"], r["outcome"]) == (workflow, outcome))
            deployment = example["parameters"]["deployment"]
            step.answer(f"{number:>3} × {workflow:<18} {example['status']:<12} {outcome:<16} e.g. {deployment}")
        step.holds("every run ended, each in a named state", all(r["status"] in FINISHED - {"unknown"} for r in ended))
        statuses = {run["status"] for run in ended}
        step.holds(
            "some succeeded, some failed, some were rolled back", statuses >= {"succeeded", "failed", "rolled_back"}
        )


def every_case() -> Iterator[Wanted]:
    """Both packages over the deployments they are for, first as anybody would ask, then with other parameters, for ever."""
    deployments = [(space, one) for space, them in read_snapshot(demo_snapshot()).namespaces.items() for one in them]
    for turn in count():
        for namespace, deployment in deployments:
            target: dict[str, Any] = {"namespace": namespace, "deployment": deployment.name}
            changed: dict[str, Any]
            if deployment.demand:
                changed = {"stepPercent": 10 + 30 * turn % 90, "maxReplicas": 4 + turn % 46} if turn else {}
                yield SCALE, target | {"targetP95Ms": 250 + 10 * turn} | changed
            else:
                changed = {"unhealthyFor": f"{turn}m", "maxPods": 1 + (4 * turn) % 5} if turn else {}
                yield RESTART, target | changed


def _ask(scene: Scene, wanted: Wanted) -> str:
    """Requests one run as bob and approves it as carol where it waits for that; returns its id."""
    name, parameters = wanted
    run = scene.people.bob.post(f"/workflows/{scene.references[name]}/runs", {"parameters": parameters})
    if run["status"] == "pending_approval":
        scene.people.carol.post(f"/runs/{run['id']}/approve", {"verdict_digest": run["verdict_digest"]})
    run_id: str = run["id"]
    return run_id


def _finished(scene: Scene, asked: list[str]) -> list[dict[str, Any]]:
    """The runs, once all have ended."""
    deadline = time.monotonic() + _SECONDS
    columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = scene.story.out.as_json or not sys.stderr.isatty()
    ended: dict[str, dict[str, Any]] = {}
    with Progress(*columns, console=scene.story.out.err, disable=hidden, transient=True) as progress:
        task = progress.add_task("runs ended", total=len(asked))
        while True:
            ended |= {run["id"]: run for run in _newest(scene, asked) if run["status"] in FINISHED}
            progress.update(task, completed=len(ended))
            if len(ended) == len(asked):
                return list(ended.values())
            if time.monotonic() > deadline:
                what = f"waited {_SECONDS:.0f} s for {len(asked)} runs to end; {len(ended)} did"
                raise RegistryUnreachable(scene.people.frank.url, what)
            time.sleep(_EVERY)


def _newest(scene: Scene, asked: list[str]) -> Iterator[dict[str, Any]]:
    """Those of the runs `asked` for, page by page: they are the newest, unless somebody else asks for some meanwhile."""
    missing, cursor = set(asked), None
    while missing:
        page = scene.people.frank.get("/runs", limit=_PAGE, cursor=cursor)
        for run in page["items"]:
            if run["id"] in missing:
                missing.remove(run["id"])
                yield run
        if (cursor := page["next"]) is None:
            return
