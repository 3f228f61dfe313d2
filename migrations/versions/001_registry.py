"""001_registry.sql"""

from __future__ import annotations

from pathlib import Path

from migrations import run_sql

revision = "001"
down_revision = None


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql"))
