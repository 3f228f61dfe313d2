"""One running stack for all pages."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Command, Launch, actions
from tests.docs.reader import Reader

_READY = 180.0


@dataclass(frozen=True)
class Workshop:
    """A folder in which the tour of the README was made, beside a running stack. `failure` is what went wrong in it."""

    folder: Path
    home: Path
    failure: Exception | None


@pytest.fixture(scope="module")
def running_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a stack that `atomctl up` started, which is how the pages tell a reader to start one."""
    folder = tmp_path_factory.mktemp("docs")
    ready, log = folder / "ready", folder / "up.log"
    atomctl = Path(sys.executable).with_name("atomctl")
    with log.open("wb") as output:
        argv = [str(atomctl), "up", "--home", str(folder / "home"), "--ready-file", str(ready)]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + _READY
    while not ready.exists():
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.1)
    yield folder / "home"
    process.send_signal(signal.SIGINT)
    process.wait(30)


@pytest.fixture(scope="module")
def workshop(running_home: Path) -> Workshop:
    """After the tour, whichever page is read: every other page goes on where it ends."""
    folder = running_home.parent / "workshop"
    reader = Reader(folder, running_home)
    failure = None
    try:
        for action in actions(ROOT / "README.md"):
            if isinstance(action, Command | Launch):
                reader.does(action)
        reader.does(Command("atomctl env >variables"))  # once, for all pages
    except Exception as error:
        failure = error
    finally:
        reader.close()
    return Workshop(folder, running_home, failure)
