"""PostgreSQL: a pool, and transactions that belong to exactly one tenant."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool, PoolTimeout
from uuid_utils import compat

from atom.store.errors import DatabaseUnavailable, ValueUnstorable

Row = TypeVar("Row")
_CONNECT_SECONDS = 10
_SESSION = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562 §5.7): ids sort by the time they were made, which keeps index pages warm."""
    return compat.uuid7()


@dataclass(frozen=True, slots=True)
class Tenant:
    id: uuid.UUID
    name: str


class Transaction:
    """One open transaction of one tenant. Parameters are always bound; rows come back as the dataclass asked for."""

    def __init__(self, connection: psycopg.Connection[Any], tenant: uuid.UUID) -> None:
        self._connection = connection
        self.tenant = tenant

    def execute(self, sql: LiteralString, **parameters: Any) -> int:
        """Runs one statement; returns the number of rows it touched."""
        return self._connection.execute(sql, {"tenant": self.tenant, **parameters}).rowcount

    def all(self, row: type[Row], sql: LiteralString, **parameters: Any) -> list[Row]:
        with self._connection.cursor(row_factory=class_row(row)) as cursor:
            return cursor.execute(sql, {"tenant": self.tenant, **parameters}).fetchall()

    def first(self, row: type[Row], sql: LiteralString, **parameters: Any) -> Row | None:
        with self._connection.cursor(row_factory=class_row(row)) as cursor:
            return cursor.execute(sql, {"tenant": self.tenant, **parameters}).fetchone()

    def scalar(self, sql: LiteralString, **parameters: Any) -> Any:
        """First column of the first row, or None."""
        row = self._connection.execute(sql, {"tenant": self.tenant, **parameters}).fetchone()
        return row[0] if row else None

    def insert_many(self, sql: LiteralString, rows: Sequence[dict[str, Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, [{"tenant": self.tenant, **row} for row in rows])


class Database:
    """Asks for its DSN, and opens connections, when the first question is asked: making one does no I/O.

    Raises DatabaseUnavailable where psycopg would raise an error of I/O, ValueUnstorable where a parameter is one that
    no column takes, and whatever `dsn` raises.
    """

    def __init__(self, dsn: Callable[[], str], *, connections: int = 8) -> None:
        self._dsn = dsn
        self._size = connections
        self._lock = Lock()
        self._made: ConnectionPool | None = None

    @contextmanager
    def transaction(self, tenant: uuid.UUID) -> Iterator[Transaction]:
        """Commits when the block ends, rolls back when it raises. Row level security sees this tenant only."""
        with self._connection() as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (str(tenant),))
            yield Transaction(connection, tenant)

    def tenants(self) -> list[Tenant]:
        """Every tenant: the narrow door for sensors and assets, which then open one transaction for each."""
        with self._connection() as connection, connection.cursor(row_factory=class_row(Tenant)) as cursor:
            return cursor.execute("select id, name from all_tenants()").fetchall()

    def tenant_of(self, issuer: str, claim: str) -> uuid.UUID | None:
        with self._connection() as connection:
            row = connection.execute("select tenant_of(%s, %s)", (issuer, claim)).fetchone()
            return row[0] if row else None

    def version(self) -> str:
        """`server_version`, which also proves that the database answers."""
        with self._connection() as connection:
            row = connection.execute("show server_version").fetchone()
            return str(row[0]) if row else "unknown"

    def close(self) -> None:
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self._pool().connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise DatabaseUnavailable(error) from error
        except (psycopg.DataError, UnicodeEncodeError) as error:
            raise ValueUnstorable(error) from error

    def _pool(self) -> ConnectionPool:
        with self._lock:
            if self._made is None:
                self._made = ConnectionPool(
                    self._dsn(),
                    min_size=0,
                    max_size=self._size,
                    open=True,
                    timeout=_CONNECT_SECONDS,
                    reconnect_timeout=_CONNECT_SECONDS,
                    kwargs={"connect_timeout": _CONNECT_SECONDS, "options": _SESSION, "application_name": "atom"},
                    check=ConnectionPool.check_connection,
                )
            return self._made
