"""The evidence file of one run: everything an auditor needs to check it without us, in one JSON document."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from atom.store import audit, keys, runs, workflows
from atom.store.audit import Sealed
from atom.store.database import Transaction

SCHEMA = "atom.evidence/v1"


def collect(tx: Transaction, run_id: uuid.UUID, package: bytes, verdict: dict[str, Any] | None) -> dict[str, Any]:
    """Everything about the run that is sealed so far. `package` is the exact bytes that were signed."""
    run = runs.by_id(tx, run_id)
    assert run is not None  # the caller found it
    workflow = workflows.by_id(tx, run.workflow_id)
    assert workflow is not None  # foreign key
    key = next((key for key in keys.every(tx) if key.key_id == workflow.key_id), None)
    return {
        "schema": SCHEMA,
        "run": {
            "id": str(run.id),
            "status": run.status,
            "outcome": run.outcome,
            "immutable_log_path": run.immutable_log_path,
        },
        "package": {
            "name": workflow.name,
            "version": workflow.version,
            "digest": workflow.digest,
            "bytes": base64.b64encode(package).decode(),
        },
        "signature": {
            "signer": workflow.signer,
            "key_id": workflow.key_id,
            "material": base64.b64encode(workflow.cosign_blob).decode(),
            "public_key": key.pem if key else None,
        },
        "parameters": run.parameters,
        "verdict": verdict,
        "records": [_record(sealed) for sealed in audit.of_run(tx, run.id)],
    }


def _record(sealed: Sealed) -> dict[str, Any]:
    """`bytes` is the record exactly as it was hashed."""
    return {
        "seq": sealed.seq,
        "hash": sealed.record_hash,
        "bytes": base64.b64encode(sealed.record).decode(),
        "object_key": sealed.object_key,
        "object_version_id": sealed.object_version_id,
        "content": json.loads(sealed.record),
    }
