"""From bytes to a `Package`, or to one error that names the place.

The order of the checks is the order of trust: the guard reads the YAML as plain data, the JSON Schema judges its shape,
then come the promises that a schema cannot state: the parameter schema is enforceable, every expression compiles, the
graph of steps can be walked. Nothing is built from a document that failed an earlier check.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from itertools import islice
from typing import Any

import jsonschema_rs
from pydantic import ValidationError

from atom.package.digests import package_digest
from atom.package.errors import DuplicateStep, ExpressionInvalid, Place, SchemaViolation, StepCycle, UnknownStep
from atom.package.expressions import compile_expression, is_expression
from atom.package.guard import Source, read_yaml
from atom.package.model import Document, Package
from atom.package.parameters import check_parameter_schema
from atom.package.pointers import pointer_to

_STEP_LISTS = ("steps", "verify", "rollback/steps")
_RESULT_TYPES = {"when": "BOOL", "expect": "BOOL", "assert": "BOOL", "dedupeKey": "STRING", "key": "STRING"}
_VALUE_MEMBERS = {"with", "bind", "namespaces", "resourceNames"}
_ERRORS_COMPARED = 100  # schema errors looked at to find the one that stands first in the file


def load_package(data: bytes) -> Package:
    """The package in `data`. Raises a subclass of `atom.errors.InvalidInput` (see `errors.py`) for anything else."""
    source = read_yaml(data)
    _check_schema(source)
    check_parameter_schema(source, "/spec/parameters")
    for pointer, text, wanted in _expressions(source.tree["spec"]):
        _check_expression(source, pointer, text, wanted)
    _check_graph(source)
    try:
        document = Document.model_validate(source.tree)
    except ValidationError as error:  # the schema is meant to catch everything first; a test holds the two together
        problem = error.errors()[0]
        raise _violation(source, pointer_to(problem["loc"]), problem["msg"]) from error
    return Package(document=document, data=data, digest=package_digest(data), tree=source.tree, lines=source.lines)


@cache
def wpk_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a package file."""
    text = resources.files("atom.package").joinpath("wpk-v1.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(wpk_schema(), offline=True, pattern_options=jsonschema_rs.RegexOptions())


def _check_schema(source: Source) -> None:
    """Raises SchemaViolation for the error that stands first in the file."""
    found: list[tuple[Place, jsonschema_rs.ValidationError]] = []
    for error in islice(_validator().iter_errors(source.tree), _ERRORS_COMPARED):
        path = list(error.instance_path)
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            path.append(error.kind.unexpected[0])
        found.append((source.place(pointer_to(path)), error))
    if found:
        at, first = min(found, key=lambda one: (one[0].line, one[0].column))
        raise _violation(source, at.pointer, first.message)


def _violation(source: Source, pointer: str, message: str) -> SchemaViolation:
    return SchemaViolation(
        source.place(pointer),
        expected="a document that follows the WPK v1 schema",
        found=message[:1000],
        remedy="correct the document there; an editor that knows the schema shows what is allowed",
    )


def _expressions(spec: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Every expression: its pointer, its text, and the CEL type its place asks for (None: any)."""
    for pointer, owner in _owners(spec):
        for member, value in owner.items():
            if member in _RESULT_TYPES:
                yield f"{pointer}/{member}", value, _RESULT_TYPES[member]
            elif member in _VALUE_MEMBERS:
                for inner, text in _within(value, f"{pointer}/{member}"):
                    yield inner, text, None


def _owners(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects that have expressions as members."""
    for path in (*_STEP_LISTS, "preflight", "triggers", "permissions/kubernetes"):
        for pointer, item in _items(spec, path):
            yield pointer, item
            if "compensate" in item:
                yield f"{pointer}/compensate", item["compensate"]
    if "concurrency" in spec:
        yield "/spec/concurrency", spec["concurrency"]


def _items(spec: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found: Any = spec
    for part in path.split("/"):
        found = found.get(part, {})
    for index, item in enumerate(found):
        yield f"/spec/{path}/{index}", item


def _within(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if is_expression(value):
        yield f"{pointer}/cel", value["cel"]
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _within(member, pointer + pointer_to([key]))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _within(item, f"{pointer}/{index}")


def _check_expression(source: Source, pointer: str, text: str, wanted: str | None) -> None:
    try:
        actual = compile_expression(text).result_type
    except ExpressionInvalid as error:
        found = f"{error.found} at {source.place(pointer)}"
        raise ExpressionInvalid(expected=error.expected, found=found, remedy=error.remedy) from error
    if wanted not in (None, actual) and actual != "DYN":
        raise ExpressionInvalid(
            expected=f"an expression of type {wanted}",
            found=f"one of type {actual} at {source.place(pointer)}",
            remedy="compare or convert it so that it gives the type its place needs",
        )


def _check_graph(source: Source) -> None:
    """Step ids are unique in the whole package; `needs` names steps of the same list; nothing waits for itself."""
    spec = source.tree["spec"]
    seen: set[str] = set()
    for path in ("preflight", *_STEP_LISTS):
        needs: dict[str, list[str]] = {}
        for pointer, step in _items(spec, path):
            if step["id"] in seen:
                raise DuplicateStep(
                    source.place(f"{pointer}/id"),
                    expected="an id of its own for every step and preflight check",
                    found=f"{step['id']!r} again",
                    remedy="rename one of them",
                )
            seen.add(step["id"])
            needs[step["id"]] = step.get("needs", [])
        for pointer, step in _items(spec, path):
            _check_known(source, pointer, step, needs)
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            raise StepCycle(
                source.place(f"/spec/{path}"),
                expected="steps that can be put in an order",
                found=" → ".join(reversed(error.args[1])),
                remedy="remove one of these needs",
            ) from error


def _check_known(source: Source, pointer: str, step: dict[str, Any], known: dict[str, list[str]]) -> None:
    for index, need in enumerate(step.get("needs", [])):
        if need not in known:
            raise UnknownStep(
                source.place(f"{pointer}/needs/{index}"),
                expected=f"one of {', '.join(known)}",
                found=repr(need),
                remedy="name a step of the same list",
            )
