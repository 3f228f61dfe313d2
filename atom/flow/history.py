"""The history of runs as the learning side reads it: every row of a run, in one value."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from typing import Any, cast

from atom.dataset.runs import Decision, EffectName, RunFacts, StepFacts
from atom.flow.packages import Packages
from atom.package.model import Package
from atom.store import approvals, audit, runs, steps, verdicts, workflows
from atom.store.database import Database, Transaction
from atom.store.runs import Run
from atom.store.steps import StepRow

MOST = 100_000  # runs read at once


def runs_between(
    database: Database, catalogue: Packages, tenant: uuid.UUID, since: datetime, until: datetime
) -> list[RunFacts]:
    """Runs of the tenant that were asked for in [since, until), oldest first, at most MOST.

    Unfinished ones too: a request that still waits is what shows that the run before it did not help for long.
    """
    packages: dict[uuid.UUID, Package] = {}
    facts = []
    with database.transaction(tenant) as tx:
        for run in runs.requested_between(tx, since, until, limit=MOST):
            if run.workflow_id not in packages:
                workflow = workflows.by_id(tx, run.workflow_id)
                assert workflow is not None  # foreign key
                packages[run.workflow_id] = catalogue.load(workflow)
            facts.append(_facts(tx, tenant, run, packages[run.workflow_id]))
    return facts


def _facts(tx: Transaction, tenant: uuid.UUID, run: Run, package: Package) -> RunFacts:
    done = [step for step in steps.of_run(tx, run.id) if step.attempt == run.attempt]
    verdict = verdicts.by_digest(tx, run.verdict_digest) or {}
    final = audit.final_of_run(tx, run.id)
    return RunFacts(
        tenant_id=tenant,
        run_id=run.id,
        workflow=run.workflow,
        version=run.version,
        package_digest=run.package_digest,
        parameters=run.parameters,
        trigger=run.trigger,
        requested_at=run.requested_at,
        approved_at=run.approved_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        status=run.status,
        outcome=run.outcome,
        error=str(run.error.get("found") or run.error.get("title") or "") if run.error else None,
        score=verdict.get("score", 0),
        risk=verdict.get("risk", "caution"),
        mode=verdict.get("mode", "manual"),
        steps=tuple(_step(step) for step in _last_tries(done)),
        effects=_effects(done),
        cluster=run.cluster,
        export=package.spec.training.export,
        cause_classes=tuple(package.spec.training.cause_classes),
        audit_path=run.immutable_log_path,
        audit_digest=final.record_hash if final else None,
        decisions=tuple(
            Decision(row.decision, (row.decided_at - run.requested_at).total_seconds())
            for row in approvals.of_run(tx, run.id)
        ),
    )


def _last_tries(done: list[StepRow]) -> list[StepRow]:
    return list({(step.phase, step.step_id): step for step in done}.values())


def _step(step: StepRow) -> StepFacts:
    status = {"compensated": "succeeded", "interrupted": "failed"}.get(step.status, step.status)
    fields: Any = {"phase": step.phase, "effect": step.effect, "status": status}  # checked by the table's constraints
    return StepFacts(id=step.step_id, uses=step.uses or "assert", seconds=step.cluster_seconds, **fields)


def _effects(done: list[StepRow]) -> dict[EffectName, int]:
    counts = Counter[str]()
    for step in done:
        counts[step.effect] += len(step.effects) if step.effect != "read" else int(step.status == "succeeded")
    return cast(dict[EffectName, int], dict(counts))
