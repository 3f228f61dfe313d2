"""Decisions of people on runs."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    id: uuid.UUID
    run_id: uuid.UUID
    decision: Literal["approve", "reject"]
    decided_by: str
    decided_at: datetime
    reason: str | None
    package_digest: str
    parameters_digest: str
    verdict_digest: str


def add(tx: Transaction, approval: ApprovalRow) -> bool:
    """False if this person has decided on this run before."""
    return bool(
        tx.execute(
            """
            insert into approvals (tenant_id, id, run_id, decision, decided_by, reason, package_digest, parameters_digest,
                                   verdict_digest)
            values (%(tenant)s, %(id)s, %(run_id)s, %(decision)s, %(decided_by)s, %(reason)s, %(package_digest)s,
                    %(parameters_digest)s, %(verdict_digest)s)
            on conflict do nothing
            """,
            **asdict(approval),
        )
    )


def of_run(tx: Transaction, run_id: uuid.UUID) -> list[ApprovalRow]:
    return tx.all(
        ApprovalRow,
        """
        select id, run_id, decision, decided_by, decided_at, reason, package_digest, parameters_digest, verdict_digest
        from approvals where tenant_id = %(tenant)s and run_id = %(run_id)s order by decided_at, id
        """,
        run_id=run_id,
    )
