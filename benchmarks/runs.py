"""Approval → first step, and runs a minute, beside the same runs without Dagster and Dagster without our runs."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from atom.flow.errors import NotRunnable
from atom.flow.execution import Attempt
from atom.flow.parts import Parts
from atom.package.loader import load_package
from atom.runtime.engine import execute
from atom.runtime.journal import StepRecord
from atom.runtime.simulator import Simulator, demo_snapshot
from atom.store import steps
from atom.store.runs import FINISHED
from atom.store.vault import Vault
from benchmarks.memory import Peak, Sampler, Use
from benchmarks.people import NAME, PLAYBOOK, Line, People, people
from benchmarks.stack import Running
from benchmarks.table import Figure, latencies, median

_REFERENCE = f"{NAME}@1.0.0"
_PARAMETERS = {"namespace": "shop", "deployment": "cart"}  # one crash-looping pod: found, replaced, verified
_PATIENCE = 300.0  # seconds for runs to end
_LOOK = 0.1
_CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Ended:
    """One run, in seconds of the epoch: when its approval was sent, pushed to Dagster, claimed by a worker, when its
    first step began (the first row of run_steps, whatever its phase), and when it had ended."""

    approved: float
    pushed: float
    claimed: float
    first_step: float
    finished: float

    @property
    def wait(self) -> float:
        return self.first_step - self.approved


def measure(stack: Running, idle: dict[str, Use], bare: Use, *, quick: bool) -> list[Figure]:
    """Runs one after the other, then many at once.

    `idle` is the memory of the stack before anything was asked of it, `bare` of a Dagster process without our code.
    """
    single, many = (5, 20) if quick else (20, 100)
    with people(stack, "bench-runs") as who:
        line = Line(stack.url)
        line.send(who.upload(stack.url, "1.0.0"), 201)
        line.close()
        _one_after_the_other(who, 2)  # the first runs make connections and caches
        alone = _one_after_the_other(who, single)
        direct, direct_rate = _without_dagster(stack, single)
        waits = [run.wait for run in alone]
        figures = latencies("approval → first step, one run", waits, "without Dagster", direct, 0.5, 0.95)
        figures += _legs(alone)
        peers = {
            "without Dagster, one process": direct_rate,
            "Dagster, an empty op in process": _empty_dagster_run(single),
            "the engine, nothing recorded": _engine_only(single),
        }
        with Sampler(stack) as peak:
            together = _at_once(who, many)
    figures += latencies(
        f"approval → first step, {many} at once", [run.wait for run in together], "one run", waits, 0.5, 0.95
    )
    rate = 60 * many / (max(run.finished for run in together) - min(run.approved for run in together))
    figures += [Figure(f"runs a minute, {many} at once", rate, "/min", many, *peer) for peer in peers.items()]
    return [*figures, *_memory(idle, peak, bare)]


def _one_after_the_other(who: People, count: int) -> list[Ended]:
    done = []
    for _ in range(count):
        run_id = _request(who)
        done.append(_ended(who, run_id, _approve(who, run_id)))
    return done


def _at_once(who: People, count: int) -> list[Ended]:
    """All requested beforehand, then approved by several clients as fast as they can."""
    waiting = [_request(who) for _ in range(count)]
    with ThreadPoolExecutor(_CLIENTS) as pool:
        approved = list(pool.map(lambda run_id: _approve(who, run_id), waiting))
    return [_ended(who, run_id, at) for run_id, at in zip(waiting, approved, strict=True)]


def _request(who: People) -> str:
    run_id: str = who.operator.post(f"/workflows/{_REFERENCE}/runs", {"parameters": _PARAMETERS})["id"]
    return run_id


def _approve(who: People, run_id: str) -> float:
    sent = time.time()
    who.approver.post(f"/runs/{run_id}/approve", {})
    return sent


def _ended(who: People, run_id: str, approved: float) -> Ended:
    """Raises RuntimeError if the run ends otherwise than resolved, or not at all."""
    deadline = time.monotonic() + _PATIENCE
    while (run := who.viewer.get(f"/runs/{run_id}"))["status"] not in FINISHED:
        if time.monotonic() > deadline:
            raise RuntimeError(f"run {run_id} is {run['status']} after {_PATIENCE:.0f} s")
        time.sleep(_LOOK)
    if run["outcome"] != "resolved":
        raise RuntimeError(f"run {run_id} ended as {run['status']}: {run['error']}")
    # A push that was answered too late is taken back, although its run then comes: such a run has no pushed_at.
    pushed, claimed, first, finished = (
        datetime.fromisoformat(at).timestamp()
        for at in (
            run["pushed_at"] or run["started_at"],
            run["started_at"],
            run["steps"][0]["started_at"],
            run["finished_at"],
        )
    )
    return Ended(approved, pushed, claimed, first, finished)


def _legs(runs: list[Ended]) -> Iterator[Figure]:
    """Where the time from approval to the end of a single run goes."""
    whole = median(r.finished - r.approved for r in runs) * 1000
    legs = {
        "approve, mark as pushed": median(r.pushed - r.approved for r in runs),
        "Dagster: launch, fork, begin, check again": median(r.claimed - r.pushed for r in runs),
        "claim, cluster, lease": median(r.first_step - r.claimed for r in runs),
        "steps, each a durable row": median(r.finished - r.first_step for r in runs),
    }
    for name, seconds in legs.items():
        yield Figure(f"  of which {name}", seconds * 1000, "ms", len(runs), "approval → finished p50", whole)


def _without_dagster(stack: Running, count: int) -> tuple[list[float], float]:
    """The same request, approval, checks, claim, steps and sealing by the same parts, in this process.

    Seconds from approval to first step of each, and runs a minute. A run that the stack's sensor takes first (it looks
    every five seconds) is left out.
    """
    settings = stack.settings()
    parts = Parts.from_settings(settings, Vault.from_settings(settings))
    waits, busy = [], 0.0
    try:
        tenant = parts.database.tenants()[0].id
        for number in range(count + 1):
            run = parts.requests.request(tenant, "bob", _REFERENCE, _PARAMETERS)
            began, clock = time.time(), time.perf_counter()
            parts.requests.approve(tenant, "carol", run.id)
            with suppress(NotRunnable):
                parts.execution.run(Attempt(tenant, run.id, run.attempt, "bench"), "bench")
                if number:  # the first one opens the connections
                    busy += time.perf_counter() - clock
                    with parts.database.transaction(tenant) as tx:
                        waits.append(steps.of_run(tx, run.id)[0].started_at.timestamp() - began)
    finally:
        parts.close()
    return waits, 60 * len(waits) / busy


def _engine_only(count: int) -> float:
    """Runs a minute of the package on the simulator with a journal that forgets."""
    package = load_package(PLAYBOOK.read_bytes())
    began = time.perf_counter()
    for _ in range(count):
        cluster, forgets = Simulator.from_snapshot(demo_snapshot()), _Forgets()
        outcome = execute(package, _PARAMETERS, cluster, forgets, forgets, run_id=str(uuid.uuid4()))
        assert outcome.outcome == "resolved", outcome.error
    return 60 * count / (time.perf_counter() - began)


def _empty_dagster_run(count: int) -> float:
    """Runs a minute of a job with one empty op, in this process, on Dagster's own SQLite storage."""

    @dg.op
    def nothing() -> None: ...

    @dg.job(executor_def=dg.in_process_executor)
    def empty() -> None:
        nothing()

    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        empty.execute_in_process(instance=instance, run_config=quiet)
        began = time.perf_counter()
        for _ in range(count):
            empty.execute_in_process(instance=instance, run_config=quiet)
        return 60 * count / (time.perf_counter() - began)


class _Forgets:
    """Journal and control of a run that nobody follows."""

    def step_started(self, record: StepRecord) -> None: ...

    def step_finished(self, record: StepRecord) -> None: ...

    def raise_if_cancelled(self) -> None: ...


def _memory(idle: dict[str, Use], peak: Peak, bare: Use) -> Iterator[Figure]:
    whole = sum(idle.values(), Use())
    peer = "a bare Dagster process"
    yield Figure(f"memory idle, PSS of {whole.processes} processes", whole.pss, "MB", 1, peer, bare.pss)
    yield Figure("memory idle, sum of RSS", whole.rss, "MB", 1, peer, bare.rss)
    yield Figure(f"memory under load, PSS of {peak.total.processes}", peak.total.pss, "MB", 1, "idle", whole.pss)
    yield Figure("memory under load, sum of RSS", peak.total.rss, "MB", 1, "idle", whole.rss)
    for name, use in sorted(peak.components.items(), key=lambda item: -item[1].pss):
        yield Figure(
            f"  {name} under load, PSS of {use.processes}", use.pss, "MB", 1, "idle", idle.get(name, Use()).pss
        )
