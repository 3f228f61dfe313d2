"""Which rows train and which test: decided by incident, so that no incident is on both sides."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from atom.dataset.runs import RunFacts

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

INCIDENT_GAP = timedelta(hours=24)
_TRAIN, _VALIDATION = 0.8, 0.9  # upper ends on [0, 1)


def incidents(runs: Sequence[RunFacts]) -> dict[uuid.UUID, str]:
    """The incident of each run, by run id: runs of any workflow on one target of one tenant, no two neighbours more
    than 24 h apart. An incident is named by its first run, so its name holds while that run is exported with it."""
    by_target: dict[object, list[RunFacts]] = defaultdict(list)
    for run in runs:
        by_target[run.tenant_id, run.target].append(run)
    names: dict[uuid.UUID, str] = {}
    for chain in by_target.values():
        chain.sort(key=lambda run: (run.requested_at, run.run_id))
        first = last = chain[0]
        for run in chain:
            if run.requested_at > last.requested_at + INCIDENT_GAP:
                first = run
            last = run
            names[run.run_id] = f"{first.tenant_id}/{first.run_id}"
    return names


def split_of(incident: str) -> Split:
    """80 % train, 10 % validation, 10 % test, by SHA-256 of the (hidden) incident: the same in every version."""
    place = int.from_bytes(hashlib.sha256(f"split/v1:{incident}".encode()).digest()[:8], "big") / 2**64
    return "train" if place < _TRAIN else "validation" if place < _VALIDATION else "test"


def hidden(key: bytes, kind: str, value: str) -> str:
    """A pseudonym, `"hmac:<64 hex>"`: HMAC-SHA256 (RFC 2104) under the dataset's key, apart for each kind of value."""
    return "hmac:" + hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()
