"""Verdicts, one for each package and ruleset."""

from __future__ import annotations

import uuid
from typing import Any

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


def find(tx: Transaction, package_digest: str, ruleset_digest: str) -> dict[str, Any] | None:
    """Body of the verdict of that ruleset on that package, if it was ever judged."""
    body: dict[str, Any] | None = tx.scalar(
        """
        select body from verdicts
        where tenant_id = %(tenant)s and package_digest = %(package)s and ruleset_digest = %(ruleset)s
        """,
        package=package_digest,
        ruleset=ruleset_digest,
    )
    return body


def by_digest(tx: Transaction, digest: str) -> dict[str, Any] | None:
    """Body of the verdict that a run or an approval was bound to."""
    body: dict[str, Any] | None = tx.scalar(
        "select body from verdicts where tenant_id = %(tenant)s and digest = %(digest)s", digest=digest
    )
    return body


def keep(tx: Transaction, verdict_id: uuid.UUID, digest: str, body: dict[str, Any]) -> None:
    tx.execute(
        """
        insert into verdicts (tenant_id, id, package_digest, ruleset_digest, digest, score, risk, mode, body)
        values (%(tenant)s, %(id)s, %(package)s, %(ruleset)s, %(digest)s, %(score)s, %(risk)s, %(mode)s, %(body)s)
        on conflict do nothing
        """,
        id=verdict_id,
        package=body["package_digest"],
        ruleset=body["ruleset_digest"],
        digest=digest,
        score=body["score"],
        risk=body["risk"],
        mode=body["mode"],
        body=Jsonb(body),
    )
