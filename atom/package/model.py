"""What a workflow package says, as values.

These models mirror `wpk-v1.schema.json` beside this file; the schema judges an upload (it gives the better messages),
the models carry what it let through. A test holds the two together. `loader.load_package` is the only maker.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Digest = str  # "sha256:<64 lower-case hex>" over the exact bytes that were signed
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: object) -> object:
    """`"90s"`, `"3m"`, `"250ms"` … as a timedelta; anything else is returned for pydantic to refuse."""
    if not isinstance(text, str):
        return text
    number = text.rstrip("mshd")
    unit = text[len(number) :]
    return timedelta(**{_UNITS[unit]: int(number)}) if number.isdigit() and unit in _UNITS else text


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Values = dict[str, Any]  # JSON values in which any object {"cel": "…"} stands for an expression


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Effect(StrEnum):
    """What a step does to the world. `destroy` cannot be undone by any later write."""

    READ = "read"
    WRITE = "write"
    DESTROY = "destroy"


class OnFailure(StrEnum):
    ROLLBACK = "rollback"
    ABORT = "abort"
    CONTINUE = "continue"


class Metadata(_Model):
    name: str
    version: str
    title: str = ""
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    maintainers: list[str] = Field(default_factory=list)
    license: str = ""


class Backoff(_Model):
    initial: Duration = timedelta(seconds=1)
    factor: float = 2.0
    max: Duration = timedelta(seconds=30)
    jitter: float = 0.2


class Retry(_Model):
    max_attempts: int = Field(alias="maxAttempts")
    backoff: Backoff = Backoff()
    retry_on: list[Literal["timeout", "conflict", "unavailable", "throttled", "exit-code", "any"]] = Field(
        default=["unavailable", "throttled"], alias="retryOn"
    )


class Compensation(_Model):
    uses: str
    with_: Values = Field(default_factory=dict, alias="with")
    timeout: Duration = timedelta(minutes=5)
    when: str | None = None


class Step(_Model):
    """One call of an action. In `verify`, `expect` must hold for `for_` before `timeout`."""

    id: str
    uses: str
    title: str = ""
    with_: Values = Field(default_factory=dict, alias="with")
    when: str | None = None
    needs: list[str] = Field(default_factory=list)
    effect: Effect | None = None
    timeout: Duration = timedelta(minutes=5)
    retry: Retry | None = None
    on_failure: OnFailure | None = Field(default=None, alias="onFailure")
    expect: str | None = None
    for_: Duration = Field(default=timedelta(0), alias="for")
    compensate: Compensation | None = None


class Preflight(_Model):
    """An assertion that must hold before the first step. Without `uses` it only looks at earlier preflight results."""

    id: str
    assert_: str = Field(alias="assert")
    uses: str | None = None
    with_: Values = Field(default_factory=dict, alias="with")
    message: str = ""


class Trigger(_Model):
    type: Literal["manual", "alertmanager", "insight", "cron", "webhook"]
    match: dict[str, str] = Field(default_factory=dict)
    schedule: str | None = None
    when: str | None = None
    bind: Values = Field(default_factory=dict)
    dedupe_key: str | None = Field(default=None, alias="dedupeKey")
    cooldown: Duration = timedelta(0)


class KubernetesPermission(_Model):
    api_groups: list[str] = Field(alias="apiGroups")
    resources: list[str]
    verbs: list[str]
    namespaces: Any
    resource_names: Any = Field(default=None, alias="resourceNames")


class NetworkPermission(_Model):
    host: str
    port: int


class Permissions(_Model):
    kubernetes: list[KubernetesPermission] = Field(default_factory=list)
    network: list[NetworkPermission] = Field(default_factory=list)


class Secret(_Model):
    name: str
    ref: str


class Concurrency(_Model):
    key: str
    max: int = 1
    policy: Literal["skip", "queue", "cancel-running"] = "queue"


class Limits(_Model):
    timeout: Duration = timedelta(hours=1)
    max_targets: int | None = Field(default=None, alias="maxTargets")
    max_target_percent: int | None = Field(default=None, alias="maxTargetPercent")
    max_runs_per_hour: int | None = Field(default=None, alias="maxRunsPerHour")


class Approval(_Model):
    mode: Literal["policy", "manual"] = "policy"
    min_approvers: int = Field(default=1, alias="minApprovers")
    distinct_from: list[Literal["requester", "publisher", "other-approvers"]] = Field(
        default=["requester", "publisher"], alias="distinctFrom"
    )
    expires: Duration = timedelta(hours=24)


class Rollback(_Model):
    strategy: Literal["compensate-reverse", "steps", "none"]
    steps: list[Step] = Field(default_factory=list)
    reason: str = ""


class Risk(_Model):
    declared: Literal["low", "medium", "high"]
    reversibility: Literal["reversible", "compensable", "irreversible"]
    blast_radius: Literal["pod", "workload", "namespace", "node", "cluster", "external"] = Field(alias="blastRadius")
    data_loss: Literal["none", "possible", "certain"] = Field(default="none", alias="dataLoss")
    notes: str = ""


class Training(_Model):
    export: Literal["allow", "deny"] = "deny"
    cause_classes: list[str] = Field(default_factory=list, alias="causeClasses")


class Requires(_Model):
    runtime: str = ""
    kubernetes: str = ""


class Spec(_Model):
    parameters: dict[str, Any]  # a closed JSON Schema 2020-12 object
    permissions: Permissions
    steps: list[Step]
    verify: list[Step]
    risk: Risk
    requires: Requires = Requires()
    secrets: list[Secret] = Field(default_factory=list)
    triggers: list[Trigger] = Field(default_factory=list)
    preflight: list[Preflight] = Field(default_factory=list)
    concurrency: Concurrency | None = None
    limits: Limits = Limits()
    approval: Approval = Approval()
    rollback: Rollback = Rollback(strategy="none")
    training: Training = Training()


class Document(_Model):
    """The playbook file itself."""

    api_version: Literal["wpk.atom/v1"] = Field(alias="apiVersion")
    kind: Literal["WorkflowPackage"]
    metadata: Metadata
    spec: Spec


class Package(_Model):
    """A document together with the bytes it was read from, their digest, and where each node stands in them.

    `tree` is the plain JSON value of the document (what rules and CEL look at); `lines` maps a JSON pointer
    (RFC 6901, "" is the root) to its 1-based (line, column).
    """

    document: Document
    data: bytes = Field(repr=False)
    digest: Digest
    tree: dict[str, Any] = Field(repr=False)
    lines: dict[str, tuple[int, int]] = Field(repr=False)

    @property
    def name(self) -> str:
        return self.document.metadata.name

    @property
    def version(self) -> str:
        return self.document.metadata.version

    @property
    def spec(self) -> Spec:
        return self.document.spec
