"""Why evidence does not prove what it should."""

from __future__ import annotations

from atom.errors import InvalidInput


class EvidenceBroken(InvalidInput):
    """The evidence contradicts itself: it was changed, or is not what it says it is."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            expected=f"{what}: {expected}",
            found=found,
            remedy="fetch it again from the registry; if it still fails, compare with the object store and call an auditor",
        )


class EvidenceMalformed(InvalidInput):
    """This is no evidence file."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="a file from `atomctl evidence get` (schema atom.evidence/v1)",
            found=found,
            remedy="fetch it again",
        )
