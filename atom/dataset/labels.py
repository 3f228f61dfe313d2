"""What a run is an example of: the labels of a training row, and exactly what each one means.

Labels look back from after the end, features never do (`rows.py`). A label that cannot be known yet is None, and
`censored` says that some label may still change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from atom.dataset.errors import UnknownRunStatus
from atom.dataset.runs import RunFacts, Status

RECURRENCE = timedelta(hours=24)

Verify = Literal["passed", "failed", "not_run"]
Effectiveness = Literal["resolved", "ineffective", "unknown"]
_EFFECTIVENESS: dict[Verify, Effectiveness] = {"passed": "resolved", "failed": "ineffective", "not_run": "unknown"}
Outcome = Literal["success", "failure", "refused", "declined", "cancelled", "unknown"]


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """`decision`: approved, rejected, or none where policy admitted the run. `override`: a person approved what the
    policy called unsafe. `latency_s`: request to last decision, seconds."""

    decision: Literal["approved", "rejected", "none"]
    override: bool
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class CauseLabel:
    """Weak supervision: the causes that the package's author says it is meant for. `cause` only where there is one."""

    cause: str | None
    candidates: tuple[str, ...]
    source: Literal["package"]


@dataclass(frozen=True, slots=True)
class Labels:
    """
    - `outcome`: success (ended well, verified or not) · failure (failed or rolled back after its first step) · refused
      (a preflight check stopped it) · declined (rejected, or its approval expired) · cancelled · unknown (crashed).
    - `verify`: passed if every verification step succeeded, failed if one failed, not_run otherwise.
    - `effectiveness`: resolved if verify passed, ineffective if it failed, unknown if it did not run.
    - `ttr_s`: time to recovery: seconds from request to end, for successes whose verification passed.
    - `recurred_24h`: the same workflow was asked for on the same target within 24 h of the end. None: fewer than 24 h
      have been observed, and it was not yet.
    - `recovered_before_action`: verification passed although no step changed anything.
    - `rolled_back`: compensation or rollback steps ran.
    - `risk_class`: the policy's verdict at admission.
    - `error`: the error's text, redacted; empty if none.
    - `censored`: `recurred_24h` or the outcome is not known.
    """

    outcome: Outcome
    effectiveness: Effectiveness
    verify: Verify
    ttr_s: float | None
    recurred_24h: bool | None
    recovered_before_action: bool
    rolled_back: bool
    risk_class: Literal["safe", "caution", "unsafe"]
    human: HumanLabel
    root_cause: CauseLabel
    error: str
    censored: bool


def is_finished(run: RunFacts) -> bool:
    """Raises UnknownRunStatus: a word that nobody defined must not become a label."""
    if run.status not in get_args(Status):
        raise UnknownRunStatus(
            expected=f"one of {', '.join(get_args(Status))}",
            found=f"status {run.status!r} of run {run.run_id}",
            remedy="define its labels in atom/dataset/labels.py",
        )
    return run.finished_at is not None and run.status not in ("pending_approval", "queued", "running")


def label(run: RunFacts, *, next_request: datetime | None, observed_until: datetime, error: str) -> Labels:
    """The labels of a finished run.

    `next_request`: when the same workflow was next asked for on the same target, among the runs known up to
    `observed_until`. `error`: the run's error, already redacted.
    """
    outcome, verify = _outcome(run), _verify(run)
    recurred = _recurred(ended_at(run), next_request, observed_until)
    solved = outcome == "success" and verify == "passed"
    return Labels(
        outcome=outcome,
        effectiveness=_EFFECTIVENESS[verify],
        verify=verify,
        ttr_s=(ended_at(run) - run.requested_at).total_seconds() if solved else None,
        recurred_24h=recurred,
        recovered_before_action=solved and not run.acted(),
        rolled_back=run.status == "rolled_back"
        or any(s.phase in ("compensation", "rollback") and s.status != "skipped" for s in run.steps),
        risk_class=run.risk,
        human=_human(run),
        root_cause=_cause(run),
        error=error,
        censored=recurred is None or outcome == "unknown",
    )


def ended_at(run: RunFacts) -> datetime:
    """The end of a finished run, UTC."""
    assert run.finished_at is not None, "callers ask is_finished first"
    return run.finished_at.astimezone(UTC)


def _outcome(run: RunFacts) -> Outcome:
    if run.status == "succeeded":
        return "success"
    if run.status in ("rejected", "expired"):
        return "declined"
    if run.status == "cancelled":
        return "cancelled"
    if run.status == "unknown":
        return "unknown"
    stopped_early = any(s.phase == "preflight" and s.status == "failed" for s in run.steps)
    return "refused" if stopped_early and not any(s.phase == "step" for s in run.steps) else "failure"


def _verify(run: RunFacts) -> Verify:
    ended = [s.status for s in run.steps if s.phase == "verify" and s.status != "skipped"]
    if "failed" in ended:
        return "failed"
    return "passed" if ended and all(status == "succeeded" for status in ended) else "not_run"


def _recurred(end: datetime, next_request: datetime | None, observed_until: datetime) -> bool | None:
    if next_request is not None and next_request <= end + RECURRENCE:
        return True
    return False if observed_until >= end + RECURRENCE else None


def _human(run: RunFacts) -> HumanLabel:
    if not run.decisions:
        return HumanLabel("none", False, None)
    rejected = any(d.decision == "reject" for d in run.decisions)
    latency = max(d.latency_s for d in run.decisions)
    return HumanLabel("rejected" if rejected else "approved", not rejected and run.risk == "unsafe", round(latency, 3))


def _cause(run: RunFacts) -> CauseLabel:
    only = run.cause_classes[0] if len(run.cause_classes) == 1 else None
    return CauseLabel(only, run.cause_classes, "package")
