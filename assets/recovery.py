"""Backups of the database, and the proof that they are ones."""

from collections.abc import Sequence

import dagster as dg

from atom.flow.recovery import Recovery

GROUP = "recovery"
OWNERS = ["team:platform"]


@dg.asset(group_name=GROUP, kinds={"postgres", "s3"}, owners=OWNERS)
def db_backup(context: dg.AssetExecutionContext, recovery: dg.ResourceParam[Recovery]) -> dg.MaterializeResult:
    """A compressed, hashed dump of the whole database in the object store, consistent with one snapshot."""
    made = recovery.backup(progress=context.log.info)
    return dg.MaterializeResult(
        metadata={
            "object": made.object_key,
            "sha256": made.sha256,
            "bytes": made.size,
            "dagster/row_count": sum(made.tables.values()),
            "tables": dg.MetadataValue.md(_table(["table", "rows"], [(n, c) for n, c in made.tables.items()])),
        }
    )


@dg.asset(
    group_name=GROUP,
    kinds={"postgres"},
    owners=OWNERS,
    deps=[db_backup],
    check_specs=[dg.AssetCheckSpec("row_counts_agree", asset="db_restore", blocking=True)],
)
def db_restore(context: dg.AssetExecutionContext, recovery: dg.ResourceParam[Recovery]) -> dg.MaterializeResult:
    """The newest backup, fetched back, checked against its hash and restored into a sandbox database."""
    tried = recovery.restore(progress=context.log.info)
    rows = [(name, made, restored) for name, (made, restored) in tried.tables.items()]
    return dg.MaterializeResult(
        metadata={
            "object": tried.backup.object_key,
            "tables": len(tried.tables),
            "dagster/row_count": sum(restored for _, _, restored in rows),
            "compared": dg.MetadataValue.md(_table(["table", "rows in the backup", "rows restored"], rows)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="row_counts_agree",
                passed=not tried.differing,
                metadata={"differing": ", ".join(tried.differing) or "none"},
            )
        ],
    )


@dg.asset_check(asset=db_backup)
def backup_has_every_table(recovery: dg.ResourceParam[Recovery]) -> dg.AssetCheckResult:
    """The tables that must never be missing from a backup are in it."""
    missing = {
        "workflow_runs",
        "insight_signals",
        "audit_log",
        "workflows",
        "approvals",
    } - recovery.newest().tables.keys()
    return dg.AssetCheckResult(passed=not missing, metadata={"missing": ", ".join(sorted(missing)) or "none"})


def _table(head: list[str], rows: Sequence[Sequence[str | int]]) -> str:
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
