"""Run history by meaning: one vector a run in Milvus, every question confined to one tenant.

Milvus is an index, not a record: everything in it can be made again from Postgres.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from atom.errors import Conflict, InvalidInput, Misconfigured, Unavailable

if TYPE_CHECKING:  # at run time where it is used: pymilvus brings pandas along, 0.6 s that only a search should pay
    from pymilvus import MilvusClient

DIMENSION = 384
_COLLECTION = "run_history"
_PARTITIONS = 16  # tenants share them by hash; the filter on tenant_id is what separates tenants
_BATCH = 500  # rows a request: about 1.5 MB
_MOST_HITS = 1_000
_SECONDS = 20.0  # every call
_WORD = re.compile(r"[\w.@:/-]{1,128}", re.ASCII)  # what may stand between quotes in a filter
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_FIELDS = {"workflow": 128, "outcome": 32, "model": 128, "text_digest": 71, "text": 8_192}  # name -> bytes
_FIELDS = {"id", "tenant_id", "vector", "finished_at", *_TEXT_FIELDS}

# Without it a new connection inherits the waiting time after failures of the one before.
_GRPC = {"grpc.use_local_subchannel_pool": 1}

T = TypeVar("T")


class VectorsUnavailable(Unavailable):
    """Milvus did not answer, or could not do what it was asked."""

    def __init__(self, address: str, doing: str, cause: str) -> None:
        super().__init__(
            expected=f"Milvus at {address} to {doing}",
            found=cause,
            remedy="see `atomctl doctor`; the vectors can be made again from run history at any time",
        )


class VectorEndpointRefused(Misconfigured):
    """MILVUS_ENDPOINT is not the address of a server."""

    def __init__(self) -> None:  # the endpoint is not repeated: it may hold a password
        super().__init__(
            expected="an address such as http://127.0.0.1:19530",
            found="something else in MILVUS_ENDPOINT",
            remedy="give scheme (http, https or tcp), host and port",
        )


class VectorCollectionDiffers(Conflict):
    """Milvus has a collection of this name with other fields."""

    def __init__(self, name: str, found: set[str]) -> None:
        super().__init__(
            expected=f"collection {name} with fields {', '.join(sorted(_FIELDS))}",
            found=", ".join(sorted(found)),
            remedy="drop or rename the collection: it is filled again from run history",
        )


class VectorQueryRefused(InvalidInput):
    """A question to the vector index is not well formed."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected=expected, found=found, remedy="correct the request")


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One run's description and its vector: float32 (384,), made by `model`."""

    run_id: uuid.UUID
    vector: NDArray[np.float32]
    model: str
    workflow: str
    outcome: str
    finished_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A run that is like the question; `similarity` is the cosine, -1 to 1."""

    run_id: uuid.UUID
    similarity: float
    workflow: str
    outcome: str
    finished_at: datetime
    text: str


class Vectors:
    """The collection `run_history`. Connects when first asked; every call takes at most 20 s.

    Every method raises VectorsUnavailable if Milvus fails; the next call connects anew.
    """

    def __init__(self, endpoint: str, token: str = "", *, collection: str = _COLLECTION) -> None:
        """Raises VectorEndpointRefused. (pymilvus would start a server of its own for a path that ends in .db.)"""
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https", "tcp") or not parts.hostname or endpoint.endswith(".db"):
            raise VectorEndpointRefused
        self._endpoint = endpoint
        self._address = parts.netloc.rpartition("@")[2]
        self._token = token
        self._collection = collection
        self._client: MilvusClient | None = None
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Create and load the collection if need be, as every first call does. Raises VectorCollectionDiffers."""
        self._call("prepare its collection", lambda client: None)

    def upsert(self, tenant_id: uuid.UUID, rows: Sequence[VectorRow]) -> int:
        """Write the rows, replacing those of the same runs; how many. Batches before a failure stay written."""

        def write(client: MilvusClient) -> None:
            for batch in _batches(rows, _BATCH):
                client.upsert(self._collection, [_entity(tenant_id, row) for row in batch], timeout=_SECONDS)

        self._call("write vectors", write)
        return len(rows)

    def search(
        self,
        tenant_id: uuid.UUID,
        vector: NDArray[np.float32],
        limit: int,
        outcome: str | None = None,
        *,
        model: str,
    ) -> list[Hit]:
        """The tenant's runs nearest to `vector`, best first, among those embedded by the same `model`.

        Raises VectorQueryRefused.
        """
        _check_vector(vector)
        if not 1 <= limit <= _MOST_HITS:
            raise VectorQueryRefused(f"a limit from 1 to {_MOST_HITS}", str(limit))
        where = f"{_tenant(tenant_id)} and model == {_quoted(model)}"
        if outcome is not None:
            where += f" and outcome == {_quoted(outcome)}"
        found = self._call(
            "search",
            lambda client: client.search(
                self._collection,
                data=[vector.tolist()],
                filter=where,
                limit=limit,
                output_fields=["workflow", "outcome", "finished_at", "text"],
                anns_field="vector",
                search_params={"metric_type": "COSINE"},
                timeout=_SECONDS,
            ),
        )
        return [_hit(item["id"], item["distance"], item["entity"]) for item in found[0]]

    def digests(self, tenant_id: uuid.UUID, run_ids: Sequence[uuid.UUID], *, model: str) -> dict[uuid.UUID, str]:
        """Text digest of those runs that have a vector by `model`: what need not be embedded again."""
        known: dict[uuid.UUID, str] = {}
        for batch in _batches(run_ids, _BATCH):
            where = f"{_among(tenant_id, batch)} and model == {_quoted(model)}"
            rows = self._query(where, ["id", "text_digest"])
            known |= {_run_id(row["id"]): row["text_digest"] for row in rows}
        return known

    def count(self, tenant_id: uuid.UUID) -> int:
        """How many of the tenant's runs have a vector."""
        return int(self._query(_tenant(tenant_id), ["count(*)"])[0]["count(*)"])

    def delete(self, tenant_id: uuid.UUID, run_ids: Sequence[uuid.UUID]) -> None:
        """Forget those runs, as far as they are the tenant's."""

        def forget(client: MilvusClient) -> None:
            for batch in _batches(run_ids, _BATCH):
                where = _among(tenant_id, batch)
                client.delete(self._collection, filter=where, timeout=_SECONDS)

        self._call("delete vectors", forget)

    def close(self) -> None:
        """Let go of the connection; a later call makes a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _prepare(self, client: MilvusClient) -> None:
        from pymilvus.exceptions import MilvusException

        if not client.has_collection(self._collection, timeout=_SECONDS):
            try:
                self._create(client)
            except MilvusException:  # somebody else may have been quicker
                if not client.has_collection(self._collection, timeout=_SECONDS):
                    raise
        client.load_collection(self._collection, timeout=_SECONDS)  # Milvus Lite forgets that over a restart
        fields = client.describe_collection(self._collection, timeout=_SECONDS)["fields"]
        if (found := {field["name"] for field in fields}) != _FIELDS:
            raise VectorCollectionDiffers(self._collection, found)

    def _create(self, client: MilvusClient) -> None:
        from pymilvus import DataType

        schema = client.create_schema(enable_dynamic_field=False)
        # The primary key is unique across tenants: with the tenant in it, no upsert can replace another tenant's row.
        schema.add_field("id", DataType.VARCHAR, max_length=73, is_primary=True)
        schema.add_field("tenant_id", DataType.VARCHAR, max_length=36, is_partition_key=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
        schema.add_field("finished_at", DataType.INT64)  # milliseconds since 1970
        for name, length in _TEXT_FIELDS.items():
            schema.add_field(name, DataType.VARCHAR, max_length=length)
        index = client.prepare_index_params()
        index.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
        client.create_collection(
            self._collection,
            schema=schema,
            index_params=index,
            num_partitions=_PARTITIONS,
            consistency_level="Strong",  # what was written is found
            timeout=_SECONDS,
        )

    def _query(self, where: str, fields: list[str]) -> list[dict[str, Any]]:
        return self._call(
            "read its collection",
            lambda client: list(client.query(self._collection, filter=where, output_fields=fields, timeout=_SECONDS)),
        )

    def _call(self, doing: str, ask: Callable[[MilvusClient], T]) -> T:
        """Ask, and once more over a new connection if the old one failed: the server may have been restarted.

        Everything asked here can be repeated: writes replace, deletes forget.
        """
        from pymilvus.exceptions import MilvusException

        reused = self._client is not None
        try:
            try:
                return ask(self._connected())
            except MilvusException:
                self.close()
                if not reused:
                    raise
                return ask(self._connected())
        except MilvusException as error:
            self.close()
            lines = (error.message or type(error).__name__).splitlines()
            cause = lines[0].replace(self._token, "***") if self._token else lines[0]
            raise VectorsUnavailable(self._address, doing, cause) from None

    def _connected(self) -> MilvusClient:
        from pymilvus import MilvusClient

        with self._lock:
            if self._client is None:
                # Every failure is raised as VectorsUnavailable; pymilvus would print its stack as well.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
                client = MilvusClient(
                    self._endpoint, token=self._token, timeout=_SECONDS / 2, grpc_options=_GRPC, dedicated=True
                )
                try:
                    self._prepare(client)
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client


def text_digest(text: str) -> str:
    """The digest that a row's text is known by."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _entity(tenant_id: uuid.UUID, row: VectorRow) -> dict[str, Any]:
    _check_vector(row.vector)
    return {
        "id": _key(tenant_id, row.run_id),
        "tenant_id": str(tenant_id),
        "vector": row.vector.tolist(),
        "finished_at": (row.finished_at - _EPOCH) // timedelta(milliseconds=1),
        "workflow": row.workflow,
        "outcome": row.outcome,
        "model": row.model,
        "text_digest": text_digest(row.text),
        "text": row.text,
    }


