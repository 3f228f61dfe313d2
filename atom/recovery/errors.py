"""Why a backup is not one."""

from __future__ import annotations

from atom.errors import Conflict, NotFound, Unavailable


class DumpFailed(Unavailable):
    """A PostgreSQL tool failed."""

    def __init__(self, tool: str, message: str) -> None:
        super().__init__(
            expected=f"{tool} to succeed", found=message, remedy="see the message; nothing was recorded as done"
        )


class NoBackup(NotFound):
    """There is no backup yet."""

    def __init__(self) -> None:
        super().__init__(expected="a backup", found="none", remedy="materialize db_backup first")


class BackupDamaged(Conflict):
    """The stored backup is not the one that was made."""

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(
            expected=f"{key} with {expected}",
            found=found,
            remedy="make a new backup now, and find out who wrote to the bucket",
        )
