"""The warm launcher against real Dagster processes: what it promises of a run, of its death, and of its own."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import pytest
from dagster import DagsterEventType

from atom.local.postgres import Postgres
from orchestration.launchers.errors import PoolNotRunning
from orchestration.launchers.protocol import Answer, Verb, ask
from tests.integration.launchers.dagster_stack import MODULE, ROOT, TERMINATE, Stack, dagster_stack


@pytest.fixture(scope="module")
def stack(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    name = f"launchers_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn("postgres", "postgres"), autocommit=True) as server:
        server.execute(f"create database {name} owner dagster")  # type: ignore[arg-type]
    with dagster_stack(tmp_path_factory.mktemp("dagster"), postgres.dsn("dagster", name)) as running:
        yield running


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A file that is not there; runs that wait for it end when a test makes it."""
    return tmp_path / "go"


def begun(stack: Stack, run_id: str) -> int:
    """Pid of the run's worker, once its op has begun."""
    return int(stack.wait(lambda: stack.began(run_id))[0][1])


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_gets_a_process_of_its_own_and_tells_dagster_what_the_stock_launcher_would(stack: Stack) -> None:
    run_ids = [stack.push(), stack.push()]
    for run_id in run_ids:
        stack.wait_status(run_id, "SUCCESS")
    pids = {begun(stack, run_id) for run_id in run_ids}
    assert len(pids) == 2
    stack.wait(lambda: all(gone(pid) for pid in pids))
    for run_id in run_ids:
        text = "\n".join(stack.messages(run_id))
        pid = begun(stack, run_id)
        assert f"Started process for run (pid: {pid})." in text
        assert f"Process for run exited (pid: {pid})." in text
    (entry,) = stack.instance.all_logs(run_ids[0], of_type=DagsterEventType.LOGS_CAPTURED)
    assert entry.dagster_event is not None
    key = entry.dagster_event.logs_captured_data.file_key
    captured = stack.instance.compute_log_manager.get_log_data([run_ids[0], "compute_logs", key])
    assert b"said to stdout" in (captured.stdout or b"")


def test_a_failure_in_the_step_is_the_runs_failure(stack: Stack) -> None:
    run_id = stack.push(end="raise")
    stack.wait_status(run_id, "FAILURE")
    assert "as told" in "\n".join(str(e.dagster_event) for e in stack.instance.all_logs(run_id))


@pytest.mark.parametrize(
    ("end", "said"), [("kill", "terminated by signal 9 (SIGKILL)"), ("exit", "unexpectedly exited with code 3")]
)
def test_a_worker_that_dies_fails_its_run_and_no_other(stack: Stack, go: Path, end: str, said: str) -> None:
    other = stack.push(seconds=240, until=str(go))
    begun(stack, other)
    victim = stack.push(end=end)
    stack.wait_status(victim, "FAILURE")
    go.touch()
    stack.wait_status(other, "SUCCESS")
    # The pool's report and the run monitoring's may race; whichever came first, the pool's own names the cause.
    stack.wait(lambda: said in "\n".join(stack.messages(victim)))
    assert len(stack.began(victim)) == 1


def test_a_cancel_interrupts_the_worker_and_ends_as_canceled(stack: Stack) -> None:
    run_id = stack.push(seconds=240)
    pid = begun(stack, run_id)
    assert stack.graphql(TERMINATE, id=run_id)["__typename"] == "TerminateRunSuccess"
    stack.wait_status(run_id, "CANCELED")
    stack.wait(lambda: gone(pid))


def test_a_worker_deaf_to_the_cancel_is_killed_when_dagster_gives_up_on_it(stack: Stack) -> None:
    run_id = stack.push(seconds=240, deaf=True)
    pid = begun(stack, run_id)
    stack.graphql(TERMINATE, id=run_id)
    stack.wait(lambda: gone(pid))  # cancel_timeout_seconds is 5 here
    stack.wait(lambda: stack.status(run_id) in ("CANCELED", "FAILURE"))


