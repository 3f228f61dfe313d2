"""003_add_audit_fields.sql"""

from __future__ import annotations

from pathlib import Path

from migrations import run_sql

revision = "003"
down_revision = "002"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql"))
