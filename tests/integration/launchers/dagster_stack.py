"""Real Dagster processes around one run launcher: Postgres, code server, webserver, daemon, and the pool."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from dagster import DagsterInstance

from atom.local.ports import Ports
from atom.local.postgres import Postgres
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
mutation Cancel($id: String!) {
  terminateRun(runId: $id) {
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
storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}
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
    postgres: Postgres
    code: Server
    webserver: Server
    pool: Server
    daemon: Server
    url: str
    instance: DagsterInstance
    out: Path

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer.raise_for_status()
        body = answer.json()
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

    def status(self, run_id: str) -> str:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def messages(self, run_id: str) -> list[str]:
        return [entry.message for entry in self.instance.all_logs(run_id)]

    def pool_server(self, *options: str) -> Server:
        return _pool(self.home, self.pool._env, *options)


def _pool(home: Path, env: dict[str, str], *options: str) -> Server:
    path = home / "pool.sock"

    def ready() -> str | None:
        try:
            ask(path, Verb.STATE, UUID(int=0), 1)
        except (PoolNotRunning, PoolSilent) as error:
            return str(error)
        return None

    argv = [sys.executable, "-m", "orchestration.launchers.pool", "--socket", str(path), "--module", MODULE, *options]
    return Server(home, "pool", argv, ready=ready, env=env, cwd=ROOT, grace=7)


@contextmanager
def dagster_stack(
    home: Path, *, warm: bool = True, coordinator: str = "DefaultRunCoordinator", workers: int = 2, daemon: bool = True
) -> Iterator[Stack]:
    """Everything up, and down again."""
    with ExitStack() as stack:

        def up(server: Any) -> Any:
            server.start()
            stack.callback(server.stop)
            return server

        ports = Ports(home)
        postgres = up(Postgres(home, ports, settings={"fsync": "off"} if "FAST_PG" in os.environ else None))
        text = _STORAGE + _COORDINATORS[coordinator]
        text += _WARM.format(socket=home / "pool.sock", home=home) if warm else ""
        # Not `home` itself: Dagster's telemetry takes $DAGSTER_HOME/logs for its own and sweeps it.
        dagster_home = home / "dagster"
        dagster_home.mkdir()
        (dagster_home / "dagster.yaml").write_text(text)
        env = {
            **os.environ,
            "DAGSTER_HOME": str(dagster_home),
            "DAGSTER_PG_URL": postgres.dsn("dagster", "dagster"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(CODE)]),
        }
        os.environ.update({"DAGSTER_PG_URL": env["DAGSTER_PG_URL"]})
        instance = stack.enter_context(DagsterInstance.from_config(str(dagster_home)))
        (home / "out").mkdir(exist_ok=True)
        code_port, web_port = ports.take("code"), ports.take("web")
        python = [sys.executable, "-m"]
        (home / "workspace.yaml").write_text(
            f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: atom}}}}]\n"
        )
        serve = ["api", "grpc", "-h", "127.0.0.1", "-p", str(code_port), "-m", MODULE, "-d", str(ROOT)]
        view = ["-h", "127.0.0.1", "-p", str(web_port), "-w", str(home / "workspace.yaml")]
        code = Server(home, "code", [*python, "dagster", *serve], ready=_listens(code_port), env=env, cwd=ROOT)
        web = Server(
            home, "web", [*python, "dagster_webserver", *view], ready=_listens(web_port), env=env, cwd=ROOT
        )
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
            up(pool)
        up(code)
        up(web)
        if daemon:
            up(runs)
        url = f"http://127.0.0.1:{web_port}"
        yield Stack(home, postgres, code, web, pool, runs, url, instance, home / "out")


def _listens(port: int) -> Any:
    def ready() -> str | None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            return str(error)
        return None

    return ready
