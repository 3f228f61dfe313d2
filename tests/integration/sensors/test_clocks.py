"""The sensors that launch nothing: one settles what was left behind, one seals what was decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

import sensors
from atom.evidence.sealer import Sealer
from atom.flow.launching import JOB
from atom.flow.reconcile import Reconciler
from atom.local.postgres import Postgres
from atom.store import audit
from atom.store.database import Database
from atom.store.errors import ObjectDiffers
from atom.store.objects import Objects
from sensors.audit import audit_outbox
from sensors.runs import unfinished_runs
from tests.conftest import DEFAULT_TENANT
from tests.integration.faults import DyingObjects, Fuse, Killed
from tests.integration.rows import a_run, a_workflow
from tests.integration.worlds import add_tenant

RETENTION = timedelta(days=1)


def skipped(told: object) -> str:
    assert isinstance(told, dg.SkipReason)
    return told.skip_message or ""


def test_what_nobody_decided_is_settled_and_told(database: Database) -> None:
    with database.transaction(DEFAULT_TENANT) as tx:
        run = a_run(tx, a_workflow(tx), "pending_approval", expires_at=datetime.now(UTC) - timedelta(minutes=1))
    told = skipped(unfinished_runs(reconciler=Reconciler(database)))
    assert str(run.id) in told
    assert "pending_approval" in told
    assert skipped(unfinished_runs(reconciler=Reconciler(database))) == "Every run is in good hands."


def test_what_was_decided_is_sealed_for_every_tenant(
    database: Database, database_name: str, postgres: Postgres, objects: Objects
) -> None:
    other = add_tenant(postgres, database_name, "other")
    for tenant in (DEFAULT_TENANT, other):
        with database.transaction(tenant) as tx:
            audit.record(tx, "test.happened", {})
    sealer = Sealer(database, objects, retention=RETENTION)
    assert skipped(audit_outbox(database=database, sealer=sealer)) == "Sealed 1 of default, 1 of other."
    assert skipped(audit_outbox(database=database, sealer=sealer)) == "Nothing waits to be sealed."


def test_one_tenants_contested_key_holds_up_nobody_else(
    database: Database, database_name: str, postgres: Postgres, objects: Objects
) -> None:
    other = add_tenant(postgres, database_name, "other")
    for tenant in (DEFAULT_TENANT, other):
        with database.transaction(tenant) as tx:
            audit.record(tx, "test.happened", {})
    with pytest.raises(Killed):
        Sealer(database, DyingObjects(objects, Fuse(1)), retention=RETENTION).seal(DEFAULT_TENANT)  # type: ignore[arg-type]
    with database.transaction(DEFAULT_TENANT) as tx:
        (record,) = audit.unstored(tx, limit=9)
    objects.put(record.object_key, b"somebody else's")
    with pytest.raises(ObjectDiffers):
        audit_outbox(database=database, sealer=Sealer(database, objects, retention=RETENTION))
    with database.transaction(other) as tx:
        sealed = audit.head(tx)
    assert sealed is not None
    assert sealed.object_version_id


def test_every_sensor_runs_by_default_names_its_job_and_says_what_it_does() -> None:
    assert len({sensor.name for sensor in sensors.ALL}) == len(sensors.ALL) == 3
    for sensor in sensors.ALL:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.job_name == JOB
        assert sensor.minimum_interval_seconds
        assert sensor.description
