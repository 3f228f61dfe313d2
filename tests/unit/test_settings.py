"""Settings come from the environment, are checked once, and never show a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from atom.settings import SettingRefused, Settings

ORIGIN = [
    "POSTGRES_DSN", "VAULT_ADDR", "VAULT_TOKEN", "COSIGN_KEY", "PROM_URL", "KUBECONFIG", "MILVUS_ENDPOINT", "OPENAI_KEY",
    "S3_BUCKET", "S3_ENDPOINT", "DAGSTER_HOME",
]  # fmt: skip
SECRETS = {
    "ATOM_TOKEN", "POSTGRES_DSN", "POSTGRES_OWNER_DSN", "POSTGRES_BACKUP_DSN", "POSTGRES_SANDBOX_DSN", "VAULT_TOKEN",
    "VAULT_SECRET_ID", "AWS_SECRET_ACCESS_KEY", "MILVUS_TOKEN", "DATASET_KEY", "OPENAI_KEY",
}  # fmt: skip


def test_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_environment()
    assert settings.postgres_dsn is None
    assert settings.home == Path(".atom")
    assert settings.audit_retention_days == 365


def test_the_names_that_users_expect_are_there() -> None:
    names = {field.alias for field in Settings.model_fields.values()}
    assert set(ORIGIN) - names == set()
    assert all(name and re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in names)


@pytest.mark.parametrize("name", ORIGIN)
def test_each_is_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/some/value")
    field = next(n for n, f in Settings.model_fields.items() if f.alias == name)
    value = getattr(Settings.from_environment(), field)
    assert (value.get_secret_value() if isinstance(value, SecretStr) else str(value)) == "/some/value"


@pytest.mark.parametrize("name", ORIGIN)
def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    field = next(n for n, f in Settings.model_fields.items() if f.alias == name)
    assert getattr(Settings.from_environment(), field) is None


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {f.alias for f in Settings.model_fields.values() if "SecretStr" in str(f.annotation)} == SECRETS
    for name in SECRETS:
        monkeypatch.setenv(name, "hunter2hunter2hunter2hunter2hunter2")
    settings = Settings.from_environment()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1e9x"])
def test_a_setting_that_can_not_be_used_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUDIT_RETENTION_DAYS", value)
    with pytest.raises(SettingRefused) as caught:
        Settings.from_environment()
    assert "AUDIT_RETENTION_DAYS" in caught.value.found
    assert caught.value.__cause__ is None


def test_settings_do_not_change_once_read() -> None:
    settings = Settings.from_environment()
    with pytest.raises(ValidationError):
        settings.s3_bucket = "other"
