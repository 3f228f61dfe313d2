"""Fixtures shared by all tests. Servers are real (tests/servers.py); each test that asks gets a database of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

import migrations
from atom.local.postgres import Postgres
from atom.store.database import Database
from tests.servers import milvus, openbao, postgres, seaweedfs, servers_home, servers_ports

pytest_plugins = ["tests.skips"]
__all__ = ["milvus", "openbao", "postgres", "seaweedfs", "servers_home", "servers_ports"]

DEFAULT_TENANT = uuid.UUID("00000000-0000-7000-8000-000000000001")
_TEMPLATE = "atom_template"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own stack must not leak into tests."""
    from atom.settings import Settings

    for field in Settings.model_fields.values():
        if field.alias in os.environ:
            monkeypatch.delenv(field.alias)


@pytest.fixture(scope="session")
def template_database(postgres: Postgres) -> str:
    """A migrated database that is only ever copied."""
    with psycopg.connect(postgres.dsn("postgres", "postgres"), autocommit=True) as server:
        server.execute(sql.SQL("create database {} owner atom_owner").format(sql.Identifier(_TEMPLATE)))
    migrations.apply(postgres.dsn("atom_owner", _TEMPLATE))
    return _TEMPLATE


@contextmanager
def open_database(postgres: Postgres, template: str) -> Iterator[str]:
    """The name of a fresh copy of `template`, dropped in the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn("postgres", "postgres"), autocommit=True) as server:
        made = sql.SQL("create database {} template {} owner atom_owner strategy file_copy")
        server.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield name
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database_name(postgres: Postgres, template_database: str) -> Iterator[str]:
    """A fresh, migrated database; dropped afterwards."""
    with open_database(postgres, template_database) as name:
        yield name


@pytest.fixture
def database(postgres: Postgres, database_name: str) -> Iterator[Database]:
    """As the application sees it: role app_rw, bound by row level security."""
    made = Database(lambda: postgres.dsn("app_rw", database_name))
    yield made
    made.close()
