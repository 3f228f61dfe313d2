"""`kill -9` of every process of a running stack in the middle of 40 runs; then `up` again. Nothing that was acknowledged
is gone, nothing was done twice, and what was interrupted says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from atom.local.issuer import issue_token
from tests.builders import playbook, signer

RUNS = 40
_READY = 120.0
_SETTLED = 240.0
_FINISHED = {"succeeded", "failed", "rolled_back", "cancelled", "rejected", "expired", "unknown"}
# Enough variety that every kind of ending is among the interrupted.
_TARGETS = [
    ("restart-unhealthy", {"deployment": name})
    for name in ("cart", "checkout", "search", "catalog", "inventory", "pricing")
] + [
    ("scale-on-latency", {"deployment": name, "targetP95Ms": 300}) for name in ("web", "payments", "reports", "images")
]


class Up:
    """`atomctl up` in a process group of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ready = home.parent / "ready"
        self.log = home.parent / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.ready.unlink(missing_ok=True)
        atomctl = Path(sys.executable).with_name("atomctl")
        with self.log.open("ab") as log:
            argv = [str(atomctl), "up", "--home", str(self.home), "--ready-file", str(self.ready)]
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _READY
        while not self.ready.exists():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.1)

    def freeze_workers(self) -> list[psutil.Process]:
        """Stops every process that carries out a run, wherever it is."""
        workers = []
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):  # a zombie is one, too: it ended while we looked
                if "orchestration.launchers.pool" in " ".join(process.cmdline()):
                    process.suspend()
                    workers.append(process)
        return workers

    def _tree(self) -> list[psutil.Process]:
        assert self.process is not None
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def kill_everything(self) -> int:
        assert self.process is not None
        tree = self._tree()
        for process in tree:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.process.wait()
        gone, alive = psutil.wait_procs(tree, timeout=10)
        assert not alive, alive
        return len(gone)

    def stop(self) -> float:
        assert self.process is not None
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        return time.monotonic() - began

    def client(self) -> httpx.Client:
        urls = dict(line.split() for line in self.ready.read_text().splitlines())
        return httpx.Client(base_url=urls["registry"], timeout=30)

    def headers(self, subject: str, *roles: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_token(self.home, subject, roles, 'default', 3600)}"}


@pytest.fixture
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    made = Up(tmp_path_factory.mktemp("kill") / "home")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_killing_every_process_loses_nothing_and_repeats_nothing(up: Up) -> None:
    up.start()
    with up.client() as client:
        acknowledged = _publish(up, client)
        runs = _ask_and_approve(up, client)
        finished_before = _until_some_are_finished(up, client, least=RUNS // 4)
        interrupted = _freeze_in_the_middle_of_a_run(up, client)
    assert up.kill_everything() >= 10

    up.start()
    with up.client() as client:
        for workflow_id, digest in acknowledged.items():
            assert _get(up, client, f"/workflows/{workflow_id}")["digest"] == digest
        for run_id, run in finished_before.items():
            again = _get(up, client, f"/runs/{run_id}")
            assert (again["status"], again["outcome"]) == (run["status"], run["outcome"])
        ended = _until_all_are_finished(up, client, runs)
    assert len(ended) == RUNS
    for run in ended.values():
        assert run["approved_by"] is not None or run["workflow"] == "scale-on-latency"  # the latter's verdict is auto
        _assert_done_once(run)
    for run_id in interrupted:
        assert (ended[run_id]["status"], ended[run_id]["outcome"]) == ("unknown", "interrupted") or ended[run_id][
            "attempt"
        ] > 1
    print(Counter((run["status"], run["outcome"], run["attempt"]) for run in ended.values()))
    _assert_log_is_whole(up, list(ended))
    assert up.stop() <= 10


def _publish(up: Up, client: httpx.Client) -> dict[str, str]:
    key = signer()
    admin = up.headers("admin", "tenant-admin")
    assert client.post("/keys", json={"name": key.name, "pem": key.public_pem}, headers=admin).status_code == 201
    acknowledged = {}
    for name in ("restart-unhealthy", "scale-on-latency"):
        data = playbook(name)
        files = {"file": ("package", data), "bundle": ("bundle", key.bundle(data))}
        answer = client.post("/workflows", files=files, headers=up.headers("alice", "publisher"))
        assert answer.status_code == 201, answer.text
        acknowledged[answer.json()["id"]] = answer.json()["digest"]
    return acknowledged


def _ask_and_approve(up: Up, client: httpx.Client) -> list[str]:
    bob, carol = up.headers("bob", "operator"), up.headers("carol", "approver")

    def one(number: int) -> str:
        workflow, parameters = _TARGETS[number % len(_TARGETS)]
        body = {"parameters": {"namespace": "shop", **parameters}}
        asked = client.post(f"/workflows/{workflow}/runs", json=body, headers=bob)
        assert asked.status_code == 201, asked.text
        run = asked.json()
        if run["status"] == "pending_approval":
            assert client.post(f"/runs/{run['id']}/approve", headers=carol).status_code == 200
        return str(run["id"])

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(RUNS)))


