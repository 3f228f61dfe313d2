"""How a run is asked for, decided on and called off."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from atom.flow import packages
from atom.flow.ending import finish
from atom.flow.errors import (
    ApprovalExpired,
    ApprovalVoid,
    DecidedAlready,
    IdempotencyKeyReused,
    NotCancellable,
    NotPending,
    OwnPackage,
    OwnRequest,
    TriggerNotDeclared,
    UnknownRun,
    VerdictUnsafe,
    VersionRevoked,
)
from atom.flow.packages import Packages, verdict_on
from atom.gate.verdict import Verdict
from atom.package.digests import parameters_digest
from atom.package.model import Package
from atom.package.parameters import validate_parameters
from atom.store import approvals, audit, runs, workflows
from atom.store.approvals import ApprovalRow
from atom.store.database import Database, Transaction, new_id
from atom.store.runs import Run

_DECIDED = {"approve": "run.approved", "reject": "run.rejected"}


class Requests:
    def __init__(self, database: Database, catalogue: Packages) -> None:
        self._database = database
        self._packages = catalogue

    def request(
        self,
        tenant: uuid.UUID,
        by: str,
        reference: str,
        parameters: Mapping[str, Any],
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> Run:
        """Asks for one run of a workflow; the same `idempotency_key` with the same request gives the same run.

        The run is queued where the verdict's mode is auto, else it waits for a second person. Raises UnknownWorkflow,
        VersionRevoked, ParametersInvalid, TriggerNotDeclared, VerdictUnsafe, IdempotencyKeyReused.
        """
        with self._database.transaction(tenant) as tx:
            workflow = packages.find(tx, reference)
        if workflow.revoked_at is not None:
            raise VersionRevoked(workflow.name, workflow.version)
        package = self._packages.load(workflow)
        given = validate_parameters(package, parameters)
        _declared(package, trigger)
        with self._database.transaction(tenant) as tx:
            verdict = verdict_on(tx, package)
            if verdict.risk == "unsafe":
                raise VerdictUnsafe(
                    workflow.name, verdict.score, sorted({finding.rule for finding in verdict.findings})
                )
            run_id = new_id()
            inserted = runs.insert(
                tx,
                id=run_id,
                workflow_id=workflow.id,
                package_digest=workflow.digest,
                parameters=given,
                parameters_digest=parameters_digest(given),
                verdict_digest=verdict.digest,
                trigger=trigger,
                idempotency_key=idempotency_key,
                status="queued" if verdict.mode == "auto" else "pending_approval",
                requested_by=by,
                expires_at=datetime.now(UTC) + package.spec.approval.expires,
            )
            if not inserted:
                return _requested_before(tx, idempotency_key, workflow.digest, parameters_digest(given), by)
            run = _known(runs.by_id(tx, run_id), run_id)
            audit.record(tx, "run.requested", _requested(run, verdict), run_id=run.id)
            return run

    def approve(
        self, tenant: uuid.UUID, by: str, run_id: uuid.UUID, *, reason: str | None = None, seen: str | None = None
    ) -> Run:
        """One person's yes. The run is queued once as many as the package asks for have agreed.

        `seen` is the verdict digest that the approver looked at. Raises UnknownRun, NotPending, ApprovalExpired,
        OwnRequest, OwnPackage, DecidedAlready, ApprovalVoid.
        """
        with self._database.transaction(tenant) as tx:
            run = self._decide(tx, by, run_id, "approve", reason, seen)
            if run.status == "pending_approval":
                needed = self._packages.load(_workflow(tx, run)).spec.approval.min_approvers
                agreed = [row.decided_by for row in approvals.of_run(tx, run.id) if row.decision == "approve"]
                if len(agreed) >= needed:
                    runs.approve(tx, run.id, ", ".join(agreed))
        return self._unless_expired(tenant, run_id)

    def reject(self, tenant: uuid.UUID, by: str, run_id: uuid.UUID, *, reason: str | None = None) -> Run:
        """One person's no, which is enough. Raises what `approve` raises."""
        with self._database.transaction(tenant) as tx:
            run = self._decide(tx, by, run_id, "reject", reason, None)
            if run.status == "pending_approval":
                finish(tx, run, "rejected", outcome="rejected", by=by)
        return self._unless_expired(tenant, run_id)

    def cancel(self, tenant: uuid.UUID, by: str, run_id: uuid.UUID) -> Run:
        """Ends a waiting run at once; asks a running one to stop at its next safe point.

        Raises UnknownRun, NotCancellable.
        """
        with self._database.transaction(tenant) as tx:
            run = _known(runs.locked(tx, run_id), run_id)
            if run.status in runs.FINISHED:
                raise NotCancellable(run_id, run.status)
            audit.record(tx, "run.cancel_requested", {"by": by}, run_id=run.id)
            if run.status == "running":
                runs.request_cancel(tx, run.id, by)
            else:
                finish(tx, run, "cancelled", outcome="cancelled", by=by)
        return self.get(tenant, run_id)

    def get(self, tenant: uuid.UUID, run_id: uuid.UUID) -> Run:
        """Raises UnknownRun."""
        with self._database.transaction(tenant) as tx:
            return _known(runs.by_id(tx, run_id), run_id)

    def _unless_expired(self, tenant: uuid.UUID, run_id: uuid.UUID) -> Run:
        run = self.get(tenant, run_id)
        if run.status == "expired":  # raised only now, so that the expiry itself is committed
            raise ApprovalExpired(run_id)
        return run

    def _decide(
        self,
        tx: Transaction,
        by: str,
        run_id: uuid.UUID,
        decision: Literal["approve", "reject"],
        reason: str | None,
        seen: str | None,
    ) -> Run:
        """The run as it stood before the decision, or expired."""
        run = _known(runs.locked(tx, run_id), run_id)
        if run.status != "pending_approval":
            raise NotPending(run_id, run.status)
        if run.expires_at < datetime.now(UTC):
            finish(tx, run, "expired", outcome="expired", by="atom")
            return _known(runs.by_id(tx, run_id), run_id)
        workflow = _workflow(tx, run)
        if by == run.requested_by:
            raise OwnRequest(by)
        if by == workflow.published_by:
            raise OwnPackage(by)
        present = verdict_on(tx, self._packages.load(workflow)).digest
        for verdict in (present, seen):
            if verdict is not None and verdict != run.verdict_digest:
                raise ApprovalVoid("verdict", run.verdict_digest, verdict)
        row = ApprovalRow(
            id=new_id(),
            run_id=run.id,
            decision=decision,
            decided_by=by,
            decided_at=datetime.now(UTC),
            reason=reason,
            package_digest=run.package_digest,
            parameters_digest=run.parameters_digest,
            verdict_digest=run.verdict_digest,
        )
        if not approvals.add(tx, row):
            raise DecidedAlready(by)
        audit.record(tx, _DECIDED[decision], _decided(row), run_id=run.id)
        return run


