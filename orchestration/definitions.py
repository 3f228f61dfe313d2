"""Everything meets here and nowhere else. Loading it reads the environment and does no I/O."""

from __future__ import annotations

import dagster as dg

import assets.learning
import assets.recovery
import sensors
from atom.flow.parts import Parts
from atom.flow.recovery import Recovery
from atom.local.postgres import find_binaries
from atom.settings import Settings
from atom.store.connect import backup_dsns
from atom.store.vault import Vault
from orchestration.runs import run_workflow
from orchestration.schedules import JOBS, SCHEDULES


def build_definitions(**replace: object) -> dg.Definitions:
    """Assets, sensors, jobs and schedules over parts made from the settings; tests replace any part by its name."""
    settings = Settings.from_environment()
    vault = Vault.from_settings(settings)
    parts = Parts.from_settings(settings, vault)
    recovery = Recovery(parts.database, parts.objects, lambda: backup_dsns(settings, vault), _postgres_program)
    resources: dict[str, object] = {
        "database": parts.database,
        "launching": parts.launching,
        "reconciler": parts.reconciler,
        "sealer": parts.sealer,
        "execution": parts.execution,
        "learning": parts.learning,
        "recovery": recovery,
    }
    modules = [assets.recovery, assets.learning]
    return dg.Definitions(
        assets=dg.load_assets_from_modules(modules),
        asset_checks=dg.load_asset_checks_from_modules(modules),
        sensors=sensors.ALL,
        jobs=[run_workflow, *JOBS],
        schedules=SCHEDULES,
        resources=resources | replace,
        executor=dg.in_process_executor,
    )


def _postgres_program(name: str) -> list[str]:
    return [str(find_binaries(None) / name)]


defs = build_definitions()
