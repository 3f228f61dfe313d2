"""A backup is one when it was restored."""

from __future__ import annotations

from atomctl.demo.scene import Scene

_SHOWN = ("workflows", "workflow_runs", "approvals", "audit_log", "insight_signals")


def begin(scene: Scene) -> None:
    """Start it early: it takes its time while other steps are told."""
    scene.backup = scene.dagster.launch("backup")


def tell(scene: Scene) -> None:
    with scene.story.step("The database is backed up, and the backup restored into a sandbox") as step:
        step.asks("Dagster: launchRun  job=backup  (assets db_backup, db_restore)")
        with scene.story.out.busy("backup and restore"):
            done = scene.dagster.wait(scene.backup, seconds=120)
        made, restored = done.assets["db_backup"], done.assets["db_restore"]
        step.answer(
            f"{made['object']} · {made['bytes']} bytes · {made['dagster/row_count']} rows · sha256 {made['sha256'][:16]}…"
        )
        rows = _counts(restored["compared"])
        for table in _SHOWN:
            if table in rows:
                step.answer(f"{table:<16} {rows[table][0]:>6} rows in the backup, {rows[table][1]:>6} restored")
        step.holds(
            "every table has as many rows as when it was backed up",
            bool(rows) and all(a == b for a, b in rows.values()),
        )
        step.holds(f"asset checks passed: {', '.join(done.checks)}", bool(done.checks) and all(done.checks.values()))


def _counts(markdown: str) -> dict[str, tuple[str, str]]:
    """The rows of a three-column Markdown table, by their first cell."""
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in markdown.splitlines()[2:]]
    return {name: (made, restored) for name, made, restored in lines}
