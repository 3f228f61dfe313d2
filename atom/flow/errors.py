"""Why the way of a package or of a run ends."""

from __future__ import annotations

import uuid

from atom.errors import AtomError, Conflict, Forbidden, InvalidInput, NotFound


class UploadRefused(InvalidInput):
    """The upload was refused and put into quarantine."""

    def __init__(self, cause: AtomError, quarantine_id: uuid.UUID) -> None:
        self.cause = cause
        self.quarantine_id = quarantine_id
        super().__init__(expected=cause.expected, found=cause.found, remedy=cause.remedy)

    @property
    def title(self) -> str:
        return self.cause.title

    def as_dict(self) -> dict[str, str]:
        return self.cause.as_dict() | {"quarantine_id": str(self.quarantine_id)}


class VersionTaken(Conflict):
    """This name and version is there already, with other bytes."""

    def __init__(self, name: str, version: str, there: str, here: str) -> None:
        super().__init__(
            expected=f"{name} {version} with digest {there}",
            found=f"digest {here}",
            remedy="a version never changes: raise metadata.version, sign and push again",
        )


class UnknownWorkflow(NotFound):
    """There is no such workflow."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            expected="the id or name (or name@version) of a workflow in your tenant",
            found=repr(reference),
            remedy="see `atomctl list`, or push the package first",
        )


class UnknownRun(NotFound):
    """There is no such run."""

    def __init__(self, run_id: uuid.UUID) -> None:
        super().__init__(expected="the id of a run in your tenant", found=str(run_id), remedy="see `atomctl runs`")


class UnknownKey(NotFound):
    """There is no such trusted key."""

    def __init__(self, name: str) -> None:
        super().__init__(expected="the name of a trusted key", found=repr(name), remedy="see `atomctl keys list`")


class KeyTaken(Conflict):
    """The tenant trusts a key of that name, or this very key, already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            expected="a new name and a new key", found=f"{name!r} or its key is there", remedy="see `atomctl keys list`"
        )


class VersionRevoked(Conflict):
    """This version was revoked and does not run."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            expected="a version that is not revoked",
            found=f"{name} {version}, revoked",
            remedy="push and use a newer version",
        )


class VerdictUnsafe(Conflict):
    """The gate calls this package unsafe, and unsafe packages do not run."""

    def __init__(self, name: str, score: int, rules: list[str]) -> None:
        super().__init__(
            expected="a verdict of safe or caution",
            found=f"unsafe, score {score} ({', '.join(rules)})",
            remedy=f"see `atomctl dry-run {name}` and change what it objects to",
        )


class TriggerNotDeclared(Conflict):
    """The package does not let itself be started in this way."""

    def __init__(self, trigger: str, declared: list[str]) -> None:
        super().__init__(
            expected=f"one of the package's triggers: {', '.join(declared)}",
            found=trigger,
            remedy="add the trigger to spec.triggers and push a new version",
        )


class IdempotencyKeyReused(Conflict):
    """The idempotency key belongs to another request."""

    def __init__(self) -> None:
        super().__init__(
            expected="the same workflow and parameters as the first time",
            found="others",
            remedy="use a new key for a new request",
        )


class NotPending(Conflict):
    """The run does not wait for a decision."""

    def __init__(self, run_id: uuid.UUID, status: str) -> None:
        super().__init__(
            expected=f"run {run_id} to be pending_approval",
            found=status,
            remedy="nothing to decide; see `atomctl runs`",
        )


class ApprovalExpired(Conflict):
    """Nobody decided in time, and the request lapsed."""

    def __init__(self, run_id: uuid.UUID) -> None:
        super().__init__(
            expected=f"a decision on run {run_id} before it expired", found="none", remedy="request the run again"
        )


class OwnRequest(Forbidden):
    """Nobody approves what they asked for themselves."""

    def __init__(self, who: str) -> None:
        super().__init__(
            expected="somebody other than the requester", found=who, remedy="ask a second person with the approver role"
        )


class OwnPackage(Forbidden):
    """Nobody approves the run of a package that they published."""

    def __init__(self, who: str) -> None:
        super().__init__(
            expected="somebody other than the publisher", found=who, remedy="ask a second person with the approver role"
        )


class DecidedAlready(Conflict):
    """This person has decided on this run before."""

    def __init__(self, who: str) -> None:
        super().__init__(
            expected="one decision a person", found=f"a second one by {who}", remedy="another approver is needed"
        )


class ApprovalVoid(Conflict):
    """What would run is not what was seen."""

    def __init__(self, what: str, seen: str, now: str) -> None:
        super().__init__(
            expected=f"{what} {seen}", found=now, remedy="look at the run again, then request or approve anew"
        )


class NotCancellable(Conflict):
    """The run has ended."""

    def __init__(self, run_id: uuid.UUID, status: str) -> None:
        super().__init__(
            expected=f"run {run_id} to be waiting or running", found=status, remedy="nothing to cancel; see its record"
        )


class NotRunnable(Conflict):
    """Somebody else, or nobody, may carry out this attempt of the run."""

    def __init__(self, run_id: uuid.UUID, attempt: int, found: str) -> None:
        super().__init__(
            expected=f"run {run_id} queued at attempt {attempt}",
            found=found,
            remedy="none needed: this launch stands aside",
        )


class LeaseLost(Conflict):
    """The run was taken away from this worker."""

    def __init__(self, run_id: uuid.UUID) -> None:
        super().__init__(
            expected=f"the lease on run {run_id}",
            found="it lapsed or went to another attempt",
            remedy="none needed: this worker stops without writing",
        )
