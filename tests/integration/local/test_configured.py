"""A configured component is used, and one that does not answer is an error that names it: never a silent fallback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from atom.local.components import DATABASE, OBJECTS, SECRETS, VECTORS, Component
from atom.local.errors import ConfiguredUnreachable
from atom.local.milvus import Milvus
from atom.local.openbao import OpenBao
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS
from atom.local.stack import Event, Stack
from atom.settings import Settings

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


@pytest.mark.parametrize(
    ("component", "setting", "values"),
    [
        ("database", "POSTGRES_DSN", {"POSTGRES_DSN": "postgresql://app_rw:hidden@127.0.0.1:9/atom"}),
        ("database", "POSTGRES_DSN", {"POSTGRES_DSN": "nonsense hidden"}),
        ("database", "POSTGRES_DSN", {"DB_DSN_REF": "vault://secret/atom/db#dsn"}),
        ("secrets", "VAULT_ADDR", {"VAULT_ADDR": NOBODY, "VAULT_TOKEN": "hidden"}),
        (
            "objects",
            "S3_ENDPOINT",
            {"S3_ENDPOINT": NOBODY, "S3_BUCKET": "atom", "AWS_ACCESS_KEY_ID": "k"}
            | {"AWS_SECRET_ACCESS_KEY": "hidden"},
        ),
        ("objects", "S3_ENDPOINT", {"S3_ENDPOINT": NOBODY}),
        ("vectors", "MILVUS_ENDPOINT", {"MILVUS_ENDPOINT": NOBODY, "MILVUS_TOKEN": "hidden"}),
        ("orchestration", "DAGSTER_URL", {"DAGSTER_URL": NOBODY}),
        ("metrics", "PROM_URL", {"PROM_URL": NOBODY}),
        ("cluster", "KUBECONFIG", {"KUBECONFIG": "/nowhere/config"}),
        ("embedder", "OPENAI_KEY", {"OPENAI_KEY": "hidden", "OPENAI_BASE_URL": NOBODY}),
        ("embedder", "OPENAI_KEY", {"EMBEDDING_MODEL_DIR": "/nowhere"}),
        ("signing key", "COSIGN_KEY", {"COSIGN_KEY": "/nowhere/cosign.key"}),
    ],
)
def test_an_unreachable_one_stops_the_start_and_is_named(
    home: Path, component: str, setting: str, values: dict[str, str]
) -> None:
    events: list[Event] = []
    with pytest.raises(ConfiguredUnreachable) as caught:
        Stack(home, settings(**values)).start(events.append)
    assert component in caught.value.expected
    assert setting in caught.value.expected
    assert "hidden" not in str(caught.value.as_dict())
    assert not list((home / "run").glob("*.pid")), "nothing was started"


def test_wrong_credentials_are_told_apart_from_silence(
    postgres: Postgres, openbao: OpenBao, seaweedfs: SeaweedFS
) -> None:
    dsn = f"postgresql://app_rw:wrong@127.0.0.1:{postgres.port}/atom"
    keys = {"AWS_ACCESS_KEY_ID": seaweedfs.access_key, "AWS_SECRET_ACCESS_KEY": "wrong"}
    refused: list[tuple[Component, Settings, str]] = [
        (DATABASE, settings(POSTGRES_DSN=dsn), "password"),
        (SECRETS, settings(VAULT_ADDR=openbao.url, VAULT_TOKEN="wrong"), "VAULT_TOKEN"),
        (OBJECTS, settings(S3_ENDPOINT=seaweedfs.url, S3_BUCKET="atom", **keys), "(?i)signature|denied|403"),
    ]
    for component, given, why in refused:
        with pytest.raises(ConfiguredUnreachable) as caught:
            component.reach(given)
        assert re.search(why, caught.value.found), caught.value.found


def test_reachable_ones_tell_their_version(
    postgres: Postgres, openbao: OpenBao, seaweedfs: SeaweedFS, milvus: Milvus
) -> None:
    role = openbao.approle("runtime").environment()
    keys = {"AWS_ACCESS_KEY_ID": seaweedfs.access_key, "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key}
    openbao.put_secret("atom/db", {"dsn": postgres.dsn("app_rw")})
    by_reference = {"DB_DSN_REF": "vault://secret/atom/db#dsn", "VAULT_ADDR": openbao.url, **role}
    reach: list[tuple[Callable[[Settings], str], Settings, str]] = [
        (DATABASE.reach, settings(POSTGRES_DSN=postgres.dsn("app_rw")), "PostgreSQL 1"),
        (DATABASE.reach, settings(**by_reference), "PostgreSQL 1"),
        (SECRETS.reach, settings(VAULT_ADDR=openbao.url, **role), "Vault API 2"),
        (OBJECTS.reach, settings(S3_ENDPOINT=seaweedfs.url, S3_BUCKET=seaweedfs.bucket, **keys), "SeaweedFS 4"),
        (VECTORS.reach, settings(MILVUS_ENDPOINT=milvus.url), "Milvus Lite 3"),
    ]
    for ask, given, version in reach:
        assert ask(given).startswith(version)
