"""Queued runs become Dagster runs; runs that nobody finishes are finished here."""

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from atom.flow.launching import JOB, RUN_TAG, Launch, Launching
from atom.flow.reconcile import Reconciler

_BATCH = 50  # an evaluation is cut at 60 s, and 50 launches take 10 s at the worst that was measured
_ALIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches every queued run that Dagster does not have yet.",
)
def run_queue(
    context: dg.SensorEvaluationContext, launching: dg.ResourceParam[Launching]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The safety net under the registry's push: every queued run that Dagster does not have yet.

    A run pushed a minute ago and still queued is asked for again only if Dagster has no live run of it.
    """
    launches = [
        launch for launch in launching.waiting(limit=_BATCH) if launch.pushes == 1 or not _alive(context, launch)
    ]
    if not launches:
        yield dg.SkipReason("No queued run waits to be launched.")
    for launch in launches:
        yield dg.RunRequest(run_key=launch.key, run_config=launch.config, tags=launch.tags)


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Settles runs whose worker died and requests that nobody decided.",
)
def unfinished_runs(reconciler: dg.ResourceParam[Reconciler]) -> dg.SkipReason:
    """Ends what nobody else ends: runs whose worker died, requests that nobody decided. Launches nothing itself."""
    settled = reconciler.settle()
    return dg.SkipReason(
        "; ".join(f"run {run.id} of {run.workflow} was {run.status}" for run in settled)
        or "Every run is in good hands."
    )


def _alive(context: dg.SensorEvaluationContext, launch: Launch) -> bool:
    alive = RunsFilter(tags={RUN_TAG: str(launch.run_id)}, statuses=_ALIVE)
    return bool(context.instance.get_run_records(alive, limit=1))
