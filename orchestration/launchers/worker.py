"""What a forked child does: one run, or the report of one that died; then it ends.

The run takes the path of `dagster api execute_run`, with the instance and the code that the pool had loaded before the
fork (see `preload`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from dagster import DagsterInstance
from dagster._cli.api import _execute_run_command_body
from dagster._utils import get_run_crash_explanation
from dagster._utils.interrupts import capture_interrupts

_PR_SET_PDEATHSIG = 1  # prctl(2)

# Resolved before any fork: a child must not search for libraries first.
_libc = ctypes.CDLL(None, use_errno=True)


def become_worker(body: Callable[[], int], pool_pid: int, close: Callable[[], None]) -> NoReturn:
    """Turn this freshly forked process into an isolated one, carry out `body` and exit with its code.

    Call it with every handled signal blocked; `body` unblocks them once its handlers stand, so that a cancel which
    comes in between waits instead of being lost. `close` gives up the descriptors that only the pool may hold.
    No exit handler of the pool runs here.
    """
    code = 1
    try:
        _die_with(pool_pid)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        close()
        code = body()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _die_with(pool_pid: int) -> None:
    """Have the kernel kill this process when its pool dies, however that happens.

    It is what lets a health check say "dead" of every run that the pool does not know, without a doubt left.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != pool_pid:  # it died before we asked
        os._exit(1)


def execute(run_id: str, instance: DagsterInstance) -> int:
    """Carry out the run. 0 once Dagster has its outcome, good or bad; anything else means that nobody wrote one."""
    with capture_interrupts():
        _unblock()
        return _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


def report_death(run_id: str, exit_code: int, instance: DagsterInstance) -> int:
    """Fail the run whose worker ended without an outcome. `exit_code` is negative for a signal."""
    _unblock()
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        message = get_run_crash_explanation(f"Run execution process for {run_id}", exit_code)
        instance.report_engine_event(message, run)
        instance.report_run_failed(run)
    return 0


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
