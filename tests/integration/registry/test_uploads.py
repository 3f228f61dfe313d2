"""What comes in, and what does not."""

from __future__ import annotations

import json

import pytest

from registry_api.body import MAX_BODY
from tests.builders import PLAYBOOKS, playbook, signer
from tests.conftest import DEFAULT_TENANT
from tests.integration.conftest import World


def problem(answer, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code, body
    assert body["expected"]
    assert body["found"]
    assert body["remedy"]
    return body


def rows(world: World, table: str) -> int:
    with world.parts.database.transaction(DEFAULT_TENANT) as tx:
        return tx.scalar(f"select count(*) from {table}")


def test_an_unsigned_upload_is_refused_and_quarantined(world: World) -> None:
    world.trust(signer())
    body = problem(world.upload(playbook(), None), 400, "unsigned")
    assert body["quarantine_id"]
    assert rows(world, "quarantined_uploads") == 1
    assert rows(world, "workflows") == 0
    assert "atom_registry_unsigned_upload_attempts_total" in world.client.get("/metrics").text


@pytest.mark.parametrize("form", ["bundle", "detached"])
def test_a_signed_upload_is_stored_with_its_signer(world: World, form: str) -> None:
    key = signer()
    world.trust(key)
    data = playbook()
    proof = key.bundle(data) if form == "bundle" else key.detached(data)
    answer = world.upload(data, proof, field="bundle" if form == "bundle" else "signature")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["signer"] == "release"
    assert body["key_id"].startswith("sha256:")
    assert body["sig_time"] is None
    assert body["verdict"]["risk"] in ("safe", "caution")
    assert world.get(answer.headers["location"]).json()["digest"] == body["digest"]


def test_the_same_bytes_again_change_nothing(world: World) -> None:
    first = world.published()
    again = world.published()
    assert again["id"] == first["id"]
    assert rows(world, "workflows") == 1


def test_other_bytes_under_the_same_version_are_a_conflict(world: World) -> None:
    world.published()
    other = playbook() + b"# one comment more\n"
    problem(world.upload(other, signer().bundle(other)), 409, "version-taken")
    assert rows(world, "workflows") == 1


def test_a_key_that_nobody_trusts_is_refused(world: World) -> None:
    world.trust(signer())
    data = playbook()
    body = problem(world.upload(data, signer("stranger").bundle(data)), 400, "no-trusted-key")
    assert body["quarantine_id"]


def test_bytes_that_were_changed_after_signing_are_refused(world: World) -> None:
    key = signer()
    world.trust(key)
    proof = key.bundle(playbook())
    answer = world.upload(playbook() + b" ", proof)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("digest-mismatch", "signature-mismatch")


def test_a_revoked_key_admits_nothing_more(world: World) -> None:
    key = signer()
    world.trust(key)
    revoked = world.client.delete(f"/keys/{key.name}", headers=world.headers("admin", "tenant-admin"))
    assert revoked.json()["revoked_at"]
    data = playbook()
    answer = world.upload(data, key.bundle(data))
    assert answer.status_code == 400
    assert answer.json()["code"] == "key-revoked"


def test_a_key_signs_only_the_packages_it_may(world: World) -> None:
    key = signer()
    world.trust(key, package_pattern="team-b-*")
    data = playbook()
    assert world.upload(data, key.bundle(data)).json()["code"] == "signer-out-of-scope"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00\x01\x02", None),
        (b"just a sentence", "schema-violation"),
        (b"a: &x [1]\nb: *x\n", "yaml-feature-forbidden"),
        (b"[" * 200, None),
        (b"apiVersion: wpk.atom/v1\nkind: WorkflowPackage\n", "schema-violation"),
        (b"a: 1\na: 2\n", "duplicate-key"),
        (b"", None),
    ],
)
def test_signed_nonsense_is_refused(world: World, data: bytes, code: str | None) -> None:
    key = signer()
    world.trust(key)
    answer = world.upload(data, key.bundle(data))
    assert answer.status_code in (400, 413), answer.text
    if code:
        problem(answer, 400, code)
    assert rows(world, "workflows") == 0


def test_an_oversized_upload_is_cut_off_while_it_streams(world: World) -> None:
    headers = world.headers("alice", "publisher") | {"Content-Type": "multipart/form-data; boundary=x"}

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(MAX_BODY // 65536 + 8):
            yield b"a" * 65536

    problem(world.client.post("/workflows", content=endless(), headers=headers), 413, "body-too-large")
    assert rows(world, "quarantined_uploads") == 0


def test_a_promised_oversized_upload_is_not_even_read(world: World) -> None:
    data = b"a" * (MAX_BODY + 1)
    problem(world.upload(data, None), 413, "body-too-large")


def test_who_may_not_publish_gets_403_and_who_is_nobody_401(world: World) -> None:
    files = {"file": ("p", playbook())}
    assert world.client.post("/workflows", files=files, headers=world.headers("bob", "operator")).status_code == 403
    problem(world.client.post("/workflows", files=files), 401, "token-refused")


def test_lists_come_in_pages(world: World) -> None:
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        world.published(version=version)
    first = world.get("/workflows?limit=2").json()
    rest = world.get(f"/workflows?limit=2&cursor={first['next']}").json()
    assert [w["version"] for w in first["items"] + rest["items"]] == ["1.0.2", "1.0.1", "1.0.0"]
    assert rest["next"] is None


def test_the_unsafe_package_says_why(world: World) -> None:
    unsafe = sorted(p.name.removesuffix(".wpk.yaml") for p in (PLAYBOOKS / "unsafe").glob("*.wpk.yaml"))
    assert unsafe
    for name in unsafe:
        world.published(name)
        verdict = world.client.post(f"/workflows/{name}/dry-run", headers=world.headers("bob", "viewer")).json()
        assert verdict["risk"] == "unsafe", name
        assert verdict["mode"] == "manual"
        assert verdict["score"] >= 70
        assert verdict["issues"] == verdict["findings"] != []
        assert world.request(name).json()["code"] in ("verdict-unsafe", "parameters-invalid")


def test_everything_that_was_decided_is_in_the_outbox(world: World) -> None:
    world.trust(signer())
    world.upload(playbook(), None)
    world.published()
    with world.parts.database.transaction(DEFAULT_TENANT) as tx:
        types = tx.scalar("select json_agg(type order by recorded_at, id)::text from audit_outbox")
    assert json.loads(types) == ["key.added", "upload.refused", "upload.accepted"]
