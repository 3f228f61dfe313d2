"""What is made of run history: vectors to search it by, datasets to train on, signals to act on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atom.dataset.embedder import Embedder
from atom.dataset.export import Export, export
from atom.dataset.labels import is_finished
from atom.dataset.rows import build_rows
from atom.dataset.runs import RunFacts, describe
from atom.flow.history import runs_between
from atom.flow.packages import Packages
from atom.insight.signals import Signal, signals_from_runs
from atom.store import audit, datasets, signals
from atom.store.database import Database, Tenant, new_id
from atom.store.datasets import DatasetRow
from atom.store.errors import ObjectMissing
from atom.store.objects import Objects
from atom.store.signals import SignalRow
from atom.store.vectors import Hit, VectorRow, Vectors, text_digest

_EMBED_BATCH = 64


@dataclass(frozen=True, slots=True)
class Embedded:
    """`new` texts were embedded; the others had a vector already, or share their words with one that did."""

    runs: int
    new: int


@dataclass(frozen=True, slots=True)
class Published:
    version: str
    object_prefix: str
    made: Export


class Learning:
    """Slow parts are given as functions and made when first needed: a registry that never searches loads no model."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        catalogue: Packages,
        *,
        vectors: Callable[[], Vectors],
        embedder: Callable[[], Embedder],
        key: Callable[[], bytes],
    ) -> None:
        self._database = database
        self._objects = objects
        self._packages = catalogue
        self._vectors = vectors
        self._embedder = embedder
        self._key = key

    def tenants(self) -> list[Tenant]:
        return self._database.tenants()

    def history(self, tenant: uuid.UUID, *, days: int) -> list[RunFacts]:
        """Runs that were asked for in the last `days`, oldest first, unfinished ones too."""
        now = datetime.now(UTC)
        return runs_between(self._database, self._packages, tenant, now - timedelta(days=days), now)

    def embed(self, tenant: uuid.UUID, facts: Sequence[RunFacts], *, progress: Callable[[str], object]) -> Embedded:
        """Gives every finished run a vector. Runs whose words have not changed keep theirs; equal words are embedded once."""
        embedder, vectors = self._embedder(), self._vectors()
        finished = [fact for fact in facts if is_finished(fact)]
        texts = {fact.run_id: describe(fact) for fact in finished}
        known = vectors.digests(tenant, list(texts), model=embedder.model_id)
        waiting = [fact for fact in finished if known.get(fact.run_id) != text_digest(texts[fact.run_id])]
        unique = sorted({texts[fact.run_id] for fact in waiting})
        by_text: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(unique), _EMBED_BATCH):
            batch = unique[start : start + _EMBED_BATCH]
            by_text |= dict(zip(batch, embedder.embed(batch), strict=True))
            progress(f"embedded {start + len(batch)} of {len(unique)} texts")
        rows = [
            VectorRow(
                run_id=fact.run_id,
                vector=by_text[texts[fact.run_id]],
                model=embedder.model_id,
                workflow=fact.workflow,
                outcome=fact.outcome or fact.status,
                finished_at=fact.finished_at or fact.requested_at,
                text=texts[fact.run_id],
            )
            for fact in waiting
        ]
        vectors.upsert(tenant, rows)
        return Embedded(runs=len(finished), new=len(unique))

    def search(self, tenant: uuid.UUID, text: str, *, limit: int, outcome: str | None = None) -> list[Hit]:
        """The tenant's runs that read most like `text`, best first."""
        embedder = self._embedder()
        vector = embedder.embed([text])[0]
        return self._vectors().search(tenant, vector, limit, outcome, model=embedder.model_id)

    def publish(self, tenant: uuid.UUID, facts: Sequence[RunFacts]) -> Published:
        """A new, immutable version of the tenant's dataset: files first, then the row that makes them known."""
        now = datetime.now(UTC)
        with self._database.transaction(tenant) as tx:
            taken = {row.version for row in datasets.newest(tx, limit=1000)}
        version = next(v for n in range(1, 10_000) if (v := f"{now:%Y.%m.%d}.{n}") not in taken)
        made = export(build_rows(facts, hmac_key=self._key(), version=version, observed_until=now))
        dataset_id = new_id()
        prefix = f"datasets/{tenant}/{version}-{dataset_id}/"
        for path, data in made.files.items():
            self._objects.put(prefix + path, data)
        row = DatasetRow(dataset_id, version, prefix, sum(made.rows.values()), made.manifest, now)
        with self._database.transaction(tenant) as tx:
            datasets.publish(tx, row)
            audit.record(tx, "dataset.published", {"by": "atom", "version": version, "rows": row.row_count})
        return Published(version, prefix, made)

    def detect(self, tenant: uuid.UUID, facts: Sequence[RunFacts]) -> tuple[list[Signal], int]:
        """Anomalies in the history, and how many of them are new."""
        found = signals_from_runs(facts, datetime.now(UTC))
        with self._database.transaction(tenant) as tx:
            new = sum(signals.add(tx, _row(signal)) for signal in found)
        return found, new

    def signals(self, tenant: uuid.UUID, *, limit: int = 200) -> list[SignalRow]:
        """Newest first."""
        with self._database.transaction(tenant) as tx:
            return signals.newest(tx, limit=limit)

    def published_lines(self, tenant: uuid.UUID, version: str) -> Iterator[bytes]:
        """Every JSON line of a published version, read back from the object store.

        Raises ObjectDiffers if a file does not have the hash that the manifest says, ObjectMissing.
        """
        with self._database.transaction(tenant) as tx:
            row = datasets.by_version(tx, version)
        if row is None:
            raise ObjectMissing(f"datasets/{tenant}/{version}")
        for file in row.manifest["files"]:
            if file["path"].endswith(".jsonl"):
                yield from self._objects.get_exactly(row.object_prefix + file["path"], file["sha256"]).splitlines()


def _row(signal: Signal) -> SignalRow:
    fields: dict[str, Any] = asdict(signal)
    fields |= {"id": new_id(), "labels": dict(signal.labels), "run_ids": list(signal.run_ids)}
    return SignalRow(**fields)
