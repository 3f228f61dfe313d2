"""Anomalies that were found."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class SignalRow:
    id: uuid.UUID
    kind: str
    labels: dict[str, str]
    direction: Literal["up", "down"]
    score: float
    baseline: float
    value: float
    window_start: datetime
    window_end: datetime
    run_ids: list[uuid.UUID]
    dedupe_key: str


def add(tx: Transaction, signal: SignalRow) -> bool:
    """False if the same anomaly was recorded before."""
    return bool(
        tx.execute(
            """
            insert into insight_signals (tenant_id, id, kind, labels, direction, score, baseline, value, window_start,
                                         window_end, run_ids, dedupe_key)
            values (%(tenant)s, %(id)s, %(kind)s, %(labels)s, %(direction)s, %(score)s, %(baseline)s, %(value)s,
                    %(window_start)s, %(window_end)s, %(run_ids)s, %(dedupe_key)s)
            on conflict do nothing
            """,
            **(asdict(signal) | {"labels": Jsonb(signal.labels)}),
        )
    )


def newest(tx: Transaction, *, limit: int) -> list[SignalRow]:
    return tx.all(
        SignalRow,
        """
        select id, kind, labels, direction, score, baseline, value, window_start, window_end, run_ids, dedupe_key
        from insight_signals where tenant_id = %(tenant)s order by detected_at desc, id desc limit %(limit)s
        """,
        limit=limit,
    )
