"""Training rows: one finished run each, in the form of `training-row-v1.schema.json` beside this file.

The dataclasses below *are* the row: JSON and Parquet are derived from them, the JSON Schema is the published contract,
and a test holds the two together. `Features` knows nothing that happened after the decision; labels know everything.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal

import jsonschema_rs
import orjson

from atom.dataset.errors import DatasetKeyTooShort, RowRefused
from atom.dataset.history import History, Recent
from atom.dataset.labels import RECURRENCE, Labels, ended_at, is_finished, label
from atom.dataset.redact import POLICY, Hits
from atom.dataset.runs import EffectName, RunFacts, describe, error_of
from atom.dataset.split import Split, hidden, incidents, split_of

SCHEMA = "runs/v1"
_SCHEMA_FILE = "training-row-v1.schema.json"
_SHORTEST_KEY = 32  # bytes: HMAC-SHA256 should not have less (RFC 2104 §3)
_SYSTEM = "Choose a remediation or decline."


@dataclass(frozen=True, slots=True)
class Group:
    tenant_h: str
    workflow: str
    workflow_major: int
    incident_h: str


@dataclass(frozen=True, slots=True)
class Times:
    """`label_final`: from when on no label of the row can change."""

    decision: datetime
    label_final: datetime


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Features:
    """Known when the run was decided on, and nothing else."""

    trigger: str
    hour_utc: int
    recent: tuple[Recent, ...]
    policy_score: int
    policy_risk: Literal["safe", "caution", "unsafe"]
    policy_mode: Literal["auto", "manual"]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    read: int
    write: int
    destroy: int


@dataclass(frozen=True, slots=True)
class Action:
    """What was decided on, and what came of it in the world. `propensity`, the chance that this action was chosen, is
    None: people and triggers choose here, and nobody knows their odds."""

    package_digest: str
    cluster: str | None
    steps: tuple[str, ...]
    effects: Effects
    propensity: float | None


@dataclass(frozen=True, slots=True)
class Redaction:
    policy: str
    hits: Hits


@dataclass(frozen=True, slots=True)
class Lineage:
    """Rows with equal descriptions share a `near_dup_cluster`; `cluster_weight` is one over their number here."""

    run_h: str
    audit_digest: str | None
    redaction: Redaction
    consent: Literal["allow"]
    near_dup_cluster: str
    cluster_weight: float


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Row:
    schema: str
    row_id: str
    dataset_version: str
    split: Split
    group: Group
    t: Times
    features_at_decision: Features
    action: Action
    labels: Labels
    lineage: Lineage
    messages: tuple[Message, ...]

    def as_json(self) -> bytes:
        """One line, the same bytes for the same row."""
        return orjson.dumps(self, option=orjson.OPT_UTC_Z)


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The rows of one dataset version in the order of their ids, and how many runs were left out for which reason."""

    version: str
    rows: tuple[Row, ...]
    left_out: dict[str, int]


