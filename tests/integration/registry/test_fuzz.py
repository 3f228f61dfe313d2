"""Whatever arrives, the registry answers with a problem that says what to do, and never with a bug of its own."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from atom.store import datasets
from atom.store.database import new_id
from atom.store.datasets import DatasetRow
from atom.trust.keys import load_private_key
from atom.trust.sign import sign_bundle, sign_detached
from tests.builders import PASSWORD, playbook, signer
from tests.conftest import DEFAULT_TENANT
from tests.integration.registry.test_uploads import problem, rows
from tests.integration.worlds import TenantWorld

BOUNDARY = b"b0undary"
bounded = settings(
    deadline=None, database=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
NOT_HERE = {"setting-missing"}  # Milvus and the embedder are not configured in this world


def assert_answered(answer: Any) -> None:
    """Not with a bug: a success, or a problem with its three facts."""
    if answer.status_code < 400:
        return
    assert "application/problem+json" in answer.headers["content-type"], answer.text
    body = answer.json()
    for fact in ("type", "title", "status", "code", "expected", "found", "remedy"):
        assert body[fact], (fact, body)
    assert body["status"] == answer.status_code
    assert answer.status_code < 500 or body["code"] in NOT_HERE, body


@pytest.fixture(scope="module")
def world(shared_world: TenantWorld) -> TenantWorld:
    shared_world.published()
    return shared_world


def admin(world: TenantWorld) -> dict[str, str]:
    return world.headers("mallory")


# Any request that the API's own description allows, and many that it does not.


def test_every_operation_answers_whatever_its_description_allows(world: TenantWorld) -> None:
    world.request()
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.client.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 18
    headers = admin(world)
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @settings(bounded, max_examples=4)
            @given(case=operation.as_strategy(generation_mode=mode))
            def hold(case: schemathesis.Case) -> None:
                assert_answered(case.call(headers=headers))

            try:
                hold()
            except Unsatisfiable:
                assert mode is schemathesis.GenerationMode.NEGATIVE  # nothing about it can be wrong


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["\0", "\ud800", 10**400, 1e308, "a" * 5000, "../../x", "%00", "'; drop table workflows; --"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip
MEMBERS = ("parameters", "name", "pem", "package_pattern", "not_before", "not_after", "reason", "verdict_digest")


@settings(bounded, max_examples=80)
@given(
    path=st.sampled_from(["/workflows/restart-unhealthy/runs", "/keys", "/runs/{run}/approve", "/runs/{run}/reject"]),
    body=st.dictionaries(st.sampled_from(MEMBERS), hostile, max_size=5) | hostile,
    parameters=st.dictionaries(st.sampled_from(["namespace", "deployment", "maxPods", "x"]), hostile) | st.none(),
)
def test_any_json_is_answered(world: TenantWorld, path: str, body: Any, parameters: Any) -> None:
    if parameters is not None and isinstance(body, dict):
        body = body | {"parameters": parameters}
    sent = json.dumps(body).encode()  # NaN, Infinity and lone surrogates too, as anybody may send them
    headers = admin(world) | {"Content-Type": "application/json"}
    assert_answered(world.client.post(path.format(run=uuid.uuid4()), content=sent, headers=headers))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"parameters":' + b"9" * 5000 + b"}", b"null"]
)
def test_what_is_no_json_is_answered(world: TenantWorld, body: bytes) -> None:
    headers = admin(world) | {"Content-Type": "application/json"}
    answer = world.client.post("/workflows/restart-unhealthy/runs", content=body, headers=headers)
    assert answer.status_code == 400
    assert_answered(answer)


@settings(bounded, max_examples=25)
@given(text=st.text(st.characters(codec="utf-8"), max_size=30), key=st.binary(max_size=30))
def test_any_text_in_a_path_or_header_is_answered(world: TenantWorld, text: str, key: bytes) -> None:
    part = quote(text, safe="")
    headers = admin(world)
    for path in (
        f"/workflows/{part}",
        f"/runs/{part}",
        f"/datasets/{part}/{part}",
        f"/runs?status={part}&cursor={part}",
    ):
        assert_answered(world.client.get(path, headers=headers))
    assert_answered(world.client.delete(f"/keys/{part}", headers=headers))
    body = {"parameters": {"namespace": "shop", "deployment": "cart"}}
    headers = headers | {"Idempotency-Key": key}  # type: ignore[dict-item]  # bytes, as they come over the wire
    assert_answered(world.client.post("/workflows/restart-unhealthy/runs", json=body, headers=headers))


@pytest.mark.parametrize("path", ["/", "/nothing", "/workflows/a/b/c", "/runs/", "//", "/docs/x"])
def test_there_is_no_such_page(world: TenantWorld, path: str) -> None:
    answer = world.client.get(path, headers=admin(world), follow_redirects=False)
    assert answer.status_code in (404, 307)
    if answer.status_code == 404:
        problem(answer, 404, "not-found")


def test_a_wrong_method_is_told_and_made_up_ones_do_not_fill_the_metrics(world: TenantWorld) -> None:
    problem(world.client.put("/workflows", headers=admin(world)), 405, "method-not-allowed")
    for n in range(20):
        world.client.request(f"MADEUP{n}", "/healthz")
    assert "MADEUP" not in world.client.get("/metrics").text


def test_a_bug_is_told_without_its_insides(world: TenantWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(world.parts.database, "transaction", crash)
    answer = world.client.get("/workflows", headers=admin(world))
    problem(answer, 500, "bug")
    assert "hunter2" not in answer.text


def test_a_key_with_any_name_can_be_revoked(world: TenantWorld) -> None:
    for name in ("team/a", "a b", "ä", "a?b#c", "a%2Fb"):
        key = signer("slashed")
        assert world.trust(key, name=name).status_code in (201, 409)
    names = [key["name"] for key in world.get("/keys").json()["items"] if key["name"] != signer().name]
    assert names
    for name in names:
        answer = world.client.delete(f"/keys/{quote(name, safe='')}", headers=admin(world))
        assert answer.json()["revoked_at"], answer.text


def test_a_dataset_file_that_is_gone_is_told_before_any_byte(world: TenantWorld) -> None:
    manifest = {"files": [{"path": "a.jsonl"}]}
    row = DatasetRow(new_id(), "2020.01.01.1", "datasets/gone/", 0, manifest, datetime(2020, 1, 1, tzinfo=UTC))
    with world.parts.database.transaction(DEFAULT_TENANT) as tx:
        datasets.publish(tx, row)
    problem(world.get("/datasets/2020.01.01.1/a.jsonl"), 404, "object-missing")
    problem(world.get("/datasets/2020.01.01.1/b.jsonl"), 404, "unknown-dataset")


# Uploads.


def multipart(file: bytes, proof: bytes, field: bytes) -> bytes:
    parts = ((b"file", b"package.wpk.yaml", file), (field, b"proof", proof))
    lines = b""
    for name, filename, data in parts:
        head = b'Content-Disposition: form-data; name="' + name + b'"; filename="' + filename + b'"'
        lines += b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n"
    return lines + b"--" + BOUNDARY + b"--\r\n"


mutations = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat"]), st.integers(0, 2**20), st.binary(min_size=1, max_size=9)
    ),
    min_size=1,
    max_size=3,
)


def mutate(data: bytes, steps: list[tuple[str, int, bytes]]) -> bytes:
    for how, where, what in steps:
        at = where % max(len(data), 1)
        match how:
            case "flip" if data:
                data = data[:at] + bytes([data[at] ^ what[0] or 1]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + len(what) * 7 :]
            case "insert":
                data = data[:at] + what + data[at:]
            case "repeat":
                data = data[:at] + data[at : at + 200] + data[at:]
    return data


@cache
def private_key() -> Any:
    """Decrypted once: that takes a tenth of a second."""
    return load_private_key(signer().private_pem, PASSWORD)


def send(world: TenantWorld, body: bytes) -> Any:
    headers = world.headers("alice", "publisher") | {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"
    }
    return world.client.post("/workflows", content=body, headers=headers)


@settings(bounded, max_examples=60)
@given(
    steps=mutations, where=st.sampled_from(["body", "package", "proof"]), form=st.sampled_from(["bundle", "signature"])
)
def test_a_mutated_upload_gets_in_only_as_the_very_bytes_that_were_signed(
    world: TenantWorld, steps: list[tuple[str, int, bytes]], where: str, form: str
) -> None:
    """The untouched package is there already, so whatever is new in the table should not be."""
    there = rows(world, "workflows")
    data = playbook()
    proof = sign_bundle(data, private_key()) if form == "bundle" else sign_detached(data, private_key())
    match where:
        case "package":
            body = multipart(mutate(data, steps), proof, form.encode())
        case "proof":
            body = multipart(data, mutate(proof, steps), form.encode())
        case _:
            body = mutate(multipart(data, proof, form.encode()), steps)
    answer = send(world, body)
    assert_answered(answer)
    assert rows(world, "workflows") == there
    if answer.status_code < 400:
        assert answer.status_code == 200
        assert answer.json()["digest"] == world.get("/workflows/restart-unhealthy@1.0.0").json()["digest"]


@settings(bounded, max_examples=30)
@given(steps=mutations)
def test_signed_but_mutated_packages_are_parsed_or_refused(
    world: TenantWorld, steps: list[tuple[str, int, bytes]]
) -> None:
    """The signature is good: only the parser and the gate stand between these bytes and the table."""
    data = mutate(playbook(version="7.7.7"), steps)
    answer = world.upload(data, sign_bundle(data, private_key()))
    assert_answered(answer)
    if answer.status_code == 201:
        shown = world.get(f"/workflows/{answer.json()['id']}").json()
        assert shown["digest"] == answer.json()["digest"]


@settings(bounded, max_examples=30)
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(["multipart/form-data", "multipart/form-data; boundary=", "text/x", ""]),
)
def test_what_is_no_upload_is_answered(world: TenantWorld, body: bytes, kind: str) -> None:
    there = rows(world, "workflows")
    answer = world.client.post("/workflows", content=body, headers=admin(world) | {"Content-Type": kind})
    assert answer.status_code == 400
    assert_answered(answer)
    assert rows(world, "workflows") == there
