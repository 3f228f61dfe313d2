"""How a queued run is carried out: checked again, claimed, executed under a lease, recorded."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from atom.errors import AtomError, Misconfigured
from atom.evidence.sealer import Sealer
from atom.flow.ending import finish, problem
from atom.flow.errors import ApprovalVoid, LeaseLost, NotRunnable, UnknownRun, VersionRevoked
from atom.flow.journal import RowJournal
from atom.flow.packages import Packages, trust_policy, verdict_on
from atom.package.loader import load_package
from atom.package.model import Package
from atom.runtime.cluster import Cluster
from atom.runtime.engine import execute
from atom.runtime.errors import Cancelled
from atom.runtime.outcome import Outcome
from atom.store import approvals, audit, runs, workflows
from atom.store.database import Database, Transaction
from atom.store.errors import ObjectDiffers
from atom.store.runs import Run
from atom.store.workflows import Workflow
from atom.trust.errors import TrustError
from atom.trust.verify import verify_signature

LEASE_SECONDS = 15  # a dead worker's run is noticed within this, and the reconciler's ten seconds
_RENEW_SECONDS = 4  # three tries before a lease lapses


@dataclass(frozen=True, slots=True)
class Attempt:
    """One claim of one run: `worker` and `number` together are the fencing token of everything it writes."""

    tenant: uuid.UUID
    run_id: uuid.UUID
    number: int
    worker: str


class Execution:
    def __init__(self, database: Database, catalogue: Packages, sealer: Sealer, cluster: Callable[[], Cluster]) -> None:
        """`cluster` gives the cluster to act on; it is asked once a run."""
        self._database = database
        self._packages = catalogue
        self._sealer = sealer
        self._cluster = cluster

    def run(self, attempt: Attempt, dagster_run_id: str) -> Run:
        """Carries out one attempt of one run to its end and returns the finished row.

        1. Signature, revocation, digests, verdict, approvals and the cluster are checked again; if one fails the run fails.
        2. The row is claimed by compare-and-swap: a launch that comes twice, or late, stands aside with NotRunnable.
        3. The engine executes, every step a row, while a thread renews the lease.
        4. The end and its audit record are written in one transaction, and sealed.

        Raises UnknownRun, NotRunnable, LeaseLost, DatabaseUnavailable, ObjectStoreUnavailable.
        """
        package, cluster = self._claim(attempt, dagster_run_id)
        with self._database.transaction(attempt.tenant) as tx:
            runs.record_cluster(tx, attempt.run_id, cluster.label)
            run = _known(runs.by_id(tx, attempt.run_id), attempt.run_id)
        with _Lease(self._database, attempt) as lease:
            journal = RowJournal(self._database, attempt.tenant, attempt.run_id, attempt.number, lease.require)
            outcome = execute(package, run.parameters, cluster, journal, lease, run_id=str(run.id))
        self._finish(attempt, outcome)
        self._sealer.seal(attempt.tenant)
        with self._database.transaction(attempt.tenant) as tx:
            return _known(runs.by_id(tx, attempt.run_id), attempt.run_id)

    def _claim(self, attempt: Attempt, dagster_run_id: str) -> tuple[Package, Cluster]:
        with self._database.transaction(attempt.tenant) as tx:
            run = _runnable(runs.by_id(tx, attempt.run_id), attempt)
            workflow = workflows.by_id(tx, run.workflow_id)
            assert workflow is not None  # foreign key
        try:
            data = self._packages.read(workflow)
            package = load_package(data)  # from the bytes just read: a worker is new, it remembers no package
            with self._database.transaction(attempt.tenant) as tx:
                _check(tx, run, workflow, package, data)
            cluster = self._cluster()
        except (TrustError, VersionRevoked, ApprovalVoid, ObjectDiffers, Misconfigured) as error:
            raise self._refuse(attempt, error) from error
        with self._database.transaction(attempt.tenant) as tx:
            _runnable(runs.locked(tx, attempt.run_id), attempt)
            runs.claim(
                tx,
                attempt.run_id,
                attempt=attempt.number,
                worker=attempt.worker,
                dagster_run_id=dagster_run_id,
                seconds=LEASE_SECONDS,
                cosign_sig=base64.b64encode(workflow.cosign_blob).decode(),
            )
            audit.record(
                tx,
                "run.started",
                {"attempt": attempt.number, "worker": attempt.worker, "dagsterRunId": dagster_run_id},
                run_id=attempt.run_id,
            )
        return package, cluster

    def _refuse(self, attempt: Attempt, error: AtomError) -> NotRunnable:
        with self._database.transaction(attempt.tenant) as tx:
            run = _runnable(runs.locked(tx, attempt.run_id), attempt)
            finish(tx, run, "failed", outcome="refused", by=attempt.worker, error=problem(error))
        self._sealer.seal(attempt.tenant)
        return NotRunnable(attempt.run_id, attempt.number, f"{error.code}: {error}")

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        with self._database.transaction(attempt.tenant) as tx:
            run = _known(runs.locked(tx, attempt.run_id), attempt.run_id)
            if (run.status, run.worker, run.attempt) != ("running", attempt.worker, attempt.number):
                raise LeaseLost(attempt.run_id)
            finish(tx, run, outcome.status, outcome=outcome.outcome, by=attempt.worker, error=outcome.error)


class _Lease:
    """Renews the claim in the background, and carries cancellation to the engine (its `Control`)."""

    def __init__(self, database: Database, attempt: Attempt) -> None:
        self._database = database
        self._attempt = attempt
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> _Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def require(self, tx: Transaction) -> None:
        """Called in the transaction of every step's row: no row is written without the lease."""
        token = self._attempt
        if not runs.renew(tx, token.run_id, worker=token.worker, attempt=token.number, seconds=LEASE_SECONDS):
            raise LeaseLost(token.run_id)

    def raise_if_cancelled(self) -> None:
        with self._database.transaction(self._attempt.tenant) as tx:
            run = _known(runs.by_id(tx, self._attempt.run_id), self._attempt.run_id)
        if (run.status, run.worker, run.attempt) != ("running", self._attempt.worker, self._attempt.number):
            raise LeaseLost(run.id)
        if run.cancel_requested_at is not None:
            raise Cancelled(run.cancel_requested_by or "somebody")

    def _renew(self) -> None:
        while not self._stop.wait(_RENEW_SECONDS):
            try:
                with self._database.transaction(self._attempt.tenant) as tx:
                    self.require(tx)
            except AtomError:
                continue  # the engine's own writes find out; a passing fault of the network heals with the next renewal


