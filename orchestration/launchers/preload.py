"""What a run would load, loaded once in the pool: the code, and Dagster's instance.

Everything here happens before the first fork and leaves nothing behind that must not be shared by one: no thread and no
open connection.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Iterator

# Dagster imports these on first use, which would be in every child anew.
import dagster._core.execution.plan.active
import dagster._core.executor.in_process
import dagster._core.system_config.composite_descent  # noqa: F401
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
from sqlalchemy import Engine

from orchestration.launchers.errors import CodeStartsThreads

_log = logging.getLogger(__name__)
_STATEMENT_TIMEOUT_MS = 60_000  # of Dagster's own statements; each touches a handful of rows
_OVERFLOW = 10  # connections beyond the one kept for each storage; closed when given back


def load_code(module: str) -> None:
    """Load the definitions and every job in them.

    Code that does not load stops nobody here: each run's worker meets the same error and reports it in its own log.
    Raises CodeStartsThreads.
    """
    try:
        (target,) = loadable_targets_from_python_module(module, working_directory=os.getcwd())
        repository = ReconstructableRepository.for_module(module, target.attribute, os.getcwd()).get_definition()
        repository.get_all_jobs()
    except Exception:
        _log.exception("module %s does not load; its runs will fail and say so", module)
    if others := [each.name for each in threading.enumerate() if each is not threading.main_thread()]:
        raise CodeStartsThreads(module, others)


def load_instance(instance: DagsterInstance) -> None:
    """Make the instance quick for children: call `disconnect` after the last use before a fork."""
    # By default Dagster logs in to Postgres anew for every statement. This is its own switch to keep connections; the
    # engines it makes learn the dialect and compile statements here, for all children.
    instance.optimize_for_webserver(statement_timeout=_STATEMENT_TIMEOUT_MS, pool_recycle=-1, max_overflow=_OVERFLOW)
    _ = instance.compute_log_manager  # made on first use
    storage = instance.run_storage
    if isinstance(storage, SqlRunStorage):
        # Asked at every change of a run's status, by way of six catalogue queries: a third of a short run's time.
        modern = storage.has_run_stats_index_cols()
        storage.has_run_stats_index_cols = lambda: modern  # type: ignore[method-assign]


def starting_runs(instance: DagsterInstance, limit: int) -> list[str]:
    """Ids of the runs that were handed to a launcher and have not begun, oldest first.

    Safe to run again whoever had them: Dagster says STARTED before the first line of a step.
    """
    runs = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTING]), limit=limit, ascending=True)
    return [run.run_id for run in runs]


def disconnect(instance: DagsterInstance) -> None:
    """Close every pooled connection; the engines stay usable, on both sides of a fork."""
    for engine in _engines(instance):
        engine.dispose()


def settle() -> None:
    """Take what is loaded out of the garbage collector's sight, so that children share its pages."""
    gc.collect()
    gc.freeze()


def _engines(instance: DagsterInstance) -> Iterator[Engine]:
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        engine = getattr(storage, "_engine", None)
        if isinstance(engine, Engine):
            yield engine
