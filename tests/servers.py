"""Real servers for integration tests: one of each a session, started when the first test asks.

`conftest.py` imports these fixtures. They share one temporary home and, except that Postgres does not wait for the
disk, run exactly as `atomctl up` runs them. Tests keep apart by database, key prefix, secret path, collection name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atom.local.milvus import Milvus
from atom.local.openbao import OpenBao
from atom.local.ports import Ports
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS

NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def servers_ports(servers_home: Path) -> Ports:
    return Ports(servers_home)


@pytest.fixture(scope="session")
def postgres(servers_home: Path, servers_ports: Ports) -> Iterator[Postgres]:
    """Roles and empty databases `atom` and `dagster`; no tables. `postgres.dsn("postgres", ...)` is the superuser."""
    server = Postgres(servers_home, servers_ports, settings=NOT_DURABLE)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def openbao(servers_home: Path, servers_ports: Ports) -> Iterator[OpenBao]:
    """`openbao.client()` has the root token; `openbao.approle("registry")` what a process logs in with."""
    server = OpenBao(servers_home, servers_ports)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def seaweedfs(servers_home: Path, servers_ports: Ports) -> Iterator[SeaweedFS]:
    """`seaweedfs.client()` is a boto3 client, `seaweedfs.bucket` has Object Lock."""
    server = SeaweedFS(servers_home, servers_ports)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def milvus(servers_home: Path, servers_ports: Ports) -> Iterator[Milvus]:
    """`milvus.url` for pymilvus."""
    server = Milvus(servers_home, servers_ports)
    server.start()
    yield server
    server.stop()
