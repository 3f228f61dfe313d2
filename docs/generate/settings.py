"""docs/administrator/settings.md: every environment variable, and what happens without it."""

from __future__ import annotations

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from atom.local.components import OTHERS, SERVED
from atom.settings import Settings
from docs.generate.markdown import table

SOURCE = "`atom/settings.py` and `atom/local/components.py`"

_PAGE = """\
# Settings

Atom reads its settings from the environment, once, when a process starts. An empty variable counts as absent. One that
is present and makes no sense is an error that names it. Secrets are never printed.

A setting that names a component is binding: if the component does not answer, that is an error, never a silent
fallback. `atomctl up` and `atomctl doctor` print, for each component, where it comes from.

{settings}

## References

A variable that ends in `_REF` names a secret in Vault instead of holding it: `vault://<mount>/<path>#<field>`, in a
key-value engine of version 2. `S3_CREDS_REF` names a whole secret, without `#<field>`. A reference needs `VAULT_ADDR`
and one of the two logins: `VAULT_TOKEN`, or `VAULT_ROLE_ID` with `VAULT_SECRET_ID`. See
[Vault](../../infra/vault/README.md).

A plain value wins over its reference; only `S3_CREDS_REF` and `COSIGN_KEY_REF` win over plain values.

## Variables of atomctl alone

| variable | what |
| --- | --- |
| `COSIGN_PASSWORD` | Password of the private key, for machines. Without it, `atomctl` asks on the terminal. |
"""

# What the components do not say themselves. A setting without an entry here or there fails the generation.
_WITHOUT = {
    "ATOM_HOME": "`.atom` in the present folder",
    "ATOM_URL": "the running stack of `ATOM_HOME`",
    "ATOM_TOKEN": "on one machine: a token of the stack's own issuer",
    "ATOM_ISSUERS_FILE": "the stack's own issuer; a registry without a stack does not start",
    "ATOM_CLUSTER_SNAPSHOT": "the cluster in `atom/runtime/simulator/demo-cluster.yaml`",
    "POSTGRES_OWNER_DSN": "the stack's own; with `POSTGRES_DSN` set, the schema is left alone",
    "POSTGRES_BACKUP_DSN": "the stack's own, else field `backup_dsn` of the secret that `DB_DSN_REF` names; else no backups",
    "POSTGRES_SANDBOX_DSN": "the stack's own, else field `sandbox_dsn` of that secret; else no trial restores",
    "DB_DSN_REF": "`POSTGRES_DSN`",
    "VAULT_TOKEN": "AppRole login",
    "VAULT_ROLE_ID": "`VAULT_TOKEN`",
    "VAULT_SECRET_ID": "`VAULT_TOKEN`",
    "S3_REGION": "the default",
    "AWS_ACCESS_KEY_ID": "the stack's own, or what boto3 finds",
    "AWS_SECRET_ACCESS_KEY": "the stack's own, or what boto3 finds",
    "S3_CREDS_REF": "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
    "AUDIT_RETENTION_DAYS": "the default",
    "MILVUS_TOKEN": "no login",
    "DATASET_KEY": "a key made once and kept in `ATOM_HOME`; without a stack, no datasets",
    "DATASET_KEY_REF": "`DATASET_KEY`",
    "OPENAI_BASE_URL": "OpenAI's own",
    "DAGSTER_HOME": "`dagster` in `ATOM_HOME`",
}
_BRIEF = {
    "S3_REGION": "Region of the bucket.",
    "AWS_ACCESS_KEY_ID": "Login at the object store.",
    "AWS_SECRET_ACCESS_KEY": "Login at the object store.",
    "MILVUS_TOKEN": "Login at Milvus.",
    "OPENAI_BASE_URL": "Address of the OpenAI-compatible API.",
    "DAGSTER_HOME": "Dagster's own configuration; set it to bring your own storage.",
}


def page() -> str:
    fallbacks = {
        name: component.fallback for component in (*SERVED, *OTHERS) for name in component.setting.split(" or ")
    } | _WITHOUT
    rows = [
        (
            f"`{field.alias}`",
            field.description or _BRIEF[str(field.alias)],
            _default(field),
            fallbacks[str(field.alias)],
        )
        for field in Settings.model_fields.values()
    ]
    return _PAGE.format(settings=table(["variable", "what", "default", "without it"], rows))


def _default(field: FieldInfo) -> str:
    return "" if field.default in (None, PydanticUndefined) else f"`{field.default}`"
