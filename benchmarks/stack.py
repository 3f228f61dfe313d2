"""A stack of its own for the benchmark: `atomctl up` as a user starts it, in a folder that is thrown away."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from atom.local.environment import child_environment, saved_environment
from atom.local.ports import Ports
from atom.settings import Settings

_READY = re.compile(r"ready +(?P<name>\S.*?) +(embedded|configured|built in|none) +(?P<seconds>[\d.]+) s")
_DEADLINE, _LOOK, _STOP = 180.0, 0.02, 20.0  # seconds
_TAIL = 4_000  # characters


class StackFailed(RuntimeError):
    """`atomctl up` ended, or took too long."""


@dataclass(frozen=True)
class Running:
    """A stack that is ready. `seconds` since its command was entered; `components`: how long each took from its own
    start, in the order in which they became ready; `cpu` seconds by process group until then."""

    home: Path
    process: psutil.Process
    seconds: float
    components: dict[str, float]
    cpu: dict[str, float]

    @property
    def url(self) -> str:
        return saved_environment(self.home)["ATOM_URL"]

    def groups(self) -> dict[str, list[psutil.Process]]:
        """Every live process by the component that it belongs to: a server with all that it started itself."""
        names = {json.loads(file.read_text())["pid"]: file.stem for file in (self.home / "run").glob("*.pid")}
        groups = {"atomctl up": [self.process]}
        for child in self.process.children():
            with suppress(psutil.NoSuchProcess):
                groups[names.get(child.pid, child.name())] = [child, *child.children(recursive=True)]
        return groups

    def settings(self) -> Settings:
        """As another shell has them after `eval "$(atomctl env)"`."""
        return Settings(**saved_environment(self.home))  # type: ignore[arg-type]  # pydantic takes them from text


@contextmanager
def up(home: Path) -> Iterator[Running]:
    """`atomctl up` on `home` until the block ends. Raises StackFailed.

    An error of the block gets what `atomctl up` said last as a note.
    """
    home.mkdir(parents=True, exist_ok=True)
    for name in ("registry", "webserver"):
        Ports(home).take(name)  # remembered: 8000 and 3000 are what another stack that starts now would take, too
    ready, output = home / "bench.ready", home / "bench.out"
    command = [str(Path(sys.executable).with_name("atomctl")), "up", "--home", str(home), "--ready-file", str(ready)]
    with output.open("w") as told:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=told, stderr=told, env=child_environment({}))
    try:
        while not ready.exists():
            if child.poll() is not None or time.monotonic() - began > _DEADLINE:
                raise StackFailed("atomctl up did not become ready")
            time.sleep(_LOOK)
        seconds = time.monotonic() - began
        process = psutil.Process(child.pid)
        found = _READY.finditer(output.read_text())
        components = {match["name"]: float(match["seconds"]) for match in found}
        stack = Running(home, process, seconds, components, {})
        stack.cpu.update({name: sum(map(_cpu_seconds, group)) for name, group in stack.groups().items()})
        yield stack
    except Exception as error:
        error.add_note(output.read_text()[-_TAIL:])
        raise
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(_STOP)


def _cpu_seconds(process: psutil.Process) -> float:
    """User and system seconds of a process and of its children that have ended."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0