def _until_some_are_finished(up: Up, client: httpx.Client, *, least: int) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + _SETTLED
    while True:
        runs = _get(up, client, "/runs?limit=200")["items"]
        finished = {run["id"]: run for run in runs if run["status"] in _FINISHED}
        if len(finished) >= least:
            return finished
        assert time.monotonic() < deadline, Counter(run["status"] for run in runs)
        time.sleep(0.1)


def _freeze_in_the_middle_of_a_run(up: Up, client: httpx.Client) -> list[str]:
    """The runs that were under way at the moment at which every worker was stopped: at least one."""
    deadline = time.monotonic() + _SETTLED
    while time.monotonic() < deadline:
        workers = up.freeze_workers()
        running = [run["id"] for run in _get(up, client, "/runs?status=running")["items"]]
        if running:
            return running
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.resume()
        time.sleep(0.05)
    raise AssertionError("no run was caught in the middle")


def _until_all_are_finished(up: Up, client: httpx.Client, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + _SETTLED
    while True:
        runs = {run["id"]: run for run in _get(up, client, "/runs?limit=200")["items"]}
        open_runs = [run for run in runs.values() if run["status"] not in _FINISHED or not run["immutable_log_path"]]
        if not open_runs:
            return {run_id: _get(up, client, f"/runs/{run_id}") for run_id in run_ids}
        assert time.monotonic() < deadline, [(run["id"], run["status"], run["attempt"]) for run in open_runs]
        time.sleep(0.5)


def _get(up: Up, client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path, headers=up.headers("dora", "viewer"))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _assert_done_once(run: dict[str, Any]) -> None:
    """No write step was begun in more than one attempt of the run, and none twice with success."""
    writes = [step for step in run["steps"] if step["effect"] != "read" and step["phase"] == "step" and step["effects"]]
    done = Counter(step["step_id"] for step in writes if step["status"] == "succeeded")
    assert all(count == 1 for count in done.values()), (run["id"], done)
    assert len({step["attempt"] for step in writes}) <= 1, run["id"]


def _assert_log_is_whole(up: Up, run_ids: list[str]) -> None:
    """Every run has exactly one final record, and the chain has neither gap nor fork."""
    environment = json.loads((up.home / "environment.json").read_bytes())
    with psycopg.connect(environment["POSTGRES_DSN"]) as connection:
        connection.execute("set app.tenant_id = '00000000-0000-7000-8000-000000000001'")
        finals = connection.execute("select run_id::text from audit_log where type = 'run.finished'").fetchall()
        chain = connection.execute("select seq, record_hash, prev_record_hash from audit_log order by seq").fetchall()
    assert sorted(run_id for (run_id,) in finals) == sorted(run_ids)
    assert [seq for seq, _, _ in chain] == list(range(1, len(chain) + 1))
    assert all(later[2] == earlier[1] for earlier, later in pairwise(chain))