def test_a_canceled_run_that_still_waits_never_begins(stack: Stack, go: Path) -> None:
    """Dagster's UI refuses an ordinary cancel of a run in STARTING and offers the forced one."""
    busy = [stack.push(seconds=240, until=str(go)), stack.push(seconds=240, until=str(go))]
    by_launcher, by_force = stack.push(), stack.push()
    assert ask(stack.socket, Verb.STATE, UUID(by_launcher), 5) is Answer.WAITING
    assert "[WarmRunLauncher] Waiting for a free run worker." in stack.messages(by_launcher)
    try:
        assert stack.instance.run_launcher.terminate(by_launcher)
        assert stack.status(by_launcher) == "CANCELED"
        assert ask(stack.socket, Verb.STATE, UUID(by_launcher), 5) is Answer.ABSENT
        stack.graphql(TERMINATE, id=by_force, policy="MARK_AS_CANCELED_IMMEDIATELY")
        assert stack.status(by_force) == "CANCELED"
    finally:
        go.touch()
    for run_id in busy:
        stack.wait_status(run_id, "SUCCESS")
    stack.wait(lambda: ask(stack.socket, Verb.STATE, UUID(by_force), 5) is Answer.ABSENT)
    assert stack.began(by_launcher) == stack.began(by_force) == []
    assert stack.status(by_force) == "CANCELED"


def test_the_socket_is_the_owners_alone_and_noise_on_it_stops_nothing(stack: Stack) -> None:
    assert stat.S_IMODE(stack.socket.stat().st_mode) == 0o600
    for noise in (b"", b"\n", b"launch\n", b"launch ../../etc/passwd\n", b"fly " + b"x" * 10_000, b"\xff\xfe\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(stack.socket))
            client.sendall(noise)
            with suppress(ConnectionResetError):  # it did not care to read all of it
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
    assert ask(stack.socket, Verb.STATE, uuid.uuid4(), 5) is Answer.ABSENT


def test_a_launch_of_a_run_that_does_not_exist_changes_nothing(stack: Stack) -> None:
    stranger = uuid.uuid4()
    ask(stack.socket, Verb.LAUNCH, stranger, 5)
    stack.wait(lambda: ask(stack.socket, Verb.STATE, stranger, 5) is Answer.ABSENT)
    run_id = stack.push()
    stack.wait_status(run_id, "SUCCESS")


def test_a_second_launch_of_the_same_run_is_the_same_launch(stack: Stack) -> None:
    run_id = stack.push(seconds=1)
    for _ in range(5):
        assert ask(stack.socket, Verb.LAUNCH, UUID(run_id), 5) is Answer.RUNNING
    stack.wait_status(run_id, "SUCCESS")
    ask(stack.socket, Verb.LAUNCH, UUID(run_id), 5)  # late: the worker finds it finished
    stack.wait(lambda: ask(stack.socket, Verb.STATE, UUID(run_id), 5) is Answer.ABSENT)
    assert len(stack.began(run_id)) == 1


def test_a_second_pool_on_the_same_socket_refuses_to_start(stack: Stack) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "orchestration.launchers.pool", "--socket", str(stack.socket), "--module", MODULE],
        env=stack.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert second.returncode != 0
    assert "PoolAlreadyRuns" in second.stderr
    run_id = stack.push()
    stack.wait_status(run_id, "SUCCESS")


