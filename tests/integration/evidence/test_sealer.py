"""Whatever was decided is sealed once, in order, where nobody takes it back; whoever dies on the way loses nothing."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from psycopg.types.json import Jsonb

from atom.evidence.records import GENESIS
from atom.evidence.sealer import FINAL_RECORD, Sealer
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS
from atom.store import audit, runs
from atom.store.audit import Sealed
from atom.store.database import Database, new_id
from atom.store.errors import ObjectDiffers, ObjectStoreUnavailable
from atom.store.objects import Objects
from tests.integration.faults import DyingDatabase, DyingObjects, Fuse, Killed, When
from tests.integration.rows import a_run, a_workflow
from tests.integration.worlds import add_tenant, bucket

RETENTION = timedelta(days=1)


@pytest.fixture(scope="module")
def log(postgres: Postgres, shared_database: str) -> Iterator[Database]:
    made = Database(lambda: postgres.dsn("app_rw", shared_database))
    yield made
    made.close()


@pytest.fixture
def tenant(postgres: Postgres, shared_database: str) -> uuid.UUID:
    """A new one for each test: its log starts empty."""
    return add_tenant(postgres, shared_database, f"t-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def sealer(log: Database, objects: Objects) -> Sealer:
    return Sealer(log, objects, retention=RETENTION)


def happen(log: Database, tenant: uuid.UUID, count: int) -> None:
    for n in range(count):
        with log.transaction(tenant) as tx:
            audit.record(tx, "test.happened", {"n": n})


def sealed(log: Database, tenant: uuid.UUID) -> list[Sealed]:
    """The whole log, which must be whole: numbered from 1 without a gap, every record linked to the one before."""
    with log.transaction(tenant) as tx:
        ids = "id, seq, type, run_id, record, record_hash, prev_record_hash, recorded_at, object_key, object_version_id"
        found = tx.all(Sealed, f"select {ids} from audit_log where tenant_id = %(tenant)s order by seq")
    assert [record.seq for record in found] == list(range(1, len(found) + 1))
    previous = GENESIS
    for record in found:
        content = json.loads(record.record)
        assert record.record_hash == f"sha256:{hashlib.sha256(record.record).hexdigest()}"
        assert record.prev_record_hash == content["prevRecordHash"] == previous
        assert (content["seq"], content["id"], content["tenant"]) == (record.seq, str(record.id), str(tenant))
        previous = record.record_hash
    return found


def versions(seaweedfs: SeaweedFS, tenant: uuid.UUID) -> list[dict[str, Any]]:
    """Every version of every audit object of the tenant."""
    listed = seaweedfs.client().list_object_versions(Bucket=seaweedfs.bucket, Prefix=f"audit/{tenant}/")
    return list(listed.get("Versions", []))


def assert_everything_is_stored_once(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, tenant: uuid.UUID, numbers: list[int]
) -> None:
    found = sealed(log, tenant)
    assert [json.loads(record.record)["n"] for record in found] == numbers
    with log.transaction(tenant) as tx:
        assert audit.waiting(tx, limit=99) == []
        assert audit.unstored(tx, limit=99) == []
    for record in found:
        assert objects.get(record.object_key, version_id=record.object_version_id) == record.record
    there = versions(seaweedfs, tenant)
    assert sorted(v["Key"] for v in there) == [record.object_key for record in found]
    assert {v["VersionId"] for v in there} == {record.object_version_id for record in found}


def test_what_was_decided_is_sealed_in_order(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, sealer: Sealer, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 3)
    assert sealer.seal(tenant) == 3
    happen(log, tenant, 2)
    assert sealer.seal(tenant) == 2
    assert sealer.seal(tenant) == 0
    assert_everything_is_stored_once(log, objects, seaweedfs, tenant, [0, 1, 2, 0, 1])


def test_four_sealers_at_once_seal_everything_once(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, sealer: Sealer, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 12)
    with ThreadPoolExecutor(5) as pool:
        rounds = [pool.submit(sealer.seal, tenant, limit=5) for _ in range(8)]
        late = pool.submit(happen, log, tenant, 3)
        for done in (*rounds, late):
            done.result()
    while sealer.seal(tenant):
        pass
    numbers = [json.loads(record.record)["n"] for record in sealed(log, tenant)]
    assert sorted(numbers) == sorted([*range(12), *range(3)])
    assert_everything_is_stored_once(log, objects, seaweedfs, tenant, numbers)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("part", ["database", "objects"])
def test_a_sealer_killed_at_any_step_loses_nothing_and_doubles_nothing(
    postgres: Postgres,
    shared_database: str,
    log: Database,
    objects: Objects,
    seaweedfs: SeaweedFS,
    part: str,
    when: When,
) -> None:
    for at in range(1, 9):
        tenant = add_tenant(postgres, shared_database, f"k-{uuid.uuid4().hex[:8]}")
        happen(log, tenant, 3)
        fuse = Fuse(at, when)
        dying = (DyingDatabase(log, fuse), objects) if part == "database" else (log, DyingObjects(objects, fuse))
        try:
            Sealer(*dying, retention=RETENTION).seal(tenant)  # type: ignore[arg-type]  # a proxy of the real one
        except Killed:
            happen(log, tenant, 1)  # life goes on before the next sealer comes by
            while Sealer(log, objects, retention=RETENTION).seal(tenant):
                pass
            assert_everything_is_stored_once(log, objects, seaweedfs, tenant, [0, 1, 2, 0])
        else:
            assert at == {"database": 6, "objects": 4}[part]  # every step of the sealer had its turn
            return
    raise AssertionError("the sealer has more steps than this test kills it at")


def test_the_end_of_a_run_is_found_from_its_row(log: Database, objects: Objects, tenant: uuid.UUID) -> None:
    for at in range(4):  # 0: nobody dies
        with log.transaction(tenant) as tx:
            run = a_run(tx, a_workflow(tx), "succeeded")
            audit.record(tx, FINAL_RECORD, {"outcome": {}}, run_id=run.id)
        try:
            Sealer(DyingDatabase(log, Fuse(at)), objects, retention=RETENTION).seal(tenant)  # type: ignore[arg-type]
        except Killed:
            Sealer(log, objects, retention=RETENTION).seal(tenant)
        with log.transaction(tenant) as tx:
            final, row = audit.final_of_run(tx, run.id), runs.by_id(tx, run.id)
        assert final is not None
        assert row is not None
        where = f"s3://{objects.bucket}/{final.object_key}?versionId={final.object_version_id}"
        assert row.immutable_log_path == where


def test_a_store_that_is_down_is_tried_again_and_the_log_waits(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 2)
    down = Objects(lambda: bucket(seaweedfs, endpoint="http://127.0.0.1:1"))
    with pytest.raises(ObjectStoreUnavailable):
        Sealer(log, down, retention=RETENTION).seal(tenant)
    assert [record.object_version_id for record in sealed(log, tenant)] == [None, None]
    assert Sealer(log, objects, retention=RETENTION).seal(tenant) == 2
    assert_everything_is_stored_once(log, objects, seaweedfs, tenant, [0, 1])


def test_wrong_credentials_are_a_store_that_does_not_answer(seaweedfs: SeaweedFS, tmp_path) -> None:
    stranger = Objects(lambda: bucket(seaweedfs, access_key="nobody"))
    file = tmp_path / "f"
    file.write_bytes(b"x")
    key = f"test/{uuid.uuid4()}"
    for ask in (
        lambda: stranger.put(key, b"x"),
        lambda: stranger.put_file(key, file),
        lambda: stranger.get(key),
        lambda: stranger.delete(key),
        stranger.check,
    ):
        with pytest.raises(ObjectStoreUnavailable):
            ask()


def test_a_record_that_waited_longer_than_its_retention_is_still_sealed(
    log: Database, objects: Objects, sealer: Sealer, tenant: uuid.UUID
) -> None:
    with log.transaction(tenant) as tx:
        tx.execute(
            "insert into audit_outbox (tenant_id, id, type, body, recorded_at)"
            " values (%(tenant)s, %(id)s, 'test.happened', %(body)s, now() - interval '9 days')",
            id=new_id(),
            body=Jsonb({"n": 0}),
        )
    assert sealer.seal(tenant) == 1
    (record,) = sealed(log, tenant)
    until = objects.retention(record.object_key, record.object_version_id or "")
    assert until is not None
    assert until > datetime.now(UTC) + RETENTION - timedelta(minutes=5)


def test_a_key_that_somebody_took_is_told_and_holds_up_no_other_record(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 3)
    with pytest.raises(Killed):  # numbered, so that the keys are known, and not stored
        Sealer(log, DyingObjects(objects, Fuse(1)), retention=RETENTION).seal(tenant)  # type: ignore[arg-type]
    taken = sealed(log, tenant)[1]
    objects.put(taken.object_key, b"somebody else's bytes")
    for _ in range(2):
        with pytest.raises(ObjectDiffers, match=taken.object_key):
            Sealer(log, objects, retention=RETENTION).seal(tenant)
    assert [record.object_version_id is None for record in sealed(log, tenant)] == [False, True, False]
    assert objects.get(taken.object_key) == b"somebody else's bytes"


def test_the_same_bytes_under_the_key_are_our_own(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 1)
    with pytest.raises(Killed):
        Sealer(log, DyingObjects(objects, Fuse(1, "after")), retention=RETENTION).seal(tenant)  # type: ignore[arg-type]
    Sealer(log, objects, retention=RETENTION).seal(tenant)
    assert_everything_is_stored_once(log, objects, seaweedfs, tenant, [0])


def test_nobody_shortens_the_retention_or_deletes_the_version(
    log: Database, objects: Objects, seaweedfs: SeaweedFS, sealer: Sealer, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 1)
    sealer.seal(tenant)
    (record,) = sealed(log, tenant)
    s3, where = seaweedfs.client(), {"Bucket": seaweedfs.bucket, "Key": record.object_key}
    version = {**where, "VersionId": record.object_version_id}
    until = objects.retention(record.object_key, record.object_version_id or "")
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=1)}
    for attempt in (
        lambda: s3.delete_object(**version),
        lambda: s3.delete_object(**version, BypassGovernanceRetention=True),
        lambda: s3.put_object_retention(**version, Retention=sooner),
        lambda: s3.put_object_retention(**version, Retention=sooner, BypassGovernanceRetention=True),
        lambda: s3.put_object_retention(**version, Retention=sooner | {"Mode": "GOVERNANCE"}),
    ):
        with pytest.raises(ClientError):
            attempt()
    s3.put_object(**where, Body=b"a newer version on top")
    s3.delete_object(**where)  # a delete marker on top of both
    assert objects.get(record.object_key, version_id=record.object_version_id) == record.record
    assert objects.retention(record.object_key, record.object_version_id or "") == until


def test_the_log_lets_nobody_write_a_record_twice_or_out_of_turn(
    log: Database, sealer: Sealer, tenant: uuid.UUID
) -> None:
    happen(log, tenant, 1)
    sealer.seal(tenant)
    (record,) = sealed(log, tenant)
    with pytest.raises(Exception, match="duplicate key"), log.transaction(tenant) as tx:
        audit.append(tx, [record])
    with log.transaction(tenant) as tx:
        assert audit.stored(tx, record.id, "another version") == 0


def test_a_body_can_not_pretend_to_another_place_in_the_log(log: Database, sealer: Sealer, tenant: uuid.UUID) -> None:
    with log.transaction(tenant) as tx:
        audit.record(tx, "test.happened", {"seq": 99, "prevRecordHash": "x", "tenant": "y", "id": "z", "n": 2**63})
    sealer.seal(tenant)
    (record,) = sealed(log, tenant)
    assert json.loads(record.record)["n"] == str(2**63)


def test_what_was_rolled_back_is_not_told(log: Database, sealer: Sealer, tenant: uuid.UUID) -> None:
    with pytest.raises(Killed), DyingDatabase(log, Fuse(1)).transaction(tenant) as tx:
        audit.record(tx, "test.happened", {"n": 0})
    with log.transaction(tenant) as tx:
        audit.record(tx, "test.happened", {"n": 0})
        tx._connection.rollback()
    assert sealer.seal(tenant) == 0
