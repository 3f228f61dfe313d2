"""Which assets are made together, and when."""

from __future__ import annotations

import dagster as dg

backup = dg.define_asset_job(
    "backup", selection=dg.AssetSelection.groups("recovery"), description="Back up and try it."
)
learn = dg.define_asset_job("learn", selection=dg.AssetSelection.groups("learning"), description="Learn from history.")

JOBS = [backup, learn]
SCHEDULES = [
    dg.ScheduleDefinition(name="backup_every_6_hours", job=backup, cron_schedule="17 */6 * * *"),
    dg.ScheduleDefinition(name="learn_every_hour", job=learn, cron_schedule="43 * * * *"),
]
