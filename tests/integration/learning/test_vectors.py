"""Run history by meaning, on a real Milvus Lite: found again, kept apart by tenant, and honest about failure."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pymilvus import MilvusClient

from atom.dataset.embedder import MiniLmEmbedder
from atom.dataset.runs import describe
from atom.local.milvus import Milvus
from atom.store.vectors import (
    VectorCollectionDiffers,
    VectorEndpointRefused,
    VectorQueryRefused,
    VectorRow,
    Vectors,
    VectorsUnavailable,
    text_digest,
)
from tests.unit.dataset.run_facts import ending, facts

NOON = datetime(2026, 10, 3, 12, 0, 0, 123_000, tzinfo=UTC)
MODEL = "minilm-l6@sha256:53aa5117"


@pytest.fixture
def vectors(milvus: Milvus) -> Iterator[Vectors]:
    """An empty collection of its own."""
    name = f"runs_{uuid.uuid4().hex}"
    made = Vectors(milvus.url, collection=name)
    yield made
    made.close()
    client = MilvusClient(milvus.url)
    client.drop_collection(name)
    client.close()


def row(seed: int, outcome: str = "succeeded", model: str = MODEL) -> VectorRow:
    vector = np.random.default_rng(seed).normal(size=384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return VectorRow(uuid.uuid4(), vector, model, "restart-unhealthy", outcome, NOON, f"text {seed}")


def test_a_run_is_found_by_its_meaning(vectors: Vectors) -> None:
    tenant, embedder = uuid.uuid4(), MiniLmEmbedder.bundled()
    runs = [
        facts(1),
        facts(2, status="failed", steps=ending(restart="failed"), error="pods stay in CrashLoopBackOff"),
        facts(3, workflow="scale-on-latency", cause_classes=("traffic-surge",)),
        facts(4, workflow="rotate-certificates", cause_classes=("expired-certificate",)),
    ]
    texts = [describe(run) for run in runs]
    vectors.upsert(
        tenant,
        [
            VectorRow(run.run_id, vector, embedder.model_id, run.workflow, run.status, run.finished_at or NOON, text)
            for run, vector, text in zip(runs, embedder.embed(texts), texts, strict=True)
        ],
    )
    for question, answer in [
        ("certificate has expired", 4),
        ("too much traffic", 3),
        ("pods crash again and again", 2),
    ]:
        hits = vectors.search(tenant, embedder.embed([question])[0], 4, model=embedder.model_id)
        assert hits[0].run_id == uuid.UUID(int=answer), question
        assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)


def test_what_was_written_comes_back_whole(vectors: Vectors) -> None:
    tenant, written = uuid.uuid4(), row(1)
    vectors.upsert(tenant, [written])
    (hit,) = vectors.search(tenant, written.vector, 5, model=MODEL)
    assert hit.similarity == pytest.approx(1, abs=1e-5)
    assert (hit.run_id, hit.workflow, hit.outcome, hit.finished_at, hit.text) == (
        written.run_id, "restart-unhealthy", "succeeded", NOON, "text 1",
    )  # fmt: skip


def test_writing_a_run_again_replaces_it(vectors: Vectors) -> None:
    tenant, first = uuid.uuid4(), row(1)
    assert vectors.upsert(tenant, [first, row(2)]) == 2
    vectors.upsert(tenant, [replace(first, text="better words", outcome="failed")])
    assert vectors.count(tenant) == 2
    assert vectors.search(tenant, first.vector, 1, model=MODEL)[0].text == "better words"


def test_more_than_one_batch_is_written_read_and_forgotten(vectors: Vectors) -> None:
    tenant, rows = uuid.uuid4(), [row(i) for i in range(1_203)]
    vectors.upsert(tenant, rows)
    ids = [r.run_id for r in rows]
    assert vectors.count(tenant) == 1_203
    assert vectors.digests(tenant, ids, model=MODEL) == {r.run_id: text_digest(r.text) for r in rows}
    vectors.delete(tenant, ids[:1_100])
    assert vectors.count(tenant) == 103


def test_tenants_neither_see_nor_touch_each_other(vectors: Vectors) -> None:
    one, other, mine = uuid.uuid4(), uuid.uuid4(), row(1)
    vectors.upsert(one, [mine])
    assert vectors.search(other, mine.vector, 10, model=MODEL) == []
    assert vectors.count(other) == 0
    assert vectors.digests(other, [mine.run_id], model=MODEL) == {}
    vectors.delete(other, [mine.run_id])
    vectors.upsert(other, [replace(row(2), run_id=mine.run_id)])  # another tenant's run id is no way in
    assert [hit.text for hit in vectors.search(one, mine.vector, 10, model=MODEL)] == ["text 1"]
    assert (vectors.count(one), vectors.count(other)) == (1, 1)


def test_outcome_and_model_narrow_the_search(vectors: Vectors) -> None:
    tenant = uuid.uuid4()
    rows = [row(i, outcome="failed" if i % 2 else "succeeded") for i in range(10)]
    vectors.upsert(tenant, [*rows, row(11, model="other@model")])
    hits = vectors.search(tenant, rows[0].vector, 10, "failed", model=MODEL)
    assert {hit.outcome for hit in hits} == {"failed"}
    assert len(hits) == 5
    assert [hit.text for hit in vectors.search(tenant, rows[0].vector, 10, model="other@model")] == ["text 11"]


@pytest.mark.parametrize("word", ['failed" or tenant_id != "', "", "a b", "x" * 200, 'é"', "a\\"])
def test_a_filter_cannot_be_broken_out_of(vectors: Vectors, word: str) -> None:
    with pytest.raises(VectorQueryRefused):
        vectors.search(uuid.uuid4(), row(1).vector, 1, word, model=MODEL)
    with pytest.raises(VectorQueryRefused):
        vectors.search(uuid.uuid4(), row(1).vector, 1, model=word)


@pytest.mark.parametrize(
    ("vector", "limit"),
    [
        (np.zeros(383, np.float32), 1),
        (np.full(384, np.nan, np.float32), 1),
        (np.ones((1, 384), np.float32), 1),
        (np.ones(384, np.float32), 0),
        (np.ones(384, np.float32), 100_000),
    ],
)
def test_senseless_questions_are_refused(vectors: Vectors, vector: np.ndarray, limit: int) -> None:
    with pytest.raises(VectorQueryRefused):
        vectors.search(uuid.uuid4(), vector, limit, model=MODEL)


def test_ensure_can_be_repeated_and_nothing_is_no_error(vectors: Vectors) -> None:
    tenant = uuid.uuid4()
    vectors.ensure()
    vectors.ensure()
    assert vectors.upsert(tenant, []) == 0
    assert vectors.count(tenant) == 0
    vectors.delete(tenant, [])
    assert vectors.search(tenant, row(1).vector, 3, model=MODEL) == []


def test_a_closed_connection_opens_again(vectors: Vectors) -> None:
    tenant = uuid.uuid4()
    vectors.upsert(tenant, [row(1)])
    vectors.close()
    vectors.close()
    assert vectors.count(tenant) == 1


def test_a_collection_of_another_shape_is_not_written_to(milvus: Milvus) -> None:
    name = f"foreign_{uuid.uuid4().hex}"
    client = MilvusClient(milvus.url)
    client.create_collection(name, dimension=8)
    vectors = Vectors(milvus.url, collection=name)
    with pytest.raises(VectorCollectionDiffers, match="tenant_id"):
        vectors.ensure()
    vectors.close()
    client.drop_collection(name)
    client.close()


def test_nobody_listening_is_unavailable_and_the_token_is_not_shown() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        vectors = Vectors(f"http://user:hunter2@127.0.0.1:{free.getsockname()[1]}", token="root:Milvus")
        with pytest.raises(VectorsUnavailable) as caught:
            vectors.count(uuid.uuid4())
    assert "hunter2" not in str(caught.value.as_dict())
    assert "root:Milvus" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    "endpoint", ["", "runs.db", "/tmp/runs.db", "http://x/runs.db", "unix:/run/milvus", "localhost:1"]
)
def test_an_endpoint_that_is_no_server_is_refused(endpoint: str) -> None:
    with pytest.raises(VectorEndpointRefused):
        Vectors(endpoint)


def test_times_survive_to_the_millisecond(vectors: Vectors) -> None:
    tenant, late = uuid.uuid4(), replace(row(1), finished_at=NOON + timedelta(milliseconds=1, microseconds=900))
    vectors.upsert(tenant, [late])
    assert vectors.search(tenant, late.vector, 1, model=MODEL)[0].finished_at == NOON + timedelta(milliseconds=1)
