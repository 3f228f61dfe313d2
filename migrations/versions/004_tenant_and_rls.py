"""004_tenant_and_rls.sql"""

from __future__ import annotations

from pathlib import Path

from migrations import run_sql

revision = "004"
down_revision = "003"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql"))
