"""Every setting of Atom, read once from the environment and checked.

The names are the ones in the documentation (`docs/administrator/settings.md` is generated from this file). A setting
that is present and unusable is an error here; one that is absent leaves the embedded default, which `atomctl up` and
`atomctl doctor` print.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from atom.errors import Misconfigured


class SettingRefused(Misconfigured):
    """A setting cannot be used as it is."""


class Settings(BaseSettings):
    """Immutable; secrets are `SecretStr`, so that printing a Settings never prints one."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True)

    home: Path = Field(Path(".atom"), alias="ATOM_HOME", description="Folder of the embedded stack's whole state.")
    url: str | None = Field(None, alias="ATOM_URL", description="Where the registry answers; what atomctl talks to.")
    token: SecretStr | None = Field(None, alias="ATOM_TOKEN", description="Bearer token of atomctl's requests.")
    issuers_file: Path | None = Field(
        None, alias="ATOM_ISSUERS_FILE", description="JSON file of token issuers: {issuer URL: {JWKS}}."
    )
    cluster_snapshot: Path | None = Field(
        None, alias="ATOM_CLUSTER_SNAPSHOT", description="YAML cluster that the simulator starts every run from."
    )

    postgres_dsn: SecretStr | None = Field(None, alias="POSTGRES_DSN", description="Database, as role app_rw.")
    postgres_owner_dsn: SecretStr | None = Field(
        None, alias="POSTGRES_OWNER_DSN", description="Database, as the owner: migrations only."
    )
    postgres_backup_dsn: SecretStr | None = Field(
        None, alias="POSTGRES_BACKUP_DSN", description="Database, as role backup_ro: dumps only."
    )
    postgres_sandbox_dsn: SecretStr | None = Field(
        None, alias="POSTGRES_SANDBOX_DSN", description="A role that may create databases: where restores are tried."
    )
    db_dsn_ref: str | None = Field(None, alias="DB_DSN_REF", description="Vault reference that gives POSTGRES_DSN.")

    vault_addr: str | None = Field(None, alias="VAULT_ADDR", description="Vault or OpenBao.")
    vault_token: SecretStr | None = Field(None, alias="VAULT_TOKEN", description="Vault token (development).")
    vault_role_id: str | None = Field(None, alias="VAULT_ROLE_ID", description="AppRole role id.")
    vault_secret_id: SecretStr | None = Field(None, alias="VAULT_SECRET_ID", description="AppRole secret id.")

    cosign_key: str | None = Field(None, alias="COSIGN_KEY", description="Private key file that atomctl signs with.")
    cosign_key_ref: str | None = Field(None, alias="COSIGN_KEY_REF", description="Vault reference to that key.")

    s3_endpoint: str | None = Field(None, alias="S3_ENDPOINT", description="S3 or MinIO; absent: AWS's own.")
    s3_bucket: str | None = Field(None, alias="S3_BUCKET", description="Bucket with Object Lock.")
    s3_region: str = Field("us-east-1", alias="S3_REGION")
    s3_access_key: str | None = Field(None, alias="AWS_ACCESS_KEY_ID")
    s3_secret_key: SecretStr | None = Field(None, alias="AWS_SECRET_ACCESS_KEY")
    s3_creds_ref: str | None = Field(
        None, alias="S3_CREDS_REF", description="Vault reference to a secret with access_key and secret_key."
    )
    audit_retention_days: int = Field(
        365, alias="AUDIT_RETENTION_DAYS", ge=1, description="COMPLIANCE retention of audit objects."
    )

    milvus_endpoint: str | None = Field(None, alias="MILVUS_ENDPOINT", description="Milvus.")
    milvus_token: SecretStr | None = Field(None, alias="MILVUS_TOKEN")
    prom_url: str | None = Field(
        None, alias="PROM_URL", description="Prometheus, for triggers and prom.query on clusters."
    )
    kubeconfig: Path | None = Field(
        None, alias="KUBECONFIG", description="Cluster that runs act on; absent: simulator."
    )

    dataset_key: SecretStr | None = Field(
        None, alias="DATASET_KEY", description="Hides tenants and incidents in datasets (HMAC-SHA256), ≥ 32 characters."
    )
    dataset_key_ref: str | None = Field(None, alias="DATASET_KEY_REF", description="Vault reference to that key.")

    openai_key: SecretStr | None = Field(
        None, alias="OPENAI_KEY", description="Embeddings by an OpenAI-compatible API."
    )
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL")
    embedding_model_dir: Path | None = Field(
        None, alias="EMBEDDING_MODEL_DIR", description="Folder with model.safetensors and tokenizer.json (MiniLM-L6)."
    )

    dagster_home: Path | None = Field(None, alias="DAGSTER_HOME")
    dagster_url: str | None = Field(None, alias="DAGSTER_URL", description="Dagster webserver: pushed runs, links.")

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingRefused naming every setting that cannot be used. Empty variables count as absent."""
        try:
            return cls(_env_ignore_empty=True)
        except ValidationError as error:
            wrong = "; ".join(
                f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False, include_url=False)
            )
            raise SettingRefused(
                expected="settings as in docs/administrator/settings.md", found=wrong, remedy="correct the environment"
            ) from None