def test_code_that_starts_threads_at_import_is_refused(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time, dagster\n"
        "threading.Thread(target=time.sleep, args=(60,), name='eager', daemon=True).start()\n"
        "defs = dagster.Definitions()\n"
    )
    command = ["-m", "orchestration.launchers.pool", "--socket", str(tmp_path / "s"), "--module", "threaded"]
    pool = subprocess.run(
        [sys.executable, *command],
        env={**stack.env, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert pool.returncode != 0
    assert "CodeStartsThreads" in pool.stderr
    assert "eager" in pool.stderr


def test_on_hangup_new_code_is_loaded_while_running_and_waiting_runs_go_on(stack: Stack, go: Path) -> None:
    before = stack.pool.pid
    assert before is not None
    running = [stack.push(seconds=240, until=str(go)), stack.push(seconds=240, until=str(go))]
    workers = [begun(stack, run_id) for run_id in running]
    waiting = stack.push()
    code = stack.home / "code" / f"{MODULE}.py"
    code.write_text(code.read_text().replace('VERSION = "old"', 'VERSION = "new"'))
    os.kill(before, signal.SIGHUP)
    pushed_meanwhile = stack.push()
    go.touch()
    for run_id in (*running, waiting, pushed_meanwhile):
        stack.wait_status(run_id, "SUCCESS")
    assert stack.pool.pid == before
    assert [begun(stack, run_id) for run_id in running] == workers
    assert [stack.version_used(run_id) for run_id in (*running, waiting, pushed_meanwhile)] == [
        "old",
        "old",
        "new",
        "new",
    ]
    assert all(len(stack.began(run_id)) == 1 for run_id in (*running, waiting, pushed_meanwhile))


def test_a_killed_pool_takes_its_workers_along_and_the_next_one_takes_up_the_queue(stack: Stack) -> None:
    running = [stack.push(seconds=240), stack.push(seconds=240)]
    workers = [begun(stack, run_id) for run_id in running]
    waiting = [stack.push(), stack.push()]
    stack.pool.kill()
    stack.wait(lambda: all(gone(pid) for pid in workers))
    with pytest.raises(PoolNotRunning):
        ask(stack.socket, Verb.STATE, uuid.uuid4(), 5)
    stack.restart_pool()
    for run_id in waiting:
        stack.wait_status(run_id, "SUCCESS")
    for run_id in running:  # Dagster's run monitoring asked after their health
        stack.wait_status(run_id, "FAILURE")
        assert len(stack.began(run_id)) == 1


def test_a_restarted_daemon_loses_no_run(stack: Stack) -> None:
    run_ids = [stack.push(seconds=2), stack.push(seconds=2), stack.push()]
    stack.daemon.kill()
    stack.daemon.stop()
    stack.daemon.start()
    for run_id in run_ids:
        stack.wait_status(run_id, "SUCCESS")
        assert len(stack.began(run_id)) == 1


@pytest.fixture
def small(stack: Stack) -> Iterator[Stack]:
    """One worker, three places to wait."""
    stack.restart_pool("--max-workers", "1", "--max-waiting", "3")
    yield stack
    stack.restart_pool()


def test_one_worker_serves_in_order_and_a_full_queue_refuses(small: Stack, go: Path) -> None:
    first = small.push(seconds=240, until=str(go))
    begun(small, first)
    queued = [small.push() for _ in range(3)]
    refused = small.try_push()
    assert refused["__typename"] == "PythonError"
    assert "PoolBusy" in refused["message"]
    go.touch()
    for run_id in (first, *queued):
        small.wait_status(run_id, "SUCCESS")
    times = [small.began(run_id)[0][0] for run_id in (first, *queued)]
    assert times == sorted(times)


def test_a_stopped_pool_interrupts_its_workers_and_leaves_the_queue_to_the_next(stack: Stack) -> None:
    running = [stack.push(seconds=240), stack.push(seconds=240)]
    workers = [begun(stack, run_id) for run_id in running]
    waiting = stack.push()
    stack.pool.stop()
    assert all(gone(pid) for pid in workers)
    for run_id in running:
        stack.wait_status(run_id, "FAILURE")
    assert stack.status(waiting) == "STARTING"
    refused = stack.try_push()
    assert refused["__typename"] == "PythonError"
    assert "PoolNotRunning" in refused["message"]
    stack.restart_pool()
    stack.wait_status(waiting, "SUCCESS")
