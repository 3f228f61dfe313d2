"""The program as a shell meets it: help, completion, pipes, Ctrl-C; never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from atomctl.main import app
from tests.unit.atomctl.conftest import RUN_ID, FakeServer

PROGRAM = [sys.executable, "-c", "from atomctl.main import app; app(prog_name='atomctl')"]


def _environment(registry: FakeServer, **more: str) -> dict[str, str]:
    return (
        os.environ | {"ATOM_URL": registry.url, "ATOM_TOKEN": "t", "PYTHONPATH": str(Path(__file__).parents[3])} | more
    )


def _commands(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(path, command)]
    return [found for name, one in inner.items() for found in _commands(one, (*path, name))]


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*one, id=" ".join(one[0])) for one in _commands(get_command(app))]
)
def test_every_command_says_what_it_does_in_a_line_and_gives_an_example(path: tuple[str, ...], command: Any) -> None:
    first, *rest = (command.help or "").splitlines()
    assert first.endswith(".")
    assert len(first) <= 120
    assert any(line.strip().startswith("Example") for line in rest)
    assert "atomctl " + " ".join(path) in command.help


def test_every_command_can_answer_in_json_except_the_server() -> None:
    without = {
        path
        for path, command in _commands(get_command(app))
        if "--json" not in {o for p in command.params for o in p.opts}
    }
    assert without == {("up",)}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_went_away_is_no_traceback(
    registry: FakeServer, run_row: dict[str, Any], options: tuple[str, ...]
) -> None:
    registry.say("GET", "/runs", {"items": [run_row], "next": None})
    with subprocess.Popen(
        [*PROGRAM, "runs", *options], env=_environment(registry), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode not in (0, -signal.SIGPIPE)


def test_ctrl_c_is_130_and_no_traceback(registry: FakeServer, run_row: dict[str, Any]) -> None:
    registry.say("GET", f"/runs/{RUN_ID}", run_row | {"status": "running"})
    with subprocess.Popen(
        [*PROGRAM, "watch", RUN_ID], env=_environment(registry), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        while not registry.asked and program.poll() is None:
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=30)
    assert b"Traceback" not in err
    assert program.returncode == 130


def test_the_shell_can_complete_commands(registry: FakeServer) -> None:
    asked = {"_ATOMCTL_COMPLETE": "complete_bash", "COMP_WORDS": "atomctl ke", "COMP_CWORD": "1"}
    done = subprocess.run(PROGRAM, env=_environment(registry, **asked), capture_output=True, text=True, timeout=60)
    assert set(done.stdout.split()) == {"keygen", "keys"}
