"""Real Dagster processes around one run launcher: Postgres, code server, webserver, daemon, and the pool."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from dagster import DagsterInstance

from atom.local.ports import Ports
from atom.local.process import Server
from orchestration.launchers.errors import PoolNotRunning, PoolSilent
from orchestration.launchers.protocol import Verb, ask

ROOT = Path(__file__).parents[3]
CODE = Path(__file__).parent
MODULE = "launched_job"

LAUNCH = """
mutation Push($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId status } }
    ... on PythonError { message stack }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
  }
}
"""
TERMINATE = """
mutation Cancel($id: String!, $policy: TerminateRunPolicy) {
  terminateRun(runId: $id, terminatePolicy: $policy) {
    __typename
    ... on TerminateRunFailure { message }
    ... on PythonError { message }
  }
}
"""

_WARM = """
run_launcher:
  module: orchestration.launchers.warm
  class: WarmRunLauncher
  config: {{socket: {socket}}}
compute_logs:
  module: orchestration.launchers.compute_logs
  class: FileComputeLogManager
  config: {{base_dir: {home}/dagster/compute_logs}}
"""
_STORAGE = """
telemetry: {enabled: false}
storage: {postgres: {postgres_url: "POSTGRES_URL"}}
run_monitoring: {enabled: true, start_timeout_seconds: 300, cancel_timeout_seconds: 5, poll_interval_seconds: 1}
"""
_COORDINATORS = {
    "DefaultRunCoordinator": "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n",
    "QueuedRunCoordinator": "run_queue: {dequeue_interval_seconds: 1, max_concurrent_runs: 2}\n",
}


@dataclass
class Stack:
    """The running processes, and what a client needs."""

    home: Path
    env: dict[str, str]
    code: Server
    webserver: Server
    pool: Server
    daemon: Server
    url: str
    instance: DagsterInstance
    out: Path

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=120)
        body = answer.json()  # a PythonError comes with status 500 and is an answer all the same
        assert "errors" not in body, body["errors"]
        return next(iter(body["data"].values()))

    def push(self, tags: dict[str, str] | None = None, **work: object) -> str:
        """Launch a run through the webserver, as the registry does; its id."""
        answer = self.try_push(tags, **work)
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def try_push(self, tags: dict[str, str] | None = None, **work: object) -> dict[str, Any]:
        params = {
            "selector": {
                "repositoryLocationName": "atom",
                "repositoryName": "__repository__",
                "jobName": "run_workflow",
            },
            "runConfigData": json.dumps({"ops": {"work": {"config": {"folder": str(self.out), **work}}}}),
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
            "mode": "default",
        }
        return self.graphql(LAUNCH, params=params)

    def began(self, run_id: str) -> list[tuple[float, int]]:
        """Each start of the run's op: wall-clock second, pid."""
        file = self.out / run_id
        lines = file.read_text().splitlines() if file.exists() else []
        return [(float(line.split()[0]), int(line.split()[1])) for line in lines]

    def version_used(self, run_id: str) -> str:
        """Of the code that the run's op ran."""
        return (self.out / run_id).read_text().split()[2]

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def messages(self, run_id: str) -> list[str]:
        return [entry.message for entry in self.instance.all_logs(run_id)]

    @property
    def socket(self) -> Path:
        return self.home / "pool.sock"

    def restart_pool(self, *options: str) -> None:
        """With these options from now on."""
        self.pool.stop()
        self.pool = _pool(self.home, self.env, *options)
        self.pool.start()

    def wait(self, what: Callable[[], Any], seconds: float = 150) -> Any:
        """The first true answer of `what`."""
        end = time.monotonic() + seconds
        while not (answer := what()):
            assert time.monotonic() < end, f"not within {seconds} s"
            time.sleep(0.02)
        return answer

    def wait_status(self, run_id: str, wanted: str) -> None:
        try:
            self.wait(lambda: self.status(run_id) == wanted)
        except AssertionError:
            raise AssertionError(f"{self.status(run_id)} instead of {wanted}: {self.messages(run_id)}") from None


def _pool(home: Path, env: dict[str, str], *options: str) -> Server:
    path = home / "pool.sock"

    def ready() -> str | None:
        try:
            ask(path, Verb.STATE, UUID(int=0), 1)
        except (PoolNotRunning, PoolSilent) as error:
            return str(error)
        return None

    argv = [sys.executable, "-m", "orchestration.launchers.pool", "--socket", str(path), "--module", MODULE, *options]
    return Server(home, "pool", argv, ready=ready, env=env, cwd=ROOT, deadline=120, grace=7)


@contextmanager
def dagster_stack(
    home: Path,
    database: str,
    *,
    warm: bool = True,
    coordinator: str = "DefaultRunCoordinator",
    workers: int = 2,
    daemon: bool = True,
) -> Iterator[Stack]:
    """Everything up, and down again. `database` is the URL of an empty Postgres database."""
    with ExitStack() as stack:

        def up(server: Any) -> Any:
            server.start()
            stack.callback(server.stop)
            return server

        ports = Ports(home)
        text = _STORAGE.replace("POSTGRES_URL", database) + _COORDINATORS[coordinator]
        text += _WARM.format(socket=home / "pool.sock", home=home) if warm else ""
        # Not `home` itself: Dagster's telemetry takes $DAGSTER_HOME/logs for its own and sweeps it.
        dagster_home = home / "dagster"
        dagster_home.mkdir()
        (dagster_home / "dagster.yaml").write_text(text)
        env = {
            **os.environ,
            "DAGSTER_HOME": str(dagster_home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(home / "code")]),
        }
        instance = stack.enter_context(DagsterInstance.from_config(str(dagster_home)))
        (home / "out").mkdir()
        (home / "code").mkdir()
        shutil.copy(CODE / f"{MODULE}.py", home / "code")
        code_port, web_port = ports.take("code"), ports.take("web")
        python = [sys.executable, "-m"]
        (home / "workspace.yaml").write_text(
            f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: atom}}}}]\n"
        )
        serve = ["api", "grpc", "-h", "127.0.0.1", "-p", str(code_port), "-m", MODULE, "-d", str(ROOT)]
        view = ["-h", "127.0.0.1", "-p", str(web_port), "-w", str(home / "workspace.yaml")]
        code = Server(home, "code", [*python, "dagster", *serve], ready=_listens(code_port), env=env, cwd=ROOT)
        web = Server(home, "web", [*python, "dagster_webserver", *view], ready=_listens(web_port), env=env, cwd=ROOT)
        runs = Server(
            home,
            "daemon",
            [*python, "dagster._daemon", "run", "-w", str(home / "workspace.yaml")],
            ready=lambda: None,
            env=env,
            cwd=ROOT,
        )
        pool = _pool(home, env, "--max-workers", str(workers))
        if warm:
            pool.start()
        up(code)
        up(web)
        if daemon:
            up(runs)
        url = f"http://127.0.0.1:{web_port}"
        made = Stack(home, env, code, web, pool, runs, url, instance, home / "out")
        stack.callback(lambda: made.pool.stop())
        yield made


def _listens(port: int) -> Any:
    def ready() -> str | None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            return str(error)
        return None

    return ready
