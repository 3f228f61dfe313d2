from __future__ import annotations

from pathlib import Path

import pytest

from atom.local.environment import child_environment, given, save_environment, saved_environment, without_own
from atom.local.plan import _hide
from atom.settings import Settings

DSN = "postgresql://app_rw:hidden@127.0.0.1:5432/atom"


def test_a_shell_that_evaluated_our_environment_configures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"POSTGRES_DSN": DSN, "VAULT_ADDR": "http://127.0.0.1:1", "MILVUS_ENDPOINT": "http://127.0.0.1:2"}
    save_environment(tmp_path, own, Settings())
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    settings = without_own(tmp_path, Settings.from_environment())
    assert settings.postgres_dsn is None
    assert settings.vault_addr is None
    assert settings.milvus_endpoint is None


def test_what_was_configured_stays_configured_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILVUS_ENDPOINT", "http://elsewhere:19530")
    monkeypatch.setenv("AUDIT_RETENTION_DAYS", "30")
    for _start in range(2):
        settings = without_own(tmp_path, Settings.from_environment())
        assert settings.milvus_endpoint == "http://elsewhere:19530"
        assert settings.audit_retention_days == 30
        save_environment(tmp_path, given(settings) | {"POSTGRES_DSN": DSN}, settings)


def test_what_somebody_else_set_stays_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_environment(tmp_path, {"POSTGRES_DSN": DSN}, Settings())
    monkeypatch.setenv("POSTGRES_DSN", "postgresql://elsewhere/atom")
    settings = without_own(tmp_path, Settings.from_environment())
    assert given(settings)["POSTGRES_DSN"] == "postgresql://elsewhere/atom"


def test_the_saved_environment_is_private(tmp_path: Path) -> None:
    save_environment(tmp_path, {"POSTGRES_DSN": DSN}, Settings())
    assert (tmp_path / "environment.json").stat().st_mode & 0o777 == 0o600
    assert saved_environment(tmp_path) == {"POSTGRES_DSN": DSN}
    assert saved_environment(tmp_path / "other") == {}


def test_children_get_the_composed_settings_and_no_stray_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "of something else")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of something else")
    monkeypatch.setenv("UNRELATED", "kept")
    env = child_environment({"VAULT_ADDR": "http://127.0.0.1:1"})
    assert "VAULT_TOKEN" not in env
    assert "AWS_ACCESS_KEY_ID" not in env
    assert env["UNRELATED"] == "kept"
    assert env["VAULT_ADDR"] == "http://127.0.0.1:1"


def test_loopback_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "internal.example")
    env = child_environment({})
    assert env["NO_PROXY"] == "internal.example,127.0.0.1,localhost"


def test_credentials_become_references() -> None:
    plain = {
        "POSTGRES_DSN": DSN,
        "POSTGRES_BACKUP_DSN": "postgresql://backup_ro:hidden@127.0.0.1/atom",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "S3_BUCKET": "atom",
    }
    values, secrets = _hide(plain)
    assert "hidden" not in str(values)
    assert values["DB_DSN_REF"] == "vault://secret/atom/db#dsn"
    assert values["S3_CREDS_REF"] == "vault://secret/atom/s3"
    assert secrets["atom/db"]["dsn"] == DSN
    assert set(secrets["atom/db"]) == {"dsn", "backup_dsn"}
    assert secrets["atom/s3"] == {"access_key": "key", "secret_key": "hidden"}
