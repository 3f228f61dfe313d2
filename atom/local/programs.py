"""Atom's own processes: registry API, Dagster's code server, run workers, webserver and daemon."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from atom.local import checks, dagster_home
from atom.local.process import Server

ROOT = Path(__file__).parents[2]  # where registry_api, orchestration, sensors and assets are importable from


class Managed(Protocol):
    """What the stack starts, watches and stops: an embedded server or one of these programs."""

    name: str
    url: str
    server: Server

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def version(self) -> str: ...


class Program:
    """A process that is ready once `check` gives a version instead of raising."""

    def __init__(
        self,
        home: Path,
        name: str,
        argv: list[str],
        *,
        env: Mapping[str, str],
        url: str,
        check: Callable[[], str],
        grace: float = 5.0,
        port: int | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self._check = check
        self._port = port
        self._version = ""
        self.server = Server(home, name, argv, ready=self._not_ready, env=env, cwd=ROOT, deadline=120.0, grace=grace)

    def start(self) -> None:
        """Raises ComponentDidNotStart."""
        self.server.start()

    def stop(self) -> None:
        """Ends it."""
        self.server.stop()

    def version(self) -> str:
        """As of the last start."""
        return self._version

    def _not_ready(self) -> str | None:
        try:
            self._version = self._check()
        except Exception as error:  # whatever a program that is not up yet answers
            return str(error) or type(error).__name__
        if self._port is not None and not self.server.listens_on(self._port):
            return f"another program has port {self._port}"  # and gave a version: perhaps another stack
        return None


def registry(home: Path, port: int, env: Mapping[str, str]) -> Program:
    """The HTTP API."""
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "registry_api", "--host", "127.0.0.1", "--port", str(port)]
    return Program(home, "registry", argv, env=env, url=url, check=lambda: checks.registry(url), port=port)


@dataclass(frozen=True, slots=True)
class DagsterPorts:
    """Of the webserver, and of the code server behind it."""

    web: int
    code: int


def dagster(home: Path, ports: DagsterPorts, env: Mapping[str, str]) -> tuple[Program, Program, Program, Program]:
    """Code server, run workers, webserver, daemon. Raises HomePathTooLong."""
    folder = dagster_home.write_dagster_home(home, ports.code)
    socket = dagster_home.pool_socket(home)
    url = f"http://127.0.0.1:{ports.web}"
    since = time.time()
    code = Program(
        home,
        "code-location",
        dagster_home.code_server(ports.code),
        env=env,
        url=f"127.0.0.1:{ports.code}",
        check=lambda: checks.code_location(ports.code),
        grace=2.0,
        port=ports.code,
    )
    workers = Program(
        home,
        "run-workers",
        dagster_home.run_workers(socket),
        env=env,
        url=str(socket),
        check=lambda: checks.run_workers(socket),
        grace=6.0,  # it gives its own workers five seconds
    )
    web = Program(
        home,
        "webserver",
        dagster_home.webserver(ports.web, folder),
        env=env,
        url=url,
        check=lambda: checks.webserver(url),
        grace=2.0,
        port=ports.web,
    )
    daemon = Program(
        home,
        "daemon",
        dagster_home.daemon(folder),
        env=env,
        url="",
        check=lambda: checks.daemon(url, since),
        grace=3.0,
    )
    return code, workers, web, daemon
