"""One server process: started, awaited, watched, stopped, and never left behind.

Three things keep a killed stack from blocking the next one: the kernel tells a child when its parent dies
(`launch.py`), every child carries the name of its home in its environment, and its pid is on disk together with its
start time, so that a process which merely re-uses the number is never signalled.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from atom.local import launch
from atom.local.errors import ComponentDidNotStart
from atom.local.files import private_folder, write_private

MARK = "ATOM_STACK"  # environment variable that says which home a process belongs to
_POLL = 0.05  # seconds between looks at a starting or stopping child
_LOG_LIMIT = 16 * 1024 * 1024  # bytes; a larger log is set aside (one generation) when its server starts
_LEFTOVER_GRACE = 2.0  # seconds that a leftover gets to end by itself
_TAIL = 1_500  # characters of a log that an error shows

# The kernel's parent-death signal fires when the *thread* that forked ends, so one thread that lives as long as this
# program starts every child. (Idle until the first child.)
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawn")


class Server:
    """A child process with its own session, its log in `<home>/logs`, and its pid in `<home>/run`.

    `ready` returns None once the server answers, else why it does not yet. Secrets belong in `env`, never in `argv`.
    """

    def __init__(
        self,
        home: Path,
        name: str,
        argv: Sequence[str],
        *,
        ready: Callable[[], str | None],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        deadline: float = 30.0,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 5.0,
    ) -> None:
        """`deadline` and `grace` are seconds: to become ready, and to end after `stop_signal` before being killed."""
        self.name = name
        self.log = home / "logs" / f"{name}.log"
        self._pid_file = home / "run" / f"{name}.pid"
        self._argv = list(argv)
        self._env = {**(os.environ if env is None else env), MARK: str(home)}
        self._cwd = cwd
        self._ready = ready
        self._deadline = deadline
        self._stop_signal = stop_signal
        self._grace = grace
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Returns when the server is ready. Raises ComponentDidNotStart with the end of its log."""
        end_leftovers([self._pid_file])
        child = self._child = _SPAWNER.submit(self._spawn).result()
        created = psutil.Process(child.pid).create_time()
        write_private(self._pid_file, json.dumps({"pid": child.pid, "created": created}))
        began = time.monotonic()
        why: str | None = "it was not asked yet"
        while why is not None:
            if not self.alive():
                code = child.wait()
                raise ComponentDidNotStart(self.name, f"it ended with status {code}", self.log, self.log_tail())
            why = self._ready()
            waited = time.monotonic() - began
            if why is not None and waited > self._deadline:
                self.stop()
                late = f"not ready after {self._deadline:.0f} s: {why}"
                raise ComponentDidNotStart(self.name, late, self.log, self.log_tail())
            if why is not None:
                time.sleep(min(_POLL + waited / 20, 0.3))  # quick servers are seen at once, slow ones left to work

    def stop(self) -> None:
        """Ask, wait `grace` seconds, kill what is left of the group. Does nothing if it does not run."""
        if self._child is None:
            return
        if self.alive():
            self._child.send_signal(self._stop_signal)
            end = time.monotonic() + self._grace
            while self.alive() and time.monotonic() < end:
                time.sleep(_POLL)
        # Not yet reaped, even a dead leader pins its number: the group cannot be a stranger's.
        if self._child.returncode is None:
            _kill_group(self._child.pid)
            self._child.wait()
        self._pid_file.unlink(missing_ok=True)
        self._child = None

    def kill(self) -> None:
        """SIGKILL the whole group at once, as a power failure would."""
        if self._child is not None and self._child.returncode is None:
            _kill_group(self._child.pid)
            self._child.wait()

    def alive(self) -> bool:
        """Whether the child runs. Leaves a dead one unreaped."""
        if self._child is None or self._child.returncode is not None:
            return False
        return psutil.Process(self._child.pid).status() != psutil.STATUS_ZOMBIE

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return self._child.pid if self._child is not None and self.alive() else None

    def listens_on(self, port: int) -> bool:
        """Whether it is our child, and nobody else, that accepts connections on this TCP port."""
        if (pid := self.pid) is None:
            return False
        own = psutil.Process(pid).net_connections(kind="tcp")
        return any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in own)

    def log_tail(self) -> str:
        """The last lines that this start wrote."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, file.seek(0, os.SEEK_END) - 4 * _TAIL))
            text = file.read().decode(errors="replace")
        return text[-_TAIL:].strip()

    def _spawn(self) -> subprocess.Popen[bytes]:
        private_folder(self.log.parent)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._log_start = os.fstat(log).st_size
            shim = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), str(int(self._stop_signal))]
            return subprocess.Popen(
                shim + self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        finally:
            os.close(log)


def clear_home(home: Path) -> list[str]:
    """End every process that an earlier, killed stack of `home` left running; returns their names."""
    return end_leftovers(sorted((home / "run").glob("*.pid")), mark=str(home))


def recorded(pid_file: Path) -> psutil.Process | None:
    """The process that `pid_file` speaks of, if it still runs and is that very process."""
    with suppress(OSError, ValueError, KeyError, psutil.Error):
        noted = json.loads(pid_file.read_text())
        process = psutil.Process(noted["pid"])
        if abs(process.create_time() - noted["created"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def end_leftovers(pid_files: Sequence[Path], mark: str | None = None) -> list[str]:
    """End the recorded processes, those that carry `mark`, and all their descendants. Returns their names."""
    found = {p for p in map(recorded, pid_files) if p is not None}
    if mark is not None:
        found |= {p for p in psutil.process_iter() if _carries(p, mark)}
    family = found | {child for p in found for child in _descendants(p)}
    names = sorted({name for p in family if (name := _name(p))})
    for process in family:
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(family, timeout=_LEFTOVER_GRACE)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=5)
    for pid_file in pid_files:
        pid_file.unlink(missing_ok=True)
    return names


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)  # psutil compares the start time first


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
