"""Dagster's `RunLauncher` in front of the pool: what `dagster.yaml` names under `run_launcher`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from dagster import DagsterRun, Field, IntSource, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData

from orchestration.launchers.errors import PoolBusy, PoolNotRunning
from orchestration.launchers.protocol import Answer, Verb, ask


class WarmRunLauncher(RunLauncher, ConfigurableClass):
    """Gives each run to a pool of warm workers on this machine (`python -m orchestration.launchers.pool`).

    Stateless: every question goes to the pool, so webserver, daemon and command line may each hold their own instance,
    and any of them may be restarted at any time without a run noticing.

    A launch that the pool does not take raises; Dagster then marks its run FAILED and logs the error, and no worker
    touches that run again. Atom's row stays `queued`, so the next push (a new attempt, thus a new Dagster run and a
    new run key) finds it.
    """

    def __init__(self, socket: str, timeout_seconds: int = 30, inst_data: ConfigurableClassData | None = None) -> None:
        self._socket = Path(socket)
        self._timeout = timeout_seconds
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"socket": StringSource, "timeout_seconds": Field(IntSource, is_required=False, default_value=30)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Returns once the pool holds the run, started or waiting. Raises PoolNotRunning, PoolSilent, PoolBusy."""
        run = context.dagster_run
        answer = self._ask(Verb.LAUNCH, run.run_id)
        if answer is Answer.WAITING:
            self._instance.report_engine_event("Waiting for a free run worker.", run, cls=type(self))
        elif answer is not Answer.RUNNING:
            raise PoolBusy(self._socket, answer)

    def terminate(self, run_id: str) -> bool:
        """Cancel the run: SIGTERM to its worker, which Dagster turns into an interrupt of the step, as everywhere.

        A run without a worker is marked CANCELED on the spot. False if it had already finished.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if self._ask(Verb.CANCEL, run_id) is Answer.RUNNING:
            return True
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:  # its worker ended while we asked
            return False
        self._instance.report_run_canceled(run, "The run had no worker.")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING or NOT_FOUND, never a guess: workers cannot outlive their pool, so what it does not know is dead.

        Raises PoolSilent if the pool does not answer; Dagster's monitor then asks again at its next turn.
        """
        try:
            answer = self._ask(Verb.STATE, run.run_id)
        except PoolNotRunning as error:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"The run's worker died with its pool: {error}")
        if answer is Answer.ABSENT:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The pool has no worker of this run.")
        return CheckRunHealthResult(WorkerStatus.RUNNING, f"The pool says: {answer}.")

    def _ask(self, verb: Verb, run_id: str) -> Answer:
        return ask(self._socket, verb, UUID(run_id), self._timeout)
