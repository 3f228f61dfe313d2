"""The job that carries out one run of a workflow package. Dagster shows it; the engine in atom/runtime does it."""

import os
import socket
import uuid

import dagster as dg

from atom.flow.errors import NotRunnable
from atom.flow.execution import Attempt, Execution
from atom.flow.launching import JOB, OP
from atom.store import steps
from atom.store.database import Database
from atom.store.runs import Run
from atom.store.steps import StepRow


class RunConfig(dg.Config):
    """Ids only: everything else is in the row, which is the truth."""

    tenant: str
    run: str
    attempt: int


@dg.op(name=OP)
def execute_run(
    context: dg.OpExecutionContext,
    config: RunConfig,
    execution: dg.ResourceParam[Execution],
    database: dg.ResourceParam[Database],
) -> None:
    """Claims the run, carries it out, and shows its steps. A launch that came twice or late stands aside, quietly."""
    attempt = Attempt(
        tenant=uuid.UUID(config.tenant),
        run_id=uuid.UUID(config.run),
        number=config.attempt,
        worker=f"{socket.gethostname()}:{os.getpid()}:{context.run_id[:8]}",
    )
    try:
        run = execution.run(attempt, context.run_id)
    except NotRunnable as reason:
        context.log.warning(f"Nothing was done: {reason}")
        context.add_output_metadata({"outcome": f"stood aside: {reason.found}"})
        return
    with database.transaction(attempt.tenant) as tx:
        done = steps.of_run(tx, run.id)
    context.add_output_metadata(_told(run, done))
    if run.status != "succeeded":
        raise dg.Failure(
            description=f"{run.workflow} {run.version} ended as {run.status}: {run.outcome}",
            metadata=_told(run, done) | {"error": dg.MetadataValue.json(run.error or {})},
            allow_retries=False,
        )


@dg.job(name=JOB, executor_def=dg.in_process_executor, tags={"dagster/max_retries": "0"})
def run_workflow() -> None:
    """One run of one workflow package, asked for by a row in workflow_runs."""
    execute_run()


def _told(run: Run, done: list[StepRow]) -> dict[str, dg.MetadataValue]:
    rows = ["| phase | step | action | try | status | changed |", "| --- | --- | --- | --- | --- | --- |"]
    rows += [
        f"| {s.phase} | {s.step_id} | {s.uses or 'assert'} | {s.try_} | {s.status} | {len(s.effects) or ''} |"
        for s in done
    ]
    return {
        "workflow": dg.MetadataValue.text(f"{run.workflow} {run.version}"),
        "package": dg.MetadataValue.text(run.package_digest),
        "verdict": dg.MetadataValue.text(run.verdict_digest),
        "parameters": dg.MetadataValue.json(run.parameters),
        "asked for by": dg.MetadataValue.text(run.requested_by),
        "approved by": dg.MetadataValue.text(run.approved_by or "nobody: automatic"),
        "cluster": dg.MetadataValue.text(run.cluster or ""),
        "outcome": dg.MetadataValue.text(f"{run.status}: {run.outcome}"),
        "steps": dg.MetadataValue.md("\n".join(rows)),
        "evidence": dg.MetadataValue.text(run.immutable_log_path or "not sealed yet"),
    }
