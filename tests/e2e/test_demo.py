"""`atomctl demo` on a fresh home: the newcomer's first command tells the truth, and leaves nothing running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "from atomctl.main import app; app(prog_name='atomctl')"]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_everything_is_as_told_on_a_fresh_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [*PROGRAM, "demo", "--home", str(home), "--runs", "40", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert [step for step in told["steps"] if not step["ok"]] == [], done.stderr
    assert (told["ok"], done.returncode) == (True, 0)
    assert len(told["steps"]) == 13
    left = [
        p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or ())
    ]
    assert left == []
