"""004_tenant_and_rls.sql"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "004"
down_revision = "003"


def upgrade() -> None:
    raw = op.get_bind().connection.driver_connection  # SQLAlchemy would read % as a parameter
    raw.execute(Path(__file__).with_suffix(".sql").read_text())
