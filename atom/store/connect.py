"""From settings to stores, with every secret that is named by reference fetched from Vault.

Nothing here does I/O or complains before a store is used: what is missing is told by the first call that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from atom.errors import Misconfigured
from atom.settings import Settings
from atom.store.database import Database
from atom.store.errors import SecretMissing
from atom.store.objects import Bucket, Objects
from atom.store.vault import Vault
from atom.store.vectors import Vectors


class SettingMissing(Misconfigured):
    """A component that is needed here is not configured."""

    def __init__(self, what: str, settings: str) -> None:
        super().__init__(
            expected=f"{what} in {settings}",
            found="neither",
            remedy='start the embedded stack (`atomctl up`) and `eval "$(atomctl env)"`, or set it',
        )


@dataclass(frozen=True, slots=True)
class BackupDsns:
    """`dump` reads everything and writes nothing; `sandbox` may create databases, where restores are tried."""

    dump: SecretStr
    sandbox: SecretStr


def connect_database(settings: Settings, vault: Vault | None) -> Database:
    names = "POSTGRES_DSN or DB_DSN_REF"
    return Database(lambda: _secret(settings.postgres_dsn, settings.db_dsn_ref, vault, "a database", names))


def connect_objects(settings: Settings, vault: Vault | None) -> Objects:
    return Objects(lambda: _bucket(settings, vault))


def connect_vectors(settings: Settings) -> Vectors:
    """Raises SettingMissing."""
    if settings.milvus_endpoint is None:
        raise SettingMissing("Milvus", "MILVUS_ENDPOINT")
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else ""
    return Vectors(settings.milvus_endpoint, token)


def dataset_key(settings: Settings, vault: Vault | None) -> bytes:
    """The key that hides tenants and incidents in datasets. Raises SettingMissing."""
    names = "DATASET_KEY or DATASET_KEY_REF"
    return _secret(settings.dataset_key, settings.dataset_key_ref, vault, "the dataset key", names).encode()


def backup_dsns(settings: Settings, vault: Vault | None) -> BackupDsns:
    """Plain settings win; else the fields backup_dsn and sandbox_dsn of the secret that DB_DSN_REF points into."""
    path = settings.db_dsn_ref.partition("#")[0] if settings.db_dsn_ref else None
    names = "POSTGRES_BACKUP_DSN and POSTGRES_SANDBOX_DSN"
    dump = _secret(settings.postgres_backup_dsn, path and f"{path}#backup_dsn", vault, "the backup role's DSN", names)
    sandbox = _secret(
        settings.postgres_sandbox_dsn, path and f"{path}#sandbox_dsn", vault, "the sandbox role's DSN", names
    )
    return BackupDsns(SecretStr(dump), SecretStr(sandbox))


def _secret(given: SecretStr | None, reference: str | None, vault: Vault | None, what: str, names: str) -> str:
    if given is not None:
        return given.get_secret_value()
    if reference is None:
        raise SettingMissing(what, names)
    return _vault(vault, names).read(reference).get_secret_value()


def _bucket(settings: Settings, vault: Vault | None) -> Bucket:
    if settings.s3_bucket is None:
        raise SettingMissing("a bucket", "S3_BUCKET")
    access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
    if settings.s3_creds_ref is not None:
        fields = _vault(vault, "S3_CREDS_REF").read_all(settings.s3_creds_ref)
        if not {"access_key", "secret_key"} <= fields.keys():
            raise SecretMissing(settings.s3_creds_ref, "a secret without access_key and secret_key")
        access_key, secret_key = fields["access_key"].get_secret_value(), fields["secret_key"]
    return Bucket(settings.s3_bucket, settings.s3_endpoint, settings.s3_region, access_key, secret_key)


def _vault(vault: Vault | None, setting: str) -> Vault:
    if vault is None:
        raise SettingMissing("Vault, because a reference is set", f"VAULT_ADDR (beside {setting})")
    return vault