def build_rows(runs: Sequence[RunFacts], *, hmac_key: bytes, version: str, observed_until: datetime) -> TrainingRows:
    """The training rows of `runs`, which must be all runs of a period, in any order.

    1. Runs whose package denies export are left out of everything, recurrence and recent history of others included.
    2. Unfinished runs get no row, but count as recurrences.
    3. Every row is checked against the published schema.

    `observed_until`: the moment up to which `runs` are complete; labels that need a later one are None.
    Raises DatasetKeyTooShort, UnknownRunStatus, RowRefused.
    """
    if len(hmac_key) < _SHORTEST_KEY:
        raise DatasetKeyTooShort(
            expected=f"a dataset key of at least {_SHORTEST_KEY} bytes",
            found=f"{len(hmac_key)} bytes",
            remedy="generate one from the system's random source and keep it in Vault",
        )
    allowed = [run for run in runs if run.export == "allow"]
    finished = [run for run in allowed if is_finished(run)]
    incident_of = incidents(allowed)
    texts = {run.run_id: describe(run) for run in finished}
    duplicates = Counter(texts.values())
    history = History(allowed)

    def row(run: RunFacts) -> Row:
        incident_h = hidden(hmac_key, "incident", incident_of[run.run_id])
        run_h = hidden(hmac_key, "run", f"{run.tenant_id}/{run.run_id}")
        decision, end, error = _decided_at(run), ended_at(run), error_of(run)
        features = _features(run, history, decision)
        again = history.next_request(run, after=end)
        labels = label(run, next_request=again, observed_until=observed_until, error=error.text)
        return Row(
            schema=SCHEMA,
            row_id="sha256:" + hashlib.sha256(f"{SCHEMA}:{run_h}".encode()).hexdigest(),
            dataset_version=version,
            split=split_of(incident_h),
            group=Group(
                tenant_h=hidden(hmac_key, "tenant", str(run.tenant_id)),
                workflow=run.workflow,
                workflow_major=int(run.version.split(".")[0]),
                incident_h=incident_h,
            ),
            t=Times(decision, end + RECURRENCE),
            features_at_decision=features,
            action=_action(run),
            labels=labels,
            lineage=Lineage(
                run_h=run_h,
                audit_digest=run.audit_digest,
                redaction=Redaction(POLICY, error.hits),
                consent="allow",
                near_dup_cluster="c-" + hashlib.sha256(texts[run.run_id].encode()).hexdigest()[:12],
                cluster_weight=round(1 / duplicates[texts[run.run_id]], 6),
            ),
            messages=_messages(run, features, labels),
        )

    rows = tuple(sorted((row(run) for run in finished), key=lambda row: row.row_id))
    for made in rows:
        check(made.as_json())
    left_out = {"export denied": len(runs) - len(allowed), "not finished": len(allowed) - len(finished)}
    return TrainingRows(version, rows, left_out)


def check(line: bytes) -> None:
    """Raises RowRefused if a JSON line is not a row as published."""
    error = next(_validator().iter_errors(orjson.loads(line)), None)
    if error is not None:
        raise RowRefused(
            expected=f"a row as {_SCHEMA_FILE} says",
            found=f"{'/'.join(map(str, error.instance_path)) or 'row'}: {error.message}",
            remedy="this is a fault in Atom: please report it",
        )


def schema_bytes() -> bytes:
    """The published JSON Schema of a row."""
    return files("atom.dataset").joinpath(_SCHEMA_FILE).read_bytes()


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema_bytes()), validate_formats=True)


def _decided_at(run: RunFacts) -> datetime:
    """When the run was approved or rejected; when it was requested, if policy admitted it or nobody answered. UTC."""
    answered = run.requested_at + timedelta(seconds=max((d.latency_s for d in run.decisions), default=0.0))
    return (run.approved_at or answered).astimezone(UTC)


def _features(run: RunFacts, history: History, decision: datetime) -> Features:
    return Features(
        trigger=run.trigger,
        hour_utc=decision.hour,
        recent=history.recent(run, at=decision),
        policy_score=run.score,
        policy_risk=run.risk,
        policy_mode=run.mode,
        parameters=tuple(Parameter(name, value) for name, value in run.tuning.items()),
    )


def _action(run: RunFacts) -> Action:
    counts: dict[EffectName, int] = {"read": 0, "write": 0, "destroy": 0, **run.effects}
    return Action(
        package_digest=run.package_digest,
        cluster=run.cluster,
        steps=tuple(step.id for step in run.steps if step.phase == "step"),
        effects=Effects(counts["read"], counts["write"], counts["destroy"]),
        propensity=None,
    )


def _messages(run: RunFacts, features: Features, labels: Labels) -> tuple[Message, ...]:
    """The decision as a chat. The question leaves out policy and parameters: they describe the answer, not the
    situation."""
    situation = {"trigger": features.trigger, "hour_utc": features.hour_utc, "recent": features.recent}
    declined = labels.outcome == "declined"
    answer = {"workflow": None} if declined else {"workflow": run.workflow, "params": run.tuning}
    return (
        Message("system", _SYSTEM),
        Message("user", orjson.dumps(situation).decode()),
        Message("assistant", orjson.dumps(answer).decode()),
    )
