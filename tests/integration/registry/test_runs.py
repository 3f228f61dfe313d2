"""The way of a run: asked for, decided on by somebody else, carried out once, recorded for good."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from atom.errors import AtomError
from atom.evidence.errors import EvidenceBroken
from atom.evidence.offline import verify_file
from atom.flow.errors import NotRunnable
from tests.builders import signer
from tests.conftest import DEFAULT_TENANT
from tests.integration.conftest import World
from tests.integration.registry.test_uploads import problem


def test_a_run_waits_for_a_second_person_and_is_then_carried_out(world: World) -> None:
    world.published()
    run = world.request().json()
    assert run["status"] == "pending_approval"
    approved = world.decide(run["id"]).json()
    assert (approved["status"], approved["approved_by"]) == ("queued", "carol")
    done = world.execute(run["id"])
    assert (done.status, done.outcome) == ("succeeded", "resolved")
    shown = world.get(f"/runs/{run['id']}").json()
    assert [s["step_id"] for s in shown["steps"] if s["phase"] == "step"] == ["find", "evidence", "restart"]
    assert shown["cluster"].startswith("simulator:sha256:")
    assert shown["immutable_log_path"].startswith("s3://")
    assert "versionId=" in shown["immutable_log_path"]


def test_nobody_approves_their_own_request_or_package(world: World) -> None:
    world.published()
    run = world.request(by="bob").json()
    problem(world.decide(run["id"], by="bob"), 403, "own-request")
    problem(world.decide(run["id"], by="alice"), 403, "own-package")
    assert world.get(f"/runs/{run['id']}").json()["status"] == "pending_approval"


def test_a_second_decision_is_a_conflict(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])
    problem(world.decide(run["id"]), 409, "not-pending")
    problem(world.decide(run["id"], "reject"), 409, "not-pending")


def test_twenty_approvals_at_once_queue_the_run_once(world: World) -> None:
    world.published()
    run = world.request().json()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: world.decide(run["id"], by=f"approver-{n}").status_code, range(20)))
    assert sorted(answers) == [200] + [409] * 19


def test_a_rejected_run_never_runs(world: World) -> None:
    world.published()
    run = world.request().json()
    assert world.decide(run["id"], "reject", reason="not today").json()["status"] == "rejected"
    with pytest.raises(NotRunnable):
        world.execute(run["id"])


def test_an_approval_of_another_verdict_is_void(world: World) -> None:
    world.published()
    run = world.request().json()
    problem(world.decide(run["id"], verdict_digest="sha256:" + "0" * 64), 409, "approval-void")


def test_the_same_idempotency_key_gives_the_same_run(world: World) -> None:
    world.published()
    first, again = world.request(key="k1").json(), world.request(key="k1").json()
    assert first["id"] == again["id"]
    other = world.request(key="k1", namespace="shop", deployment="web")
    problem(other, 409, "idempotency-key-reused")


def test_unknown_things_are_404(world: World) -> None:
    world.published()
    problem(world.request("no-such-workflow"), 404, "unknown-workflow")
    problem(world.request("restart-unhealthy@9.9.9"), 404, "unknown-workflow")
    problem(world.decide("00000000-0000-7000-8000-00000000dead"), 404, "unknown-run")


def test_a_revoked_version_gets_no_new_run_and_starts_no_old_one(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])
    revoked = world.client.post("/workflows/restart-unhealthy/revoke", headers=world.headers("admin", "tenant-admin"))
    assert revoked.json()["revoked_at"]
    problem(world.request(), 409, "version-revoked")
    with pytest.raises(NotRunnable, match="version-revoked"):
        world.execute(run["id"])
    shown = world.get(f"/runs/{run['id']}").json()
    assert (shown["status"], shown["outcome"]) == ("failed", "refused")


def test_a_run_approved_under_a_key_that_was_revoked_since_does_not_start(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])
    world.client.delete(f"/keys/{signer().name}", headers=world.headers("admin", "tenant-admin"))
    with pytest.raises(NotRunnable, match="key-revoked"):
        world.execute(run["id"])


def test_bad_parameters_are_told_apart(world: World) -> None:
    world.published()
    problem(world.request(namespace="kube-system", deployment="cart"), 400, "parameters-invalid")
    problem(world.request(namespace="shop", deployment="cart", unheard="of"), 400, "parameters-invalid")


def test_a_run_that_arrives_twice_is_carried_out_once(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])

    def attempt(_: int) -> str:
        try:
            return world.execute(run["id"]).status
        except AtomError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, range(6)))
    assert sorted(answers) == ["not-runnable"] * 5 + ["succeeded"]
    writes = [s for s in world.get(f"/runs/{run['id']}").json()["steps"] if s["effect"] != "read"]
    assert len(writes) == 1


def test_a_run_that_does_not_help_is_rolled_back(world: World) -> None:
    world.published("scale-on-latency")
    run = world.request("scale-on-latency", namespace="shop", deployment="payments", targetP95Ms=300).json()
    world.decide(run["id"])
    done = world.execute(run["id"])
    assert (done.status, done.outcome) == ("rolled_back", "rolled_back")
    phases = [(s["phase"], s["step_id"], s["status"]) for s in world.get(f"/runs/{run['id']}").json()["steps"]]
    assert ("compensation", "scale", "compensated") in phases


def test_a_waiting_run_is_cancelled_at_once_and_an_ended_one_not_at_all(world: World) -> None:
    world.published()
    run = world.request().json()
    cancel = world.client.post(f"/runs/{run['id']}/cancel", headers=world.headers("bob", "operator"))
    assert cancel.json()["status"] == "cancelled"
    again = world.client.post(f"/runs/{run['id']}/cancel", headers=world.headers("bob", "operator"))
    problem(again, 409, "not-cancellable")


def test_evidence_is_checked_offline_and_every_flipped_byte_is_found(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])
    world.execute(run["id"])
    answer = world.get(f"/runs/{run['id']}/evidence")
    proof = verify_file(answer.content, public_key=signer().public_pem)
    assert any("resolved" in sentence for sentence in proof.proved)
    evidence = answer.json()
    assert [r["content"]["type"] for r in evidence["records"]] == [
        "run.requested",
        "run.approved",
        "run.started",
        "run.finished",
    ]
    evidence["run"]["outcome"] = "nothing_to_do"
    with pytest.raises(EvidenceBroken, match="final record"):
        verify_file(json.dumps(evidence).encode())
    for part in ("package", "signature", "parameters", "verdict"):
        tampered = json.loads(answer.content)
        where = tampered[part]
        name = next(iter(where))
        key = {"package": "bytes", "signature": "material"}.get(part, name)
        where[key] = where[key][:-8] + "AAAAAAA=" if isinstance(where[key], str) else where[key] + 1
        with pytest.raises(AtomError):
            verify_file(json.dumps(tampered).encode(), public_key=signer().public_pem)


def test_sealed_records_are_under_retention_and_can_not_be_changed(world: World) -> None:
    world.published()
    run = world.request().json()
    world.decide(run["id"])
    world.execute(run["id"])
    path = world.get(f"/runs/{run['id']}").json()["immutable_log_path"]
    key, _, version = path.partition(f"{world.parts.objects.bucket}/")[2].partition("?versionId=")
    assert world.parts.objects.retention(key, version) is not None
    for change in (
        "update audit_log set type = 'x'",
        "update workflow_runs set outcome = 'x'",
        "delete from approvals",
    ):
        with pytest.raises(Exception, match=r"append-only|can not change|never changed|permission denied"):
            _try(world, change)


def _try(world: World, change: str) -> None:
    with world.parts.database.transaction(DEFAULT_TENANT) as tx:
        tx.execute(change)
