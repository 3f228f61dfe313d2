"""A stack of its own for the benchmark: `atomctl up` as a user starts it, in a folder that is thrown away."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from atom.local.environment import child_environment, saved_environment
from atom.settings import Settings

_READY = re.compile(r"ready +(?P<name>\S.*?) +(embedded|configured|built in|none) +(?P<seconds>[\d.]+) s")
_DEADLINE, _LOOK, _STOP = 180.0, 0.02, 20.0  # seconds


class StackFailed(RuntimeError):
    """`atomctl up` did not become ready; the text is what it said."""


@dataclass(frozen=True)
class Running:
    """A stack that is ready. `seconds` since its command was entered, `cpu` seconds of all its processes until then."""

    home: Path
    process: psutil.Process
    seconds: float
    cpu: float
    components: dict[str, float]  # how long each took from its own start, in the order in which they became ready

    @property
    def url(self) -> str:
        return saved_environment(self.home)["ATOM_URL"]

    def settings(self) -> Settings:
        """As another shell has them after `eval "$(atomctl env)"`."""
        return Settings(**saved_environment(self.home))  # type: ignore[arg-type]  # pydantic takes them from text


@contextmanager
def up(home: Path) -> Iterator[Running]:
    """`atomctl up` on `home` until the block ends. Raises StackFailed."""
    home.mkdir(parents=True, exist_ok=True)
    ready, output = home / "bench.ready", home / "bench.out"
    command = [str(Path(sys.executable).with_name("atomctl")), "up", "--home", str(home), "--ready-file", str(ready)]
    with output.open("w") as told:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=told, stderr=told, env=child_environment({}))
    try:
        while not ready.exists():
            if child.poll() is not None or time.monotonic() - began > _DEADLINE:
                raise StackFailed(output.read_text())
            time.sleep(_LOOK)
        seconds = time.monotonic() - began
        process = psutil.Process(child.pid)
        found = _READY.finditer(output.read_text())
        components = {match["name"]: float(match["seconds"]) for match in found}
        yield Running(home, process, seconds, _cpu_seconds(process), components)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(_STOP)


def _cpu_seconds(process: psutil.Process) -> float:
    """User and system seconds of a process, its live descendants, and those of them that have ended."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
