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

BAD_HOUR = 10  # the last runs, all of which are taken back: what insight has to notice
_AT_ONCE = 8  # requests
_SECONDS = 240.0
_EVERY = 1.0  # second between looks
_PAGE = 200  # runs, at most

Wanted = tuple[str, dict[str, Any]]  # package name, parameters


def tell(scene: Scene) -> None:
    with scene.story.step(f"{scene.runs} runs of varied outcome, asked for and approved at the same time") as step:
        step.asks(
            f"POST /workflows/…/runs, POST /runs/…/approve  × {scene.runs}",
            "atomctl run … --as bob; atomctl approve … --as carol",
        )
        ended = _carried_out(scene, list(islice(every_case(), scene.runs - BAD_HOUR)))
        step.answer(f"… the last {BAD_HOUR} all on payments, whose database is slow: a bad hour")
        ended += _carried_out(scene, [_scale("shop", "payments", turn) for turn in range(1, BAD_HOUR + 1)])
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
    """Both packages in turn over the deployments they are for; first as anybody would ask, then with other parameters."""
    deployments = [(space, one) for space, them in read_snapshot(demo_snapshot()).namespaces.items() for one in them]
    busy = [(space, one.name) for space, one in deployments if one.demand]
    unhealthy = [(space, one.name) for space, one in deployments if not one.demand]
    for number in count():
        turn, at = divmod(number, len(busy))
        yield _scale(*busy[at], turn)
        turn, at = divmod(number, len(unhealthy))
        yield _restart(*unhealthy[at], turn)


def _scale(namespace: str, deployment: str, turn: int) -> Wanted:
    parameters: dict[str, Any] = {"namespace": namespace, "deployment": deployment, "targetP95Ms": 250 + 10 * turn}
    return SCALE, parameters | ({"stepPercent": 10 + 30 * turn % 90, "maxReplicas": 6 + turn % 44} if turn else {})


def _restart(namespace: str, deployment: str, turn: int) -> Wanted:
    parameters: dict[str, Any] = {"namespace": namespace, "deployment": deployment}
    return RESTART, parameters | ({"unhealthyFor": f"{turn}m", "maxPods": 1 + 4 * turn % 5} if turn else {})


def _carried_out(scene: Scene, wanted: list[Wanted]) -> list[dict[str, Any]]:
    """All of them asked for at the same time; the runs, once they have ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return _finished(scene, list(pool.map(lambda one: _ask(scene, one), wanted)))


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
        page = scene.people.frank.get("/runs", limit=min(len(missing), _PAGE), cursor=cursor)
        for run in page["items"]:
            if run["id"] in missing:
                missing.remove(run["id"])
                yield run
        if (cursor := page["next"]) is None:
            return
