"""Small builders: a package, a cluster, and a run of the one on the other with everything it told its journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from atom.package import Package, load_package
from atom.runtime.engine import execute
from atom.runtime.errors import Cancelled
from atom.runtime.journal import StepRecord
from atom.runtime.outcome import Outcome
from atom.runtime.simulator import Simulator, demo_snapshot

PLAYBOOKS = Path(__file__).parents[3] / "examples" / "playbooks"
SHOP = {"namespace": "shop", "name": "web"}


@dataclass
class MemoryJournal:
    """Keeps what it is told; `fail_at` is the number (from 1) of the call that raises instead."""

    fail_at: int = 0
    started: list[StepRecord] = field(default_factory=list)
    finished: list[StepRecord] = field(default_factory=list)
    calls: int = 0

    def step_started(self, record: StepRecord) -> None:
        self._count()
        self.started.append(record)

    def step_finished(self, record: StepRecord) -> None:
        self._count()
        self.finished.append(record)

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise ConnectionError("the journal is gone")


@dataclass
class Operator:
    """A control that raises `answer` at its `cancel_at`-th question (from 1), and from then on."""

    cancel_at: int = 0
    answer: Exception = field(default_factory=lambda: Cancelled("ann@example.com"))
    asked: int = 0

    def raise_if_cancelled(self) -> None:
        self.asked += 1
        if self.cancel_at and self.asked >= self.cancel_at:
            raise self.answer


@dataclass
class Told:
    outcome: Outcome
    journal: MemoryJournal
    control: Operator
    cluster: Simulator

    def path(self) -> list[str]:
        """`step:scale:failed`, … in the order in which they ended."""
        return [f"{entry.phase}:{entry.id}:{entry.status}" for entry in self.journal.finished]

    def result(self, id_: str) -> Any:
        return [entry.result for entry in self.journal.finished if entry.id == id_][-1]


@pytest.fixture
def package() -> Callable[..., Package]:
    def build(steps: list[dict[str, Any]] | None = None, **spec: Any) -> Package:
        whole = {
            "parameters": {"type": "object", "additionalProperties": False, "properties": {}},
            "permissions": {},
            "steps": steps or [{"id": "look", "uses": "k8s.workload.get@v1", "with": SHOP}],
            "verify": [{"id": "check", "uses": "k8s.workload.get@v1", "with": SHOP, "expect": "true"}],
            "risk": {"declared": "low", "reversibility": "reversible", "blastRadius": "workload"},
        }
        document = {"apiVersion": "wpk.atom/v1", "kind": "WorkflowPackage"}
        document |= {"metadata": {"name": "t", "version": "1.0.0"}, "spec": whole | spec}
        return load_package(json.dumps(document).encode())

    return build


@pytest.fixture
def playbook() -> Callable[[str], Package]:
    return lambda name: load_package((PLAYBOOKS / f"{name}.wpk.yaml").read_bytes())


@pytest.fixture
def demo() -> Callable[[], Simulator]:
    return lambda: Simulator.from_snapshot(demo_snapshot())


@pytest.fixture
def cluster() -> Callable[..., Simulator]:
    """A cluster whose namespace `shop` has these workloads; `web` with three replicas unless told otherwise."""

    def build(*workloads: dict[str, Any], kind: type[Simulator] = Simulator) -> Simulator:
        told = list(workloads) or [{"name": "web", "replicas": 3}]
        tree = {"apiVersion": "simulator.atom/v1", "nodes": [{"name": "n1"}], "namespaces": {"shop": told}}
        return kind.from_snapshot(json.dumps(tree).encode())

    return build


@pytest.fixture
def run(cluster: Callable[..., Simulator]) -> Callable[..., Told]:
    def go(
        package: Package,
        parameters: dict[str, Any] | None = None,
        on: Simulator | None = None,
        cancel_at: int = 0,
        journal: MemoryJournal | None = None,
        control: Operator | None = None,
        **more: Any,
    ) -> Told:
        on, journal, control = on or cluster(), journal or MemoryJournal(), control or Operator(cancel_at)
        outcome = execute(package, parameters or {}, on, journal, control, **{"run_id": "run-1", **more})
        return Told(outcome, journal, control, on)

    return go


@pytest.fixture
def operator() -> type[Operator]:
    return Operator


@pytest.fixture
def journal() -> type[MemoryJournal]:
    return MemoryJournal
