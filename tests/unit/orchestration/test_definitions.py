"""What the graph promises: it loads without a server, and nothing in it is anonymous or unchecked."""

from __future__ import annotations

import uuid

import dagster as dg
import pytest

from atom.flow.launching import JOB, OP, Launch
from orchestration.definitions import build_definitions


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return [spec for asset in definitions.resolve_asset_graph().assets_defs for spec in asset.specs if asset.keys]


def test_every_asset_has_an_owner_a_description_a_group_and_a_check(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checked = {key.asset_key for key in graph.asset_check_keys}
    for spec in specs(definitions):
        assert spec.owners, spec.key
        assert spec.description, spec.key
        assert spec.group_name != "default", spec.key
        assert spec.key in checked, spec.key


def test_every_sensor_and_schedule_names_a_job_that_exists(definitions: dg.Definitions) -> None:
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    for sensor in definitions.sensors or ():
        assert sensor.job_name in jobs
    for schedule in definitions.schedules or ():
        assert schedule.job_name in jobs


def test_a_launch_fits_the_job_it_is_for(definitions: dg.Definitions) -> None:
    launch = Launch(uuid.uuid4(), "default", uuid.uuid4(), 1, 1, "restart-unhealthy")
    job = definitions.resolve_job_def(JOB)
    assert dg.validate_run_config(job, launch.config)["ops"][OP]["config"]["attempt"] == 1
    assert launch.key != Launch(launch.tenant, "default", launch.run_id, 1, 2, "restart-unhealthy").key


def test_parts_are_replaced_by_name() -> None:
    stand_in = object()
    assert (build_definitions(recovery=stand_in).resources or {})["recovery"] is stand_in
