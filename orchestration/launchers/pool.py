"""The pool: a process that has Dagster and the run's code loaded, and forks one worker a run.

    python -m orchestration.launchers.pool --socket PATH [--max-workers N] [--max-waiting M] [--module NAME]

One thread, one loop. It opens no database connection, channel or thread pool that a fork would share. It holds nothing
that cannot be read again: what waits is every run that Dagster has as STARTING, so a pool that was killed takes up its
queue where it stood. What runs dies with it (see `worker`), and Dagster's run monitoring fails those runs.

SIGTERM, SIGINT: interrupt the workers, wait a little, kill the rest, end. What waits is left to the next pool.
SIGHUP: load the code afresh. The process replaces its own image and keeps socket, queue and workers; a running run
finishes on the code that it began with.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import selectors
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from dagster import DagsterInstance

from orchestration.launchers import preload, worker
from orchestration.launchers.errors import NotLinux
from orchestration.launchers.listener import Listener
from orchestration.launchers.protocol import Answer, Verb, receive, reply

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_CLIENT_SECONDS = 3.0  # a client that connects and says nothing holds the loop up for this long, once
_STOP_SECONDS = 5.0  # from SIGTERM to SIGKILL of the workers when the pool itself stops
_HANDOVER = "ATOM_RUN_POOL_HANDOVER"  # across an exec: JSON of Listener.bequeath() and Pool.bequeath()


@dataclass(slots=True)
class Worker:
    """A live child. `kill_at` is the monotonic time at which patience with it ends, once it was told to stop."""

    run_id: str
    kill_at: float | None = None


class Pool:
    """At most `max_workers` children at once, at most `max_waiting` runs behind them, first come first served."""

    def __init__(self, listener: Listener, instance: DagsterInstance, max_workers: int, max_waiting: int) -> None:
        self._listener = listener
        self._instance = instance
        self._max_workers = max_workers
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
        self._workers: dict[int, Worker] = {}  # by pid
        self._stopping = False
        self.reload = False
        self._selector = selectors.DefaultSelector()
        self._signal_in, self._signal_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    # -- life ---------------------------------------------------------------------------------------------------------

    def bequeath(self) -> list[tuple[int, str, float | None]]:
        """Pid, run id and `kill_at` of every live worker: what `adopt` needs after an exec."""
        return [(pid, each.run_id, each.kill_at) for pid, each in self._workers.items()]

    def adopt(self, workers: Iterable[tuple[int, str, float | None]], waiting: Iterable[str]) -> None:
        """Take over the workers of the image that ran before in this process, and the runs that wait for one."""
        self._workers = {pid: Worker(run_id, kill_at) for pid, run_id, kill_at in workers}
        self._waiting.extend(run_id for run_id in waiting if self._state(run_id) is Answer.ABSENT)

    def serve(self) -> None:
        """Until a signal says otherwise: with `reload` set the workers still live, else all have ended."""
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # the byte in the pipe says it all
        signal.set_wakeup_fd(self._signal_out)
        self._selector.register(self._signal_in, selectors.EVENT_READ, self._on_signals)
        self._selector.register(self._listener.socket, selectors.EVENT_READ, self._on_request)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        while not self.reload and not (self._stopping and not self._workers):
            self._reap()
            self._kill_overdue()
            self._start_waiting()
            for key, _events in self._selector.select(self._patience()):
                key.data()

    def _on_signals(self) -> None:
        arrived = set(os.read(self._signal_in, 512))
        if arrived & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        elif signal.SIGHUP in arrived:
            self.reload = not self._stopping

    def _stop(self) -> None:
        if not self._stopping:
            _log.info("stopping: %d workers interrupted, %d runs left waiting", len(self._workers), len(self._waiting))
            self._stopping = True
            self._waiting.clear()
            for pid in self._workers:
                self._interrupt(pid, _STOP_SECONDS)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _on_request(self) -> None:
        connection, _address = self._listener.socket.accept()
        with connection:
            request = receive(connection, _CLIENT_SECONDS)
            if request is not None:
                verb, run_id = request
                reply(connection, self._answer(verb, run_id))

    def _answer(self, verb: Verb, asked: UUID) -> Answer:
        run_id = str(asked)
        state = self._state(run_id)
        if verb is Verb.LAUNCH and state is Answer.ABSENT:
            return self._enqueue(run_id)
        if verb is Verb.CANCEL and state is Answer.WAITING:
            self._waiting.remove(run_id)
        elif verb is Verb.CANCEL and state is Answer.RUNNING:
            # When Dagster gives up waiting and calls the run canceled, its process has to be gone.
            pid = next(pid for pid, each in self._workers.items() if each.run_id == run_id)
            self._interrupt(pid, self._instance.run_monitoring_cancel_timeout_seconds)
        return state

    def _state(self, run_id: str) -> Answer:
        if any(each.run_id == run_id for each in self._workers.values()):
            return Answer.RUNNING
        return Answer.WAITING if run_id in self._waiting else Answer.ABSENT

    def _enqueue(self, run_id: str) -> Answer:
        if self._stopping:
            return Answer.STOPPING
        if len(self._waiting) >= self._max_waiting:
            return Answer.FULL
        self._waiting.append(run_id)
        self._start_waiting()
        return self._state(run_id)

    # -- workers ------------------------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        while self._waiting and len(self._workers) < self._max_workers:
            run_id = self._waiting.popleft()
            pid = self._fork(partial(worker.execute, run_id, self._instance))
            self._workers[pid] = Worker(run_id)

    def _fork(self, body: Callable[[], int]) -> int:
        pool_pid = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            worker.become_worker(body, pool_pid, self._close)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        return pid

    def _close(self) -> None:
        self._selector.close()
        self._listener.close()
        os.close(self._signal_in)
        os.close(self._signal_out)

    def _reap(self) -> None:
        """Bury every child that has ended. One that left no outcome has its run failed, by a child of its own."""
        while (ended := _ended_child()) is not None:
            pid, code = ended
            dead = self._workers.pop(pid, None)
            if dead is not None and code != 0:
                _log.warning("worker %d of run %s ended with %d", pid, dead.run_id, code)
                self._fork(partial(worker.report_death, dead.run_id, code, self._instance))

    def _interrupt(self, pid: int, patience: float) -> None:
        os.kill(pid, signal.SIGTERM)
        mine = self._workers[pid]
        mine.kill_at = min(mine.kill_at or math.inf, time.monotonic() + patience)

    def _kill_overdue(self) -> None:
        for pid, each in self._workers.items():
            if each.kill_at is not None and each.kill_at <= time.monotonic():
                os.killpg(pid, signal.SIGKILL)  # with whatever it started

    def _patience(self) -> float | None:
        deadlines = [each.kill_at for each in self._workers.values() if each.kill_at is not None]
        return max(0.05, min(deadlines) - time.monotonic()) if deadlines else None


def _ended_child() -> tuple[int, int] | None:
    """Pid and exit code (negative for a signal) of a child that has ended, if any has."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def main() -> None:
    """Serve until told to stop; on SIGHUP start over in the same process."""
    options = _options()
    logging.basicConfig(format="%(asctime)s run-pool %(message)s")
    _log.setLevel(logging.INFO)
    if sys.platform != "linux":
        raise NotLinux(sys.platform)
    handover = json.loads(os.environ.pop(_HANDOVER, "{}"))
    listener = Listener.inherit(handover["listener"]) if handover else Listener.open(options.socket)
    preload.load_code(options.module)
    with DagsterInstance.get() as instance:
        preload.load_instance(instance)
        pool = Pool(listener, instance, options.max_workers, options.max_waiting)
        pool.adopt(handover.get("workers", []), preload.starting_runs(instance, options.max_waiting))
        preload.disconnect(instance)
        preload.settle()
        _log.info("ready on %s: at most %d workers", options.socket, options.max_workers)
        pool.serve()
    if pool.reload:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # they wait until the next image can handle them
        os.environ[_HANDOVER] = json.dumps({"listener": listener.bequeath(), "workers": pool.bequeath()})
        os.execv(sys.executable, [sys.executable, "-m", "orchestration.launchers.pool", *sys.argv[1:]])
    listener.unlink()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.launchers.pool", description="Pool of warm run workers."
    )
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on (made 0600)")
    parser.add_argument("--max-workers", type=int, default=max(2, os.cpu_count() or 2), help="runs at once")
    parser.add_argument("--max-waiting", type=int, default=1000, help="runs in the queue behind them")
    parser.add_argument("--module", default="orchestration.definitions", help="Dagster definitions to have loaded")
    return parser.parse_args()


if __name__ == "__main__":
    main()
