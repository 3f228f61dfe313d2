"""002_runs.sql"""

from __future__ import annotations

from pathlib import Path

from migrations import run_sql

revision = "002"
down_revision = "001"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql"))
