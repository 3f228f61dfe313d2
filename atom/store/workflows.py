"""Packages that were admitted, uploads that were not, and the verdicts on packages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Workflow:
    """A package as the registry keeps it; its bytes are in the object store under `object_key`."""

    id: uuid.UUID
    name: str
    version: str
    digest: str
    title: str
    size: int
    object_key: str
    signer: str
    sig_kind: str
    key_id: str | None
    sig_time: datetime | None
    cosign_blob: bytes
    published_by: str
    received_at: datetime
    revoked_at: datetime | None


_COLUMNS = """id, name, version, digest, title, size, object_key, signer, sig_kind, key_id, sig_time, cosign_blob,
              published_by, received_at, revoked_at"""


def insert(tx: Transaction, workflow: Workflow) -> bool:
    """False if this name and version, or these bytes, are there already."""
    return bool(
        tx.execute(
            """
            insert into workflows (tenant_id, id, name, version, digest, title, size, object_key, signer, sig_kind, key_id,
                                   sig_time, cosign_blob, published_by, received_at)
            values (%(tenant)s, %(id)s, %(name)s, %(version)s, %(digest)s, %(title)s, %(size)s, %(object_key)s, %(signer)s,
                    %(sig_kind)s, %(key_id)s, %(sig_time)s, %(cosign_blob)s, %(published_by)s, %(received_at)s)
            on conflict do nothing
            """,
            id=workflow.id,
            name=workflow.name,
            version=workflow.version,
            digest=workflow.digest,
            title=workflow.title,
            size=workflow.size,
            object_key=workflow.object_key,
            signer=workflow.signer,
            sig_kind=workflow.sig_kind,
            key_id=workflow.key_id,
            sig_time=workflow.sig_time,
            cosign_blob=workflow.cosign_blob,
            published_by=workflow.published_by,
            received_at=workflow.received_at,
        )
    )


def by_id(tx: Transaction, workflow_id: uuid.UUID) -> Workflow | None:
    return tx.first(
        Workflow, f"select {_COLUMNS} from workflows where tenant_id = %(tenant)s and id = %(id)s", id=workflow_id
    )


def by_version(tx: Transaction, name: str, version: str) -> Workflow | None:
    return tx.first(
        Workflow,
        f"select {_COLUMNS} from workflows where tenant_id = %(tenant)s and name = %(name)s and version = %(version)s",
        name=name,
        version=version,
    )


def latest(tx: Transaction, name: str) -> Workflow | None:
    """The newest upload of that name that is not revoked; a revoked one only if there is no other."""
    return tx.first(
        Workflow,
        f"""
        select {_COLUMNS} from workflows where tenant_id = %(tenant)s and name = %(name)s
        order by (revoked_at is null) desc, received_at desc, id desc limit 1
        """,
        name=name,
    )


def page(tx: Transaction, *, limit: int, before: uuid.UUID | None) -> list[Workflow]:
    """Newest first; `before` is the last id of the page before. Ids are UUIDv7, hence in order of arrival."""
    return tx.all(
        Workflow,
        f"""
        select {_COLUMNS} from workflows
        where tenant_id = %(tenant)s and (%(before)s::uuid is null or id < %(before)s)
        order by id desc limit %(limit)s
        """,
        limit=limit,
        before=before,
    )


def revoke(tx: Transaction, workflow_id: uuid.UUID) -> int:
    return tx.execute(
        "update workflows set revoked_at = now() where tenant_id = %(tenant)s and id = %(id)s and revoked_at is null",
        id=workflow_id,
    )
