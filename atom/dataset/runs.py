"""What the learning side knows of a run, and the words a run is searched by."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from atom.dataset.redact import Redacted, redact

Status = Literal[
    "pending_approval", "queued", "running",
    "succeeded", "failed", "rolled_back", "cancelled", "rejected", "expired", "unknown",
]  # fmt: skip
EffectName = Literal["read", "write", "destroy"]

_LONGEST = 1_200  # characters of a description: about the 256 tokens that the embedder reads
_LONGEST_ERROR = 400
_DURATION = re.compile(r"[0-9]{1,6}(?:ms|s|m|h|d)")
_TOLD = {
    "preflight": "Preflight",
    "step": "Steps",
    "verify": "Verification",
    "compensation": "Undone",
    "rollback": "Rollback",
}
_BINS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One step, as its last try left it."""

    id: str
    phase: Literal["preflight", "step", "verify", "compensation", "rollback"]
    uses: str
    effect: EffectName
    status: Literal["running", "succeeded", "failed", "skipped"]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's answer; `latency_s` counts from the run's request."""

    decision: Literal["approve", "reject"]
    latency_s: float


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run with everything that was recorded about it, as read from the database in one go."""

    tenant_id: uuid.UUID
    run_id: uuid.UUID
    workflow: str
    version: str
    package_digest: str
    parameters: Mapping[str, Any]
    trigger: str
    requested_at: datetime
    approved_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    status: Status
    outcome: str | None
    error: str | None
    score: int  # of the verdict: 0-100
    risk: Literal["safe", "caution", "unsafe"]
    mode: Literal["auto", "manual"]
    steps: tuple[StepFacts, ...]
    effects: Mapping[EffectName, int]  # how many objects were read, written, destroyed
    cluster: str | None
    export: Literal["allow", "deny"]  # the package's consent to training
    cause_classes: tuple[str, ...]
    audit_path: str | None
    audit_digest: str | None
    decisions: tuple[Decision, ...]

    @property
    def target(self) -> tuple[tuple[str, str], ...]:
        """What the run acted on: its text parameters. In a package, texts name things; numbers and durations tune."""
        return tuple(
            sorted((k, v) for k, v in self.parameters.items() if isinstance(v, str) and not _DURATION.fullmatch(v))
        )

    @property
    def tuning(self) -> dict[str, str]:
        """The other scalar parameters, coarsened: numbers to a bin (`"3-5"`), switches and durations as they are."""
        return {k: tuned for k, v in sorted(self.parameters.items()) if (tuned := _coarse(v)) is not None}

    def acted(self) -> bool:
        """Did any step change the world?"""
        return any(s.phase == "step" and s.effect != "read" and s.status == "succeeded" for s in self.steps)


def describe(run: RunFacts) -> str:
    """The run in words: what is embedded, and what a search answers with.

    Stable: equal facts give equal words, and runs that differ only in when, where and by whom they ran give equal words
    too. It holds no identifier, no name of a target and no secret: texts among the parameters are left out, and put
    back as `<their name>` where the error repeats them. What matters most comes first, since embedders cut the end.
    """
    family = run.workflow.replace("-", " ")
    parts = [f"Runbook {family}: {_ending(run)}."]
    if run.error:
        parts.append(f"Error: {error_of(run).text}.")
    for phase, title in _TOLD.items():
        if told := [_told(step) for step in run.steps if step.phase == phase]:
            parts.append(f"{title}: {', '.join(told)}.")
    parts.append(f"Started by {run.trigger}; the policy judged it {run.risk} ({run.mode}).")
    if run.tuning:
        parts.append("Parameters: " + ", ".join(f"{name} {value}" for name, value in run.tuning.items()) + ".")
    if run.cause_classes:
        parts.append(f"Meant for: {', '.join(run.cause_classes)}.")
    return redact(" ".join(parts)).text[:_LONGEST]


def error_of(run: RunFacts) -> Redacted:
    """The run's error, redacted, with the names of its targets replaced too. Empty if there was none."""
    clean = redact((run.error or "").strip())  # before anything is cut: half a secret is harder to recognise
    text = clean.text
    for name, value in sorted(run.target, key=lambda pair: (-len(pair[1]), pair)):
        if len(value) >= 2:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", f"<{name}>", text)
    return Redacted(text[:_LONGEST_ERROR].rstrip("."), clean.hits)


def _ending(run: RunFacts) -> str:
    words = {"rolled_back": "failed and was rolled back", "unknown": "ended in an unknown state"}
    return words.get(run.status, run.status.replace("_", " "))


def _told(step: StepFacts) -> str:
    return f"{step.id.replace('-', ' ')} {step.status} ({step.uses.split('@')[0]})"


def _coarse(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _bin(value)
    return value if isinstance(value, str) and _DURATION.fullmatch(value) else None


def _bin(value: float) -> str:
    """The bin of a number on a 1-2-5 scale: `"0"`, `"1"`, `"2"`, `"3-5"`, `"6-10"` … `">10000"`; `"<0"`."""
    if not value >= 0:  # NaN too
        return "<0"
    for low, high in zip((-1, *_BINS), _BINS, strict=False):
        if value <= high:
            return str(high) if high - low == 1 else f"{low + 1}-{high}"
    return f">{_BINS[-1]}"
