"""A backup is one when it was restored."""

from __future__ import annotations

from atomctl.demo.scene import Scene

_SHOWN = ("workflows", "workflow_runs", "approvals", "audit_log", "insight_signals")


def begin(scene: Scene) -> None:
    """Early, because it takes its time while other steps are told."""
    with scene.story.step("A backup begins, while the story goes on") as step:
        step.asks("Dagster: launchRun  job=backup  (assets db_backup, db_restore)")
        scene.backup = scene.dagster.launch("backup")
        step.holds("Dagster took the job", bool(scene.backup))


def tell(scene: Scene) -> None:
    with scene.story.step("The backup was restored into a sandbox, and every row is there") as step:
        step.asks(f"Dagster: runOrError  {scene.backup}")
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