def _hit(key: str, similarity: float, entity: dict[str, Any]) -> Hit:
    return Hit(
        run_id=_run_id(key),
        similarity=float(similarity),
        workflow=entity["workflow"],
        outcome=entity["outcome"],
        finished_at=_EPOCH + timedelta(milliseconds=entity["finished_at"]),
        text=entity["text"],
    )


def _check_vector(vector: NDArray[np.float32]) -> None:
    if vector.shape != (DIMENSION,) or not np.isfinite(vector).all():
        raise VectorQueryRefused(f"a vector of {DIMENSION} finite numbers", f"shape {vector.shape}")


def _tenant(tenant_id: uuid.UUID) -> str:
    return f'tenant_id == "{tenant_id}"'


def _among(tenant_id: uuid.UUID, run_ids: Sequence[uuid.UUID]) -> str:
    keys = ", ".join(f'"{_key(tenant_id, run_id)}"' for run_id in run_ids)
    return f"{_tenant(tenant_id)} and id in [{keys}]"


def _key(tenant_id: uuid.UUID, run_id: uuid.UUID) -> str:
    return f"{tenant_id}/{run_id}"


def _run_id(key: str) -> uuid.UUID:
    return uuid.UUID(key.partition("/")[2])


def _quoted(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise VectorQueryRefused("letters, digits and _ . @ : / -", repr(word[:64]))
    return f'"{word}"'


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
