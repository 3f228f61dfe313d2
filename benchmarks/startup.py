"""Time to ready of `atomctl up`, beside what its slowest component needs by itself."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from atom.local import checks
from atom.local.environment import child_environment
from atom.local.milvus import Milvus
from atom.local.openbao import OpenBao
from atom.local.ports import Ports
from atom.local.postgres import Postgres
from atom.local.programs import Managed, Program
from atom.local.seaweedfs import SeaweedFS
from benchmarks import memory
from benchmarks.stack import Running, up
from benchmarks.table import Figure, median

_CODE = "import dagster as dg\n\n@dg.asset\ndef nothing() -> None: ...\n"
BARE_CODE_SERVER = "bare dagster api grpc"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """First start and restart of the whole; then each component alone, first start and restart as well."""
    times = 1 if quick else 3
    homes = [folder / f"first-{n}" for n in range(times)]
    first = [_start(home) for home in homes]
    again = [_start(homes[0]) for _ in range(times)]
    for home in homes:
        shutil.rmtree(home)
    alone = [_alone(folder / f"alone-{n}") for n in range(times)]
    figures: list[Figure] = []
    for index, (name, starts) in enumerate((("first start", first), ("restart", again))):
        floor = {part: median(seconds[part][index] for seconds in alone) for part in alone[0]}
        slowest = max(floor, key=floor.__getitem__)
        whole = median(start.seconds for start in starts)
        figures.append(Figure(f"{name}, to ready", whole, "s", times, f"{slowest} alone", floor[slowest]))
        cpu = median(sum(start.cpu.values()) for start in starts)
        share = cpu / (psutil.cpu_count() or 1)
        figures.append(Figure(f"{name}, to ready", whole, "s", times, "its CPU seconds / cores", share))
        for part in starts[0].components:
            took = median(start.components[part] for start in starts)
            if took >= 0.1:
                bare = _bare(part, floor)
                beside = (f"{bare} alone", floor[bare]) if bare else (f"{name}, to ready", whole)
                figures.append(Figure(f"  {part}", took, "s", times, *beside))
        for group in starts[0].cpu:
            used = median(start.cpu[group] for start in starts)
            figures.append(Figure(f"  {group}, CPU", used, "s", times, f"{name}, all CPU seconds", cpu))
    return figures


def bare_code_server(folder: Path) -> memory.Use:
    """Memory of a Dagster process that serves one empty asset: the peer of each of Atom's own processes."""
    program = _programs(folder)[BARE_CODE_SERVER]
    program.start()
    try:
        assert program.server.pid is not None
        return memory.use_of(psutil.Process(program.server.pid))
    finally:
        program.stop()


def _start(home: Path) -> Running:
    with up(home) as stack:
        return stack


def _alone(home: Path) -> dict[str, tuple[float, float]]:
    """Seconds of a first start and of a restart of each component, with nothing else running."""
    ports = Ports(home)
    home.mkdir(parents=True)
    made: dict[str, Callable[[], Managed]] = {
        "database": lambda: Postgres(home, ports),
        "secrets": lambda: OpenBao(home, ports),
        "objects": lambda: SeaweedFS(home, ports),
        "vectors": lambda: Milvus(home, ports),
    }
    made |= {name: lambda program=program: program for name, program in _programs(home).items()}  # type: ignore[misc]
    seconds = {name: (_once(make()), _once(make())) for name, make in made.items()}
    shutil.rmtree(home)
    return seconds


def _programs(home: Path) -> dict[str, Program]:
    """Dagster's own programs with nothing of Atom's in them."""
    code = home / "bare" / "code.py"
    code.parent.mkdir(parents=True, exist_ok=True)
    code.write_text(_CODE)
    env = child_environment({}) | {"DAGSTER_HOME": str(code.parent)}
    grpc, web = _free_port(), _free_port()
    url = f"http://127.0.0.1:{web}"
    python = [sys.executable, "-m"]
    serve = ["dagster", "api", "grpc", "--host", "127.0.0.1", "--port", str(grpc), "--python-file", str(code)]
    show = ["dagster_webserver", "--host", "127.0.0.1", "--port", str(web), "--empty-workspace"]
    ask: dict[str, tuple[list[str], str, Callable[[], str]]] = {
        BARE_CODE_SERVER: (serve, "", lambda: checks.code_location(grpc)),
        "bare dagster-webserver": (show, url, lambda: checks.webserver(url)),
    }
    return {
        name: Program(home, name.replace(" ", "-"), python + argv, env=env, url=where, check=check)
        for name, (argv, where, check) in ask.items()
    }


def _bare(part: str, floor: dict[str, float]) -> str | None:
    """What the floor of a component is called."""
    name = {"code-location": BARE_CODE_SERVER, "webserver": "bare dagster-webserver"}.get(part, part)
    return name if name in floor else None


def _once(managed: Managed) -> float:
    began = time.monotonic()
    managed.start()
    seconds = time.monotonic() - began
    managed.stop()
    return seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
