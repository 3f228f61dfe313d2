"""The whole stack as `atomctl up` runs it: twice started, once killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from atom.local.diagnosis import diagnose
from atom.local.environment import saved_environment
from atom.local.errors import StackAlreadyRunning
from atom.local.process import MARK, recorded
from atom.local.stack import Stack, is_running
from atom.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PATIENCE = 180  # seconds that anything may take on a busy machine


class Up:
    """`atomctl up` as a process; its output goes to `log`."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        ready = home.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        command = [
            str(Path(sys.executable).with_name("atomctl")),
            "up",
            "--home",
            str(home),
            "--ready-file",
            str(ready),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **env})
        eventually(lambda: ready.exists() or self.process.poll() is not None)
        assert ready.exists(), self.log.read_text()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack") / "home"


@pytest.fixture(scope="module")
def up(stack_home: Path) -> Iterator[Up]:
    started = Up(stack_home)
    yield started
    if started.process.poll() is None:
        started.process.terminate()
        started.process.wait(PATIENCE)


def test_every_component_is_healthy_and_says_where_it_comes_from(up: Up) -> None:
    found = diagnose(up.home, Settings())
    servers = {"database", "secrets", "objects", "vectors", "orchestration"}
    programs = {"registry", "code-location", "run-workers", "daemon"}
    assert {each.component for each in found if each.healthy} == servers | programs
    assert not [each for each in found if each.healthy is False]
    assert all(each.version for each in found if each.healthy)
    assert json.dumps([each.as_dict() for each in found])


def test_a_second_one_in_the_same_home_is_refused_and_harms_nothing(up: Up) -> None:
    with pytest.raises(StackAlreadyRunning, match=str(up.process.pid)):
        Stack(up.home, Settings()).start()
    assert is_running(up.home)
    assert all(each.healthy is not False for each in diagnose(up.home, Settings()))


def test_our_own_processes_get_references_and_nobody_gets_credentials_on_a_command_line(up: Up) -> None:
    plain = saved_environment(up.home)
    secrets = [plain[name] for name in ("POSTGRES_DSN", "POSTGRES_BACKUP_DSN", "AWS_SECRET_ACCESS_KEY", "DATASET_KEY")]
    registry = recorded(up.home / "run" / "registry.pid")
    assert registry is not None
    assert not [secret for secret in secrets if secret in str(registry.environ())]
    for process in up.family():
        with suppress(psutil.NoSuchProcess):  # Postgres's backends come and go
            assert not [secret for secret in secrets if secret in " ".join(process.cmdline())]


def test_nothing_listens_beyond_loopback(up: Up) -> None:
    listening: set[str] = set()
    for process in up.family():
        with suppress(psutil.NoSuchProcess):
            found = process.net_connections("inet")
            listening |= {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_one_that_dies_is_started_again(up: Up) -> None:
    before = recorded(up.home / "run" / "openbao.pid")
    assert before is not None
    before.kill()
    eventually(lambda: (now := recorded(up.home / "run" / "openbao.pid")) is not None and now.pid != before.pid)
    eventually(lambda: "started again" in up.log.read_text())


@pytest.mark.slow  # tests/faults kills everything with work in flight; this adds the death of `up` alone
def test_a_killed_stack_leaves_no_orphans_and_loses_nothing(up: Up) -> None:
    home = up.home
    with psycopg.connect(saved_environment(home)["POSTGRES_BACKUP_DSN"]) as connection:
        tenants = connection.execute("SELECT * FROM tenants ORDER BY id").fetchall()
    assert tenants
    family = up.family()
    assert len(family) >= 9
    up.process.kill()
    up.process.wait()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive

    # From a shell that has the variables of `atomctl env`, which must not count as somebody else's servers.
    own = saved_environment(home)
    again = Up(home, **own)
    try:
        assert saved_environment(home) == own  # ports and passwords included
        with psycopg.connect(own["POSTGRES_BACKUP_DSN"]) as connection:
            assert connection.execute("SELECT * FROM tenants ORDER BY id").fetchall() == tenants
    finally:
        again.process.send_signal(signal.SIGINT)
        status = again.process.wait(PATIENCE)
    assert status == 0
    assert not list((home / "run").glob("*.pid"))
    assert not [p for p in psutil.process_iter() if _belongs_to(p, home)]
    assert not is_running(home)


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(home)
    except (psutil.Error, OSError):
        return False
