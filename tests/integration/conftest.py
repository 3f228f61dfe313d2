"""The registry over its real database and object store, called in process through ASGI."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from atom.flow.execution import Attempt
from atom.flow.parts import Parts
from atom.local.issuer import ensure_issuer, issue_token
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS
from atom.settings import Settings
from atom.store.runs import Run
from registry_api.app import create_app
from registry_api.services import Services
from tests.builders import Signer, playbook, signer
from tests.conftest import DEFAULT_TENANT

ALL_ROLES = ("publisher", "operator", "approver", "auditor", "tenant-admin")


@dataclass
class World:
    """A registry, and people who talk to it."""

    client: TestClient
    parts: Parts
    home: Path

    def headers(self, subject: str, *roles: str) -> dict[str, str]:
        token = issue_token(self.home, subject, roles or ALL_ROLES, "default", 600)
        return {"Authorization": f"Bearer {token}"}

    def trust(self, key: Signer, **more: Any) -> httpx.Response:
        body = {"name": key.name, "pem": key.public_pem, **more}
        return self.client.post("/keys", json=body, headers=self.headers("admin", "tenant-admin"))

    def upload(
        self, data: bytes, material: bytes | None, *, field: str = "bundle", by: str = "alice"
    ) -> httpx.Response:
        files = {"file": ("package.wpk.yaml", data)} | ({field: ("proof", material)} if material is not None else {})
        return self.client.post("/workflows", files=files, headers=self.headers(by, "publisher"))

    def published(self, name: str = "restart-unhealthy", *, version: str | None = None) -> dict[str, Any]:
        """A trusted key, and a package signed by it."""
        key = signer()
        self.trust(key)
        data = playbook(name, version=version)
        answer = self.upload(data, key.bundle(data))
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def request(
        self, workflow: str = "restart-unhealthy", *, by: str = "bob", key: str | None = None, **parameters: Any
    ):
        headers = self.headers(by, "operator") | ({"Idempotency-Key": key} if key else {})
        given = parameters or {"namespace": "shop", "deployment": "cart"}
        return self.client.post(f"/workflows/{workflow}/runs", json={"parameters": given}, headers=headers)

    def decide(self, run_id: str, what: str = "approve", *, by: str = "carol", **body: Any) -> httpx.Response:
        return self.client.post(f"/runs/{run_id}/{what}", json=body or None, headers=self.headers(by, "approver"))

    def get(self, path: str, *, by: str = "dora") -> httpx.Response:
        return self.client.get(path, headers=self.headers(by, "viewer"))

    def execute(self, run_id: str, *, attempt: int = 1) -> Run:
        """What the Dagster job does, without Dagster."""
        one = Attempt(DEFAULT_TENANT, uuid.UUID(run_id), attempt, "test-worker")
        return self.parts.execution.run(one, "dagster-run")


@contextmanager
def open_registry(
    postgres: Postgres, seaweedfs: SeaweedFS, database: str, home: Path
) -> Iterator[tuple[TestClient, Parts]]:
    """The registry over one database, and the parts it is made of."""
    settings = Settings.model_validate(
        {
            "POSTGRES_DSN": postgres.dsn("app_rw", database),
            "S3_ENDPOINT": seaweedfs.url,
            "S3_BUCKET": seaweedfs.bucket,
            "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
            "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
            "ATOM_ISSUERS_FILE": ensure_issuer(home),
            "DATASET_KEY": "k" * 32,
            "AUDIT_RETENTION_DAYS": 1,
        }
    )
    services = Services.from_settings(settings)
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield client, services.parts


@pytest.fixture
def world(postgres: Postgres, seaweedfs: SeaweedFS, database_name: str, tmp_path: Path) -> Iterator[World]:
    with open_registry(postgres, seaweedfs, database_name, tmp_path) as (client, parts):
        yield World(client, parts, tmp_path)