def _check(tx: Transaction, run: Run, workflow: Workflow, package: Package, data: bytes) -> None:
    """Step 1: what runs is what was signed, judged and approved. Raises the first thing that is not so."""
    if workflow.revoked_at is not None:
        raise VersionRevoked(workflow.name, workflow.version)
    now = datetime.now(UTC)
    verify_signature(data, workflow.cosign_blob, trust_policy(tx), workflow.name, now, received_at=workflow.received_at)
    if run.package_digest != package.digest:
        raise ApprovalVoid("package", run.package_digest, package.digest)
    verdict = verdict_on(tx, package)
    if run.verdict_digest != verdict.digest:
        raise ApprovalVoid("verdict", run.verdict_digest, verdict.digest)
    agreed = [row for row in approvals.of_run(tx, run.id) if row.decision == "approve"]
    for row in agreed:
        seen = (row.package_digest, row.parameters_digest, row.verdict_digest)
        if seen != (run.package_digest, run.parameters_digest, run.verdict_digest):
            raise ApprovalVoid("approval of", str(seen), run.package_digest)
    if verdict.mode != "auto" and len(agreed) < package.spec.approval.min_approvers:
        raise ApprovalVoid("approvals", str(package.spec.approval.min_approvers), str(len(agreed)))


def _runnable(run: Run | None, attempt: Attempt) -> Run:
    run = _known(run, attempt.run_id)
    if (run.status, run.attempt) != ("queued", attempt.number):
        raise NotRunnable(run.id, attempt.number, f"{run.status} at attempt {run.attempt}")
    return run


def _known(run: Run | None, run_id: uuid.UUID) -> Run:
    if run is None:
        raise UnknownRun(run_id)
    return run
