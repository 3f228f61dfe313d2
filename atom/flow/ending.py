"""How a run ends: its last state and the record of it, in one transaction."""

from __future__ import annotations

from typing import Any

from atom.errors import AtomError
from atom.evidence.sealer import FINAL_RECORD
from atom.store import approvals, audit, runs, steps, workflows
from atom.store.database import Transaction
from atom.store.runs import Run, Status


def finish(
    tx: Transaction, run: Run, to: Status, *, outcome: str, by: str, error: dict[str, Any] | None = None
) -> None:
    """Moves the run to a finished state and writes its final audit record into the outbox."""
    runs.move(tx, run.id, to=to, outcome=outcome, error=error)
    ended = runs.by_id(tx, run.id)
    assert ended is not None  # moved above, in this transaction
    audit.record(tx, FINAL_RECORD, _record(tx, ended, by), run_id=run.id)


def problem(error: AtomError, **more: str) -> dict[str, Any]:
    """An error as the row and the record keep it."""
    return error.as_dict() | more


def _record(tx: Transaction, run: Run, by: str) -> dict[str, Any]:
    workflow = workflows.by_id(tx, run.workflow_id)
    assert workflow is not None  # foreign key
    decisions = approvals.of_run(tx, run.id)
    done = steps.of_run(tx, run.id)
    return {
        "run": {
            "id": str(run.id),
            "package": f"{run.workflow}@{run.version}",
            "packageDigest": run.package_digest,
            "parametersDigest": run.parameters_digest,
            "attempt": run.attempt,
            "cluster": run.cluster,
            "dagsterRunId": run.dagster_run_id,
        },
        "actors": {
            "requestedBy": run.requested_by,
            "decidedBy": [
                {
                    "sub": decision.decided_by,
                    "decision": decision.decision,
                    "at": decision.decided_at.isoformat(),
                    "verdictSeenDigest": decision.verdict_digest,
                }
                for decision in decisions
            ],
            "executedBy": run.worker,
            "endedBy": by,
        },
        "signature": {
            "signer": workflow.signer,
            "kind": workflow.sig_kind,
            "keyId": workflow.key_id,
            "sigTime": workflow.sig_time.isoformat() if workflow.sig_time else None,
        },
        "policy": {"verdictDigest": run.verdict_digest},
        "steps": [
            {
                "attempt": step.attempt,
                "phase": step.phase,
                "id": step.step_id,
                "try": step.try_,
                "uses": step.uses,
                "effect": step.effect,
                "status": step.status,
            }
            for step in done
        ],
        "effects": [{"step": step.step_id, "phase": step.phase, **effect} for step in done for effect in step.effects],
        "outcome": {
            "status": run.status,
            "outcome": run.outcome,
            "error": run.error,
            "requestedAt": run.requested_at.isoformat(),
            "startedAt": run.started_at.isoformat() if run.started_at else None,
            "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        },
    }
