"""Why a run stops, or a step of it fails: one class per cause."""

from __future__ import annotations

from datetime import datetime, timedelta

from atom.errors import Conflict, Forbidden, InvalidInput, Misconfigured, NotFound, TooLarge, Unavailable
from atom.package.model import Effect

# What a cluster answers. The real one and the simulator raise the same.


class TargetNotFound(NotFound):
    """The cluster has no such object."""

    def __init__(self, what: str) -> None:
        super().__init__(expected=what, found="no such object", remedy="check the namespace and the name")


class ObjectChanged(Conflict):
    """The object was changed by somebody else between reading and writing it."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            expected=f"{what} at version {expected}", found=f"version {found}", remedy="read the object again and retry"
        )


class ClusterUnavailable(Unavailable):
    """The cluster did not answer, so whether it did what was asked is not known."""

    def __init__(self, what: str) -> None:
        super().__init__(expected=f"an answer to: {what}", found="none", remedy="check the API server, then run again")


class Throttled(Unavailable):
    """The cluster refuses for the moment, and has done nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(
            expected=f"room for: {what}", found="too many requests (429)", remedy="retry later, or with more backoff"
        )


class DisruptionBudgetSpent(Throttled):
    """A PodDisruptionBudget does not allow another pod to go."""

    def __init__(self, pod: str, healthy: int, needed: int) -> None:
        super(Throttled, self).__init__(
            expected=f"at least {needed} healthy pods beside {pod}",
            found=f"{healthy} healthy",
            remedy="wait until more pods are ready, or change the budget",
        )


class NoSamples(Unavailable):
    """The query has no sample to answer from."""

    def __init__(self, query: str, workload: str) -> None:
        super().__init__(
            expected=f"samples of {query} for {workload}", found="none", remedy="check that the workload is scraped"
        )


class ClusterNotSupported(Misconfigured):
    """A real cluster is configured, and this version acts on the simulator only."""

    def __init__(self, setting: str) -> None:
        super().__init__(
            expected=f"{setting} unset, so that runs act on the simulator",
            found=f"{setting} is set",
            remedy=f"unset {setting}; a configured cluster is never replaced by the simulator silently",
        )


class SnapshotRefused(Misconfigured):
    """The simulator's snapshot is not well formed."""

    def __init__(self, found: str) -> None:
        super().__init__(
            expected="a cluster snapshot as in atom/runtime/simulator/demo-cluster.yaml",
            found=found,
            remedy="correct the file that ATOM_CLUSTER_SNAPSHOT names",
        )


# What an action or the engine finds.


class ActionUnknown(InvalidInput):
    """The package uses an action that this runtime does not have."""

    def __init__(self, uses: str) -> None:
        super().__init__(
            expected="an action of this runtime", found=uses, remedy="use an action of the reference, or upgrade"
        )


class EffectUndeclared(InvalidInput):
    """A step declares another effect than its action has."""

    def __init__(self, uses: str, declared: Effect, real: Effect) -> None:
        super().__init__(
            expected=f"effect {real} for {uses}", found=f"effect {declared}", remedy="correct the step, sign again"
        )


class ActionInputRefused(InvalidInput):
    """A step's `with` does not fit its action."""

    def __init__(self, uses: str, found: str) -> None:
        super().__init__(expected=f"the parameters of {uses}", found=found, remedy="correct `with` of the step")


class ExpressionNotBoolean(InvalidInput):
    """A condition is neither true nor false."""

    def __init__(self, text: str, found: object) -> None:
        super().__init__(
            expected=f"true or false from `{text}`", found=type(found).__name__, remedy="compare the value"
        )


class ActionCrashed(Unavailable):
    """An action failed in a way that nobody foresaw."""

    def __init__(self, uses: str, error: Exception) -> None:
        # The message of a foreign exception may hold anything, a secret too: it goes to the log, not into the record.
        super().__init__(
            expected=f"a result or a named error from {uses}",
            found=type(error).__name__,
            remedy="look at the worker's log, and check the objects that the step names before running again",
        )


class ResultTooLarge(TooLarge):
    """The result of a step is larger than its record may be."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            expected=f"a result of at most {limit} bytes", found=f"{size} bytes", remedy="ask for fewer items"
        )


class ReplicasNotAsExpected(Conflict):
    """The workload has another size than the step was told to expect."""

    def __init__(self, workload: str, expected: int, found: int) -> None:
        super().__init__(
            expected=f"{workload} with {expected} replicas",
            found=f"{found} replicas",
            remedy="somebody else scaled it: look again, then ask for a new run",
        )


class TargetLimitExceeded(Forbidden):
    """The step would touch more than the package's limits allow."""

    def __init__(self, limit: str, found: str) -> None:
        super().__init__(expected=limit, found=found, remedy="ask for fewer, or widen the limit")


class StepTimedOut(Unavailable):
    """A step did not finish in its time."""

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(
            expected=f"the step done within {timeout.total_seconds():g} s",
            found="it was still waiting",
            remedy="look at the workload, or give the step more time",
        )


class PodNotReplaced(StepTimedOut):
    """An evicted pod's replacement did not become ready in time."""

    def __init__(self, pod: str, ready: int, wanted: int, within: timedelta) -> None:
        super(StepTimedOut, self).__init__(
            expected=f"{wanted} ready pods within {within.total_seconds():g} s of evicting {pod}",
            found=f"{ready} ready",
            remedy="restarting does not help this workload: look at its logs and events in the record of the run",
        )


# Why a whole run ends.


class PreflightRefused(Conflict):
    """A preflight assertion does not hold, so nothing was changed."""

    def __init__(self, condition: str, found: str, message: str) -> None:
        super().__init__(expected=condition, found=found, remedy=message or "run again when the condition holds")


class VerifyFailed(Conflict):
    """The run did what it was told, and it did not help."""

    def __init__(self, condition: str, held: timedelta, within: timedelta, found: str) -> None:
        lasting = f", held for {held.total_seconds():g} s," if held else ""
        super().__init__(
            expected=f"{condition}{lasting} within {within.total_seconds():g} s",
            found=found,
            remedy="treat the cause as not found; the record of the run has what was measured",
        )


class RunTimedOut(Unavailable):
    """The run used up the time that the package gives it."""

    def __init__(self, limit: timedelta, clock: str) -> None:
        super().__init__(
            expected=f"the run done within {limit.total_seconds():g} s",
            found=f"more on the {clock} clock",
            remedy="look at what the last step was waiting for",
        )


class Cancelled(Conflict):
    """The run was cancelled."""

    def __init__(self, by: str = "a person or a newer run", at: datetime | None = None) -> None:
        super().__init__(
            expected="the run to finish",
            found=f"a cancellation by {by}" + (f" at {at:%FT%TZ}" if at else ""),
            remedy="ask for a new run if it is still wanted",
        )
