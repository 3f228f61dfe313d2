"""What an action is, and what it is handed when it is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from atom.errors import Conflict, Forbidden, InvalidInput, NotFound
from atom.package.digests import json_digest
from atom.package.model import Digest, Effect, parse_duration
from atom.runtime.cluster import Cluster
from atom.runtime.errors import ActionInputRefused, TargetLimitExceeded, Throttled
from atom.runtime.objects import Value

_REFUSED = (Conflict, Forbidden, InvalidInput, NotFound, Throttled)  # the cluster said no: nothing was done

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]  # RFC 1123 label
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]  # RFC 1123 subdomain
Span = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    Field(ge=timedelta(0), le=timedelta(days=1)),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}),
]


class Parameters(BaseModel):
    """What an action's `with` may hold. Unknown names are an error: a misspelt limit must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Permission:
    """Verbs on one Kubernetes resource that an action's calls need."""

    api_group: str
    resource: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One write to one object, as evidence.

    `before` and `after` are digests of the object as Atom sees it (`atom.runtime.objects`), None where there is none.
    `certain` is False when the cluster never answered: the write may or may not have happened.
    """

    object: str
    verb: str
    before: Digest | None
    after: Digest | None
    undo: str
    certain: bool = True


class Targets:
    """The objects a run has touched, held against the package's limits before the first of them is touched."""

    def __init__(self, most: int | None, percent: int | None) -> None:
        self._most = most
        self._percent = percent
        self._touched: dict[str, set[str]] = {}

    def claim(self, workload: str, objects: set[str], size: int) -> None:
        """Count `objects` of a `workload` that has `size` of them. Raises TargetLimitExceeded and counts nothing."""
        mine = self._touched.get(workload, set()) | objects
        total = len(mine) + sum(len(others) for name, others in self._touched.items() if name != workload)
        if self._most is not None and total > self._most:
            raise TargetLimitExceeded(f"at most {self._most} objects changed by a run", f"{total}")
        if self._percent is not None and len(mine) * 100 > self._percent * size:
            share = math.ceil(len(mine) * 100 / size) if size else 100
            raise TargetLimitExceeded(f"at most {self._percent} % of {workload}", f"{len(mine)} of {size} ({share} %)")
        self._touched[workload] = mine


@dataclass(slots=True)
class Write:
    """The object after a write; stays None for a delete."""

    after: Value | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action.

    `mark` names the step and its run, the same for every attempt, so that an action can recognise its own earlier
    write. `wrote_before` says that an earlier attempt of this step wrote, or may have. `pause` waits on the cluster's
    clock and raises what must end the wait: StepTimedOut, RunTimedOut, Cancelled.
    """

    cluster: Cluster
    mark: str
    pause: Callable[[float], None]
    targets: Targets
    wrote_before: bool = False
    changes: list[Change] = field(default_factory=list)

    def address(self, api: str, namespace: str, kind: str, name: str) -> str:
        return f"k8s://{self.cluster.host}/{api}/{namespace}/{kind}/{name}"

    @contextmanager
    def writing(self, address: str, verb: str, before: Value, undo: str) -> Iterator[Write]:
        """Around exactly one write call: keeps the evidence whatever happens, and none if the cluster refused."""
        write = Write()
        try:
            yield write
        except _REFUSED:
            raise
        except BaseException:
            self.changes.append(Change(address, verb, json_digest(before.as_json()), None, undo, certain=False))
            raise
        after = json_digest(write.after.as_json()) if write.after else None
        self.changes.append(Change(address, verb, json_digest(before.as_json()), after, undo))


@dataclass(frozen=True, slots=True)
class Action:
    """Something a step can do. Made by `@action`; `actions/` holds them, one file a family.

    An action reads before it writes and is safe to call again after any failure with the same `Call.mark`.
    """

    name: str
    effect: Effect
    doc: str
    parameters: type[Parameters]
    result: type[Value]
    permissions: tuple[Permission, ...]
    run: Callable[[Call, Any], Value]

    def __call__(self, call: Call, given: dict[str, Any]) -> dict[str, Any]:
        """The result as plain JSON. Raises ActionInputRefused, and whatever the action and the cluster raise."""
        try:
            parameters = self.parameters.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = "/".join(str(part) for part in first["loc"])
            raise ActionInputRefused(self.name, f"{where}: {first['msg']}") from None
        return self.run(call, parameters).as_json()

    @property
    def parameter_schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of `with`."""
        return self.parameters.model_json_schema(by_alias=True)

    @property
    def result_schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of what later expressions see."""
        return self.result.model_json_schema(by_alias=True, mode="serialization")


def action(name: str, effect: Effect, *permissions: Permission) -> Callable[[Callable[..., Value]], Action]:
    """Make an Action of a function `(call: Call, given: <Parameters>) -> <Value>`; its docstring is the doc."""

    def make(function: Callable[..., Value]) -> Action:
        types = get_type_hints(function)
        doc = (function.__doc__ or "").strip().splitlines()[0]
        return Action(name, effect, doc, types["given"], types["return"], permissions, function)

    return make
