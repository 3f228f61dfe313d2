"""Worlds that outlive one test, and worlds of two tenants. A test that writes what others would see asks for `world`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from atom.local.issuer import ISSUER, issue_token
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS
from atom.store.database import new_id
from atom.store.objects import Bucket, Objects
from tests.conftest import DEFAULT_TENANT, open_database
from tests.integration.conftest import ALL_ROLES, World, open_registry


@dataclass
class TenantWorld(World):
    """The registry as the people of one tenant meet it."""

    tenant: uuid.UUID = DEFAULT_TENANT
    tenant_name: str = "default"

    def headers(self, subject: str, *roles: str) -> dict[str, str]:
        token = issue_token(self.home, subject, roles or ALL_ROLES, self.tenant_name, 600)
        return {"Authorization": f"Bearer {token}"}

    def finished_run(self, **parameters: str) -> str:
        """The id of a run that was asked for, approved and carried out."""
        self.published()
        run = self.request(**parameters).json()
        self.decide(run["id"])
        self.execute(run["id"])
        return str(run["id"])


@contextmanager
def open_world(postgres: Postgres, seaweedfs: SeaweedFS, database: str, home: Path) -> Iterator[TenantWorld]:
    with open_registry(postgres, seaweedfs, database, home) as (client, parts):
        yield TenantWorld(client, parts, home)


def add_tenant(postgres: Postgres, database: str, name: str) -> uuid.UUID:
    """A second tenant, which the machine's own issuer may speak for."""
    tenant = new_id()
    with psycopg.connect(postgres.dsn("postgres", database)) as connection:
        connection.execute("insert into tenants (id, name) values (%s, %s)", (tenant, name))
        connection.execute("insert into tenant_issuers values (%s, %s, %s)", (ISSUER, name, tenant))
    return tenant


def as_tenant(world: TenantWorld, tenant: uuid.UUID, name: str) -> TenantWorld:
    return TenantWorld(world.client, world.parts, world.home, tenant, name)


@pytest.fixture(scope="module")
def shared_database(postgres: Postgres, template_database: str) -> Iterator[str]:
    """One migrated database for all tests of a module."""
    with open_database(postgres, template_database) as name:
        yield name


@pytest.fixture(scope="module")
def shared_world(
    postgres: Postgres, seaweedfs: SeaweedFS, shared_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TenantWorld]:
    """One registry for all tests of a module."""
    with open_world(postgres, seaweedfs, shared_database, tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def objects(seaweedfs: SeaweedFS) -> Iterator[Objects]:
    made = Objects(lambda: bucket(seaweedfs))
    yield made
    made.close()


def bucket(seaweedfs: SeaweedFS, **other: str) -> Bucket:
    """Where the test server's bucket is; `other` replaces fields."""
    fields = {"name": seaweedfs.bucket, "endpoint": seaweedfs.url, "access_key": seaweedfs.access_key, **other}
    return Bucket(secret_key=SecretStr(seaweedfs.secret_key), **fields)
