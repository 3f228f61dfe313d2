from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from atom.local.errors import ComponentDidNotStart
from atom.local.process import MARK, Server, clear_home, recorded

ROOT = Path(__file__).parents[3]


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]


SLEEPS = python("import time; print('up', flush=True); time.sleep(60)")
STUBBORN = python(
    """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    time.sleep(60)
    """
)


def says_up(home: Path, name: str) -> Callable[[], str | None]:
    log = home / "logs" / f"{name}.log"
    return lambda: None if "up" in log.read_text() else "it said nothing"


def server(home: Path, argv: list[str], name: str = "sleeper", **rest: object) -> Server:
    return Server(home, name, argv, ready=says_up(home, name), **rest)  # type: ignore[arg-type]


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    try:
        process = psutil.Process(pid)
        for _ in range(200):
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        return True
    return False


def test_a_started_server_is_ready_and_a_stopped_one_leaves_nothing(tmp_path: Path) -> None:
    sleeper = server(tmp_path, SLEEPS)
    sleeper.start()
    pid = sleeper.pid
    assert pid is not None
    sleeper.stop()
    assert gone(pid)
    assert not list((tmp_path / "run").iterdir())


def test_one_that_ends_at_once_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    broken = server(tmp_path, python("raise SystemExit('no such luck')"))
    with pytest.raises(ComponentDidNotStart) as caught:
        broken.start()
    assert "no such luck" in caught.value.found
    assert "status 1" in caught.value.found


def test_an_error_shows_this_start_only(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "sleeper.log").write_text("yesterday's news\n")
    with pytest.raises(ComponentDidNotStart) as caught:
        server(tmp_path, python("raise SystemExit('today')")).start()
    assert "today" in caught.value.found
    assert "yesterday" not in caught.value.found


def test_one_that_is_never_ready_is_stopped_and_says_why(tmp_path: Path) -> None:
    mute = Server(tmp_path, "mute", SLEEPS, ready=lambda: "still thinking", deadline=0.3)
    with pytest.raises(ComponentDidNotStart) as caught:
        mute.start()
    assert "still thinking" in caught.value.found
    assert not mute.alive()


def test_a_program_that_is_not_there_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(ComponentDidNotStart, match="absent-program"):
        server(tmp_path, ["absent-program"]).start()


def test_one_that_ignores_the_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    stubborn = server(tmp_path, STUBBORN, grace=0.2)
    stubborn.start()
    pid = stubborn.pid
    assert pid is not None
    stubborn.stop()
    assert gone(pid)


def test_children_of_a_server_end_with_it(tmp_path: Path) -> None:
    parent = server(
        tmp_path,
        python(
            """
            import subprocess, sys, time
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            print(f"child={child.pid} up", flush=True)
            time.sleep(60)
            """
        ),
    )
    parent.start()
    child = int(parent.log.read_text().split("child=")[1].split()[0])
    parent.stop()
    assert gone(child)


def test_an_ignored_interrupt_is_not_inherited(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sleeper = server(tmp_path, SLEEPS, stop_signal=signal.SIGINT, grace=30)
        sleeper.start()
    finally:
        signal.signal(signal.SIGINT, before)
    pid = sleeper.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    assert gone(pid)
    sleeper.stop()


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    sleeper = server(tmp_path, SLEEPS)
    thread = threading.Thread(target=sleeper.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert sleeper.alive()
    sleeper.stop()


STARTS_ONE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from atom.local.process import Server
home = Path(sys.argv[1])
log = home / "logs" / "sleeper.log"
program = "import signal, time; " + sys.argv[3] + "; print('up', flush=True); time.sleep(60)"
ready = lambda: None if "up" in log.read_text() else "no"
Server(home, "sleeper", [sys.executable, "-c", program], ready=ready).start()
print("started", flush=True)
time.sleep(60)
"""


def killed_stack(home: Path, *, child_does: str) -> int:
    """Kill -9 a program that had started a server; returns the server's pid."""
    command = [sys.executable, "-c", STARTS_ONE, str(home), str(ROOT), child_does]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "started\n"
        process = recorded(home / "run" / "sleeper.pid")
        assert process is not None
        starter.kill()
    return process.pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_a_server_ends_when_its_stack_is_killed(tmp_path: Path) -> None:
    assert gone(killed_stack(tmp_path, child_does="pass"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atom.local.process._LEFTOVER_GRACE", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_survived_its_stack_is_ended_by_the_next_one(tmp_path: Path) -> None:
    pid = killed_stack(tmp_path, child_does="signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert psutil.pid_exists(pid)
    assert clear_home(tmp_path)
    assert gone(pid)


@pytest.mark.usefixtures("impatient")
def test_one_that_lost_its_pid_file_is_still_recognised(tmp_path: Path) -> None:
    pid = killed_stack(tmp_path, child_does="signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    (tmp_path / "run" / "sleeper.pid").unlink()
    assert clear_home(tmp_path)
    assert gone(pid)


def test_a_stranger_with_a_recorded_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEPS, env={**os.environ, MARK: "/some/other/home"}) as stranger:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "postgres.pid").write_text(f'{{"pid": {stranger.pid}, "created": 1.0}}')
        assert clear_home(tmp_path) == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_large_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atom.local.process._LOG_LIMIT", 10)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "sleeper.log").write_text("more than ten bytes")
    sleeper = server(tmp_path, SLEEPS)
    sleeper.start()
    sleeper.stop()
    assert "more" not in sleeper.log.read_text()
    assert (tmp_path / "logs" / "sleeper.log.1").read_text() == "more than ten bytes"


def test_logs_are_private(tmp_path: Path) -> None:
    sleeper = server(tmp_path, SLEEPS)
    sleeper.start()
    sleeper.stop()
    assert sleeper.log.stat().st_mode & 0o777 == 0o600
    assert sleeper.log.parent.stat().st_mode & 0o777 == 0o700
