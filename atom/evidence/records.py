"""Audit records: canonical bytes, and the chain they form.

A record is RFC 8785 canonical JSON. Its hash is the sha256 of those bytes and goes into the next record of the tenant, so
that no record can be changed, dropped or inserted without changing every later one.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import rfc8785

from atom.store.audit import Event, Sealed

SCHEMA = "audit/v1"
GENESIS = "sha256:" + "0" * 64  # what the first record of a tenant names as the one before it


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def chain(tenant: uuid.UUID, head: Sealed | None, events: Iterable[Event]) -> list[Sealed]:
    """Numbers and links `events`, in the order given, behind `head`."""
    seq, previous = (head.seq, head.record_hash) if head else (0, GENESIS)
    sealed = []
    for event in events:
        seq += 1
        record = rfc8785.dumps(_document(tenant, seq, previous, event))
        hash_ = sha256(record)
        sealed.append(
            Sealed(
                id=event.id,
                seq=seq,
                type=event.type,
                run_id=event.run_id,
                record=record,
                record_hash=hash_,
                prev_record_hash=previous,
                recorded_at=event.recorded_at,
                object_key=f"audit/{tenant}/{seq:012d}-{event.id}.json",
                object_version_id=None,
            )
        )
        previous = hash_
    return sealed


def _document(tenant: uuid.UUID, seq: int, previous: str, event: Event) -> dict[str, Any]:
    head = {
        "schema": SCHEMA,
        "tenant": str(tenant),
        "seq": seq,
        "prevRecordHash": previous,
        "id": str(event.id),
        "type": event.type,
        "runId": str(event.run_id) if event.run_id else None,
        "recordedAt": event.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    body: dict[str, Any] = _canonical(event.body)
    return body | head  # the head wins: no body can pretend to another place in the log


def _canonical(value: Any) -> Any:
    """RFC 8785 has only doubles: a number too large to be read back as it was written becomes its decimal text."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return str(value)
    return value


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
