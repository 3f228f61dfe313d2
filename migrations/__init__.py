"""The schema's history: `versions/` holds one plain .sql file a step, run in order, forwards only.

Alembic keeps the book; this file is its whole front door (`atomctl migrate`, `atomctl up`, test fixtures).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from atom.errors import Unavailable

FOLDER = Path(__file__).parent
_LOCK = 0x41544F4D  # "ATOM": two migrators at once wait for each other
_PREAMBLE = (
    f"select pg_advisory_lock({_LOCK})",
    "set lock_timeout = '10s'",  # a migration that waits for a long query must not make everybody queue behind it
)


class MigrationFailed(Unavailable):
    """The database could not be brought to the present schema."""


def apply(dsn: str) -> list[str]:
    """Brings the database at `dsn` (as its owner) to the newest revision; returns the revisions applied, oldest first.

    Safe to call from several processes at once. Every revision is its own transaction. Raises MigrationFailed.
    """
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            for statement in _PREAMBLE:
                connection.execute(text(statement))
            connection.commit()
            before = _revision(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            after = _revision(connection)
            connection.rollback()
    except MigrationFailed:
        raise
    except Exception as error:
        raise MigrationFailed(
            expected="the migrations in migrations/versions to apply as the owner of the database",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            remedy="see the named statement; roles are made beforehand by migrations/roles.sql",
        ) from error
    finally:
        engine.dispose()
    script = ScriptDirectory.from_config(_config())
    if before == after:
        return []
    return [r.revision for r in reversed(list(script.iterate_revisions(after or "head", before or "base")))]


def run_sql(path: Path) -> None:
    """Runs a whole .sql file in the transaction of the present revision, past SQLAlchemy, which would read % its own way."""
    raw: Any = op.get_bind().connection.driver_connection
    raw.execute(path.read_text())


def _revision(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