def _declared(package: Package, trigger: str) -> None:
    declared = [t.type for t in package.spec.triggers]
    if declared and trigger not in declared:
        raise TriggerNotDeclared(trigger, sorted(set(declared)))


def _requested_before(tx: Transaction, key: str | None, package: str, parameters: str, by: str) -> Run:
    assert key is not None  # a fresh id never collides, so the key did
    run = runs.by_idempotency_key(tx, key)
    assert run is not None
    if (run.package_digest, run.parameters_digest, run.requested_by) != (package, parameters, by):
        raise IdempotencyKeyReused
    return run


def _workflow(tx: Transaction, run: Run) -> workflows.Workflow:
    workflow = workflows.by_id(tx, run.workflow_id)
    assert workflow is not None  # foreign key
    return workflow


def _known(run: Run | None, run_id: uuid.UUID) -> Run:
    if run is None:
        raise UnknownRun(run_id)
    return run


def _requested(run: Run, verdict: Verdict) -> dict[str, Any]:
    return {
        "by": run.requested_by,
        "package": f"{run.workflow}@{run.version}",
        "packageDigest": run.package_digest,
        "parametersDigest": run.parameters_digest,
        "trigger": run.trigger,
        "policy": {"verdictDigest": verdict.digest, "score": verdict.score, "risk": verdict.risk, "mode": verdict.mode},
        "status": run.status,
    }


def _decided(row: ApprovalRow) -> dict[str, Any]:
    return {
        "by": row.decided_by,
        "reason": row.reason,
        "packageDigest": row.package_digest,
        "parametersDigest": row.parameters_digest,
        "verdictDigest": row.verdict_digest,
    }
