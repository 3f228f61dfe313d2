"""Everything that Atom needs on one machine, started in dependency order, watched, and stopped.

A component that a setting names is reached, and an error if it does not answer; every other one is started here as a
child process. All state is in `home`. Secrets reach Atom's own processes as references into the embedded OpenBao.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event as Flag
from threading import Lock

from atom.local.components import Origin
from atom.local.environment import save_environment, without_own
from atom.local.errors import ComponentDied, StackAlreadyRunning
from atom.local.files import private_folder
from atom.local.plan import Step, make_plan
from atom.local.process import clear_home
from atom.local.programs import Managed
from atom.settings import Settings

_WATCH = 0.5  # seconds between looks at the children
_DEATHS, _WITHIN = 3, 600.0  # a component that dies more often than this, in seconds, stops the stack


class State(StrEnum):
    """Of one component."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a component. `seconds` is the time since its own start began."""

    component: str
    state: State
    origin: Origin
    version: str = ""
    where: str = ""
    seconds: float = 0.0
    note: str = ""


class Stack:
    """The stack of one home folder. `start`, then `wait`, then `stop` (which may be called at any time)."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self.home = home.resolve()
        self._settings = without_own(self.home, settings)
        self._servers: dict[str, Managed] = {}
        self._clients: dict[str, Managed] = {}
        self._lock_file: int | None = None
        self._stopping = Flag()
        self._telling = Lock()
        self._tell: Callable[[Event], None] = lambda event: None
        self._shell: dict[str, str] = {}

    def start(self, on_event: Callable[[Event], None] = lambda event: None) -> None:
        """Returns when everything is ready; stops what was started if anything is not.

        `on_event` is called from several threads, one at a time. Raises StackAlreadyRunning, ConfiguredUnreachable,
        ComponentDidNotStart and whatever the embedded servers and the migrations raise.
        """
        self._tell = on_event
        private_folder(self.home)
        self._lock()
        try:
            if ended := clear_home(self.home):
                note = f"of a stack that was killed: {', '.join(ended)}"
                self._emit(Event("leftovers", State.STOPPED, Origin.EMBEDDED, note=note))
            plan = make_plan(self.home, self._settings)
            self._servers, self._clients, self._shell = plan.servers, plan.clients, plan.shell
            self._bring_up(plan.outside)
            self._bring_up(plan.steps)
            save_environment(self.home, self._shell, self._settings)
        except BaseException:
            self.stop()
            raise

    def wait(self, on_event: Callable[[Event], None] | None = None) -> None:
        """Watch until `stop` is called; start again what died. Raises ComponentDied, ComponentDidNotStart.

        `on_event` takes the place of the one that `start` was given.
        """
        self._tell = on_event or self._tell
        deaths: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_DEATHS + 1))
        while not self._stopping.wait(_WATCH):
            for name, managed in {**self._servers, **self._clients}.items():
                if managed.server.alive() or self._stopping.is_set():
                    continue
                times = deaths[name]
                times.append(time.monotonic())
                tail = managed.server.log_tail()
                if len(times) > _DEATHS and times[-1] - times[0] < _WITHIN:
                    raise ComponentDied(name, len(times), managed.server.log, tail)
                self._emit(Event(name, State.DIED, Origin.EMBEDDED, note=tail.splitlines()[-1] if tail else ""))
                self._start_again(name, managed)

    def _start_again(self, name: str, managed: Managed) -> None:
        began = time.monotonic()
        managed.start()
        if self._stopping.is_set():  # meanwhile, in another thread
            managed.stop()
            return
        seconds = time.monotonic() - began
        self._emit(Event(name, State.READY, Origin.EMBEDDED, managed.version(), managed.url, seconds, "started again"))

    def stop(self) -> None:
        """Clients first, so that no server waits for one; then the servers; then the lock. At most ten seconds."""
        self._halt()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def environment(self) -> dict[str, str]:
        """Variables with which another shell uses this stack: secrets in plain."""
        return dict(self._shell)

    def urls(self) -> dict[str, str]:
        """Where a person looks."""
        return {name: self._shell[alias] for name, alias in (("registry", "ATOM_URL"), ("dagster", "DAGSTER_URL"))}

    def _bring_up(self, steps: Sequence[Step]) -> None:
        """Each step in a thread of its own, waiting for the steps that it names. The first failure ends the rest."""
        with ThreadPoolExecutor(len(steps)) as pool:
            futures: dict[str, Future[None]] = {}
            for step in steps:
                needed = [futures[name] for name in step.after if name in futures]
                futures[step.name] = pool.submit(self._take, step, needed)
            try:
                for done in as_completed(futures.values()):
                    done.result()
            except BaseException:
                self._halt()  # so that the threads which still wait for a server give up
                raise

    def _take(self, step: Step, needed: Iterable[Future[None]]) -> None:
        for future in needed:
            future.result()
        if self._stopping.is_set():
            return
        began = time.monotonic()
        self._emit(Event(step.name, State.STARTING, step.origin, where=step.where, note=step.note))
        state, version = State.FAILED, ""
        try:
            version = step.run()
            state = State.READY
        finally:
            if not self._stopping.is_set():  # else it failed because another one did
                seconds = time.monotonic() - began
                self._emit(Event(step.name, state, step.origin, version, step.where, seconds, step.note))

    def _halt(self) -> None:
        self._stopping.set()
        for group in (self._clients, self._servers):
            if group:
                with ThreadPoolExecutor(len(group)) as pool:
                    list(pool.map(self._stop_one, *zip(*group.items(), strict=True)))

    def _stop_one(self, name: str, managed: Managed) -> None:
        running = managed.server.pid is not None
        began = time.monotonic()
        managed.stop()
        if running:
            seconds = time.monotonic() - began
            self._emit(Event(name, State.STOPPED, Origin.EMBEDDED, where=managed.url, seconds=seconds))

    def _emit(self, event: Event) -> None:
        with self._telling:
            self._tell(event)

    def _lock(self) -> None:
        """One stack per home. The kernel gives the lock up with the process, however it ends."""
        self._lock_file = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._lock_file, 32).decode() or "unknown"
            os.close(self._lock_file)
            self._lock_file = None
            raise StackAlreadyRunning(self.home, owner) from None
        os.ftruncate(self._lock_file, 0)
        os.write(self._lock_file, str(os.getpid()).encode())


def is_running(home: Path) -> bool:
    """Whether some process holds the lock of `home`."""
    try:
        file = os.open(home / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
