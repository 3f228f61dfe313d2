"""What rules look at: typed views of the parts of a package, each with its JSON pointer.

A view never trusts its body: the package schema lets any JSON stand in `with`, so every accessor skips what has the
wrong shape. Skipping is safe only because `Unresolved` reports each value that a rule could need and cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from atom.package.expressions import is_expression
from atom.package.model import Effect, Package
from atom.package.pointers import pointer_to

Role = Literal["preflight", "step", "verify", "rollback", "compensation"]
Node = tuple[str, Any]  # JSON pointer, value

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_POD_MEMBERS = {*_CONTAINERS, "volumes", "hostNetwork", "hostPID", "hostIPC"}  # any of them makes a mapping a pod spec
_SHELL_MEMBERS = ("script", "run", "command", "args")
_OBJECT_MEMBERS = {"manifest", "manifests", "podSpec", "patch"}
_JUDGED_MEMBERS = {*_OBJECT_MEMBERS, *_SHELL_MEMBERS, "url", "host"}
# What no rule reads, so that it may be computed: names, labels and sizes of objects.
_FREE = re.compile(r"/(metadata/(name|namespace|(labels|annotations)/[^/]+)|spec/replicas)$")


@dataclass(frozen=True, slots=True)
class Call:
    """One use of an action. `known` is the effect the runtime's catalogue gives it, None if the catalogue lacks it."""

    pointer: str
    role: Role
    body: Mapping[str, Any]
    known: Effect | None
    package: Package

    @property
    def uses(self) -> str:
        return str(self.body["uses"])

    @property
    def declared(self) -> Effect | None:
        return Effect(self.body["effect"]) if "effect" in self.body else None

    @property
    def effect(self) -> Effect:
        """The worst it can be: of what is declared and what is known; an unknown action may write."""
        order = list(Effect)
        return max(self.known or Effect.WRITE, self.declared or Effect.READ, key=order.index)

    @property
    def arguments(self) -> Node:
        return f"{self.pointer}/with", self.body.get("with", {})

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text among the arguments, that of expressions included."""
        for pointer, value in walk(*self.arguments):
            if isinstance(value, str):
                yield pointer, value


@dataclass(frozen=True, slots=True)
class Manifest:
    """A Kubernetes object among the arguments of a step."""

    pointer: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))


@dataclass(frozen=True, slots=True)
class PodSpec:
    """A pod specification wherever it stands: in a Pod, any workload's template, a patch, a custom resource."""

    pointer: str
    body: Mapping[str, Any]

    def containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Containers of all three kinds."""
        for member in _CONTAINERS:
            yield from mappings(f"{self.pointer}/{member}", self.body.get(member))

    def volumes(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield from mappings(f"{self.pointer}/volumes", self.body.get("volumes"))


@dataclass(frozen=True, slots=True)
class Script:
    """Shell text: a script, or a command line with its words joined."""

    pointer: str
    text: str


@dataclass(frozen=True, slots=True)
class KubernetesRight:
    """One entry of the Kubernetes permissions that the package asks for."""

    pointer: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that rules must read and that is known only when the package runs."""

    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class Whole:
    """The package as one object, with every call in it."""

    pointer: str
    package: Package
    calls: tuple[Call, ...]


View = Call | Manifest | PodSpec | Script | KubernetesRight | Unresolved | Whole


def views(package: Package, known_actions: Mapping[str, Effect]) -> Iterator[View]:
    """Every view of the package, in the order of the file."""
    calls = tuple(_calls(package, known_actions))
    yield Whole("", package, calls)
    permissions = package.tree["spec"]["permissions"]
    for pointer, right in mappings("/spec/permissions/kubernetes", permissions.get("kubernetes")):
        yield KubernetesRight(pointer, right)
    for call in calls:
        yield call
        yield from _objects(*call.arguments)
        yield from _unresolved(*call.arguments, judged=False)


def walk(pointer: str, value: object) -> Iterator[Node]:
    """`value` and every node below it. Depth is bounded by the loader."""
    yield pointer, value
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from walk(pointer + pointer_to([key]), member)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(f"{pointer}/{index}", item)


def mappings(pointer: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings in a list, with their pointers."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield f"{pointer}/{index}", item


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _calls(package: Package, known_actions: Mapping[str, Effect]) -> Iterator[Call]:
    spec = package.tree["spec"]
    lists: tuple[tuple[Role, str, Any], ...] = (
        ("preflight", "/spec/preflight", spec.get("preflight")),
        ("step", "/spec/steps", spec["steps"]),
        ("verify", "/spec/verify", spec["verify"]),
        ("rollback", "/spec/rollback/steps", spec.get("rollback", {}).get("steps")),
    )
    for role, where, steps in lists:
        for pointer, body in mappings(where, steps):
            if "uses" in body:
                yield Call(pointer, role, body, known_actions.get(body["uses"]), package)
            if undo := body.get("compensate"):
                yield Call(f"{pointer}/compensate", "compensation", undo, known_actions.get(undo["uses"]), package)


def _objects(pointer: str, value: object) -> Iterator[View]:
    """Manifests, pod specifications and scripts anywhere among the arguments, whatever member holds them."""
    for at, node in walk(pointer, value):
        if not isinstance(node, Mapping):
            continue
        if _is_manifest(node):
            yield Manifest(at, node)
        if _POD_MEMBERS & node.keys() or at.endswith("/podSpec"):
            yield PodSpec(at, node)
        present = [member for member in _SHELL_MEMBERS if member in node]
        words = [word for member in present for word in _words(node[member])]
        if words:
            yield Script(f"{at}/{present[0]}", " ".join(words))


def _is_manifest(node: Mapping[str, Any]) -> bool:
    return "kind" in node and bool({"apiVersion", "metadata"} & node.keys())


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _unresolved(pointer: str, value: object, *, judged: bool) -> Iterator[Unresolved]:
    """Expressions where a rule needs the literal, objects given as text, and JSON patches (RFC 6902).

    `judged` is true below a manifest, a pod specification or a command. There every expression counts but those in
    the places of _FREE.
    """
    if is_expression(value):
        if judged and not _FREE.search(pointer):
            yield Unresolved(pointer, "the value is computed when the package runs")
    elif isinstance(value, Mapping):
        if {"op", "path"} <= value.keys():
            yield Unresolved(pointer, "a JSON patch says what changes only together with the object it changes")
        is_object = judged or _is_manifest(value) or bool(_POD_MEMBERS & value.keys())
        for key, member in value.items():
            at = pointer + pointer_to([key])
            if isinstance(member, str) and key in _OBJECT_MEMBERS:
                yield Unresolved(at, "an object is given as text, which rules do not read")
            yield from _unresolved(at, member, judged=is_object or key in _JUDGED_MEMBERS)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unresolved(f"{pointer}/{index}", item, judged=judged)
