"""What Atom needs, which setting names it, and what happens where the setting is absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from atom.local import checks
from atom.local.errors import ConfiguredUnreachable
from atom.settings import Settings


class Origin(StrEnum):
    """Where a component comes from."""

    CONFIGURED = "configured"  # by a setting; somebody else runs it
    EMBEDDED = "embedded"  # started by `atomctl up`
    BUILT_IN = "built in"  # part of Atom's own code or wheels
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Component:
    """One need. `otherwise` and `fallback` describe what serves it where no setting does."""

    name: str
    setting: str
    otherwise: Origin
    fallback: str
    address: Callable[[Settings], str | None]
    check: Callable[[Settings], str]

    def configured(self, settings: Settings) -> str | None:
        """Its address without any secret, or None where no setting names it."""
        return self.address(settings)

    def reach(self, settings: Settings) -> str:
        """Its version. Raises ConfiguredUnreachable, whatever the reason: never a silent fallback."""
        try:
            return self.check(settings)
        except Exception as error:
            why = str(error).strip() or type(error).__name__
            raise ConfiguredUnreachable(self.name, self.setting, self.address(settings) or "?", why) from error


def _database(settings: Settings) -> str | None:
    if settings.postgres_dsn is None:
        return settings.db_dsn_ref
    try:
        parts = conninfo_to_dict(settings.postgres_dsn.get_secret_value())
    except ProgrammingError:
        return "(not a connection URI)"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _objects(settings: Settings) -> str | None:
    if settings.s3_endpoint is None and settings.s3_bucket is None and settings.s3_creds_ref is None:
        return None
    return f"{settings.s3_endpoint or 'AWS'} bucket {settings.s3_bucket or '(S3_BUCKET is not set)'}"


def _embedder(settings: Settings) -> str | None:
    if settings.openai_key is not None:
        return settings.openai_base_url or "OpenAI"
    return str(settings.embedding_model_dir) if settings.embedding_model_dir else None


DATABASE = Component(
    "database", "POSTGRES_DSN", Origin.EMBEDDED, "PostgreSQL of this stack", _database, checks.database
)
SECRETS = Component(
    "secrets",
    "VAULT_ADDR",
    Origin.EMBEDDED,
    "OpenBao of this stack",
    lambda settings: settings.vault_addr,
    checks.secret_store,
)
OBJECTS = Component(
    "objects", "S3_ENDPOINT or S3_BUCKET", Origin.EMBEDDED, "SeaweedFS of this stack", _objects, checks.objects
)
VECTORS = Component(
    "vectors",
    "MILVUS_ENDPOINT",
    Origin.EMBEDDED,
    "Milvus Lite of this stack",
    lambda settings: settings.milvus_endpoint,
    checks.vectors,
)
DAGSTER = Component(
    "orchestration",
    "DAGSTER_URL",
    Origin.EMBEDDED,
    "Dagster of this stack",
    lambda settings: settings.dagster_url,
    lambda settings: checks.webserver(settings.dagster_url or ""),
)
CLUSTER = Component(
    "cluster",
    "KUBECONFIG",
    Origin.BUILT_IN,
    "simulator; every record says so",
    lambda settings: str(settings.kubeconfig) if settings.kubeconfig else None,
    checks.cluster,
)
METRICS = Component(
    "metrics",
    "PROM_URL",
    Origin.NONE,
    "triggers and steps that ask Prometheus say that there is none",
    lambda settings: settings.prom_url,
    checks.metrics,
)
EMBEDDER = Component(
    "embedder",
    "OPENAI_KEY or EMBEDDING_MODEL_DIR",
    Origin.BUILT_IN,
    "all-MiniLM-L6-v2 from its wheel, run by onnxruntime",
    _embedder,
    checks.embedder,
)
SIGNING_KEY = Component(
    "signing key",
    "COSIGN_KEY or COSIGN_KEY_REF",
    Origin.NONE,
    "atomctl sign asks for --key",
    lambda settings: settings.cosign_key_ref or settings.cosign_key,
    checks.signing_key,
)
SERVED = (DATABASE, SECRETS, OBJECTS, VECTORS, DAGSTER)  # each by a process, configured or embedded
OTHERS = (CLUSTER, METRICS, EMBEDDER, SIGNING_KEY)
