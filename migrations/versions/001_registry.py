"""001_registry.sql"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "001"
down_revision = None


def upgrade() -> None:
    raw = op.get_bind().connection.driver_connection  # SQLAlchemy would read % as a parameter
    raw.execute(Path(__file__).with_suffix(".sql").read_text())
