"""The parameters of a run: what a package may ask for, and whether what was given fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from atom.package.digests import canonical_json
from atom.package.errors import NotCanonical, ParameterSchemaInvalid, ParametersInvalid
from atom.package.guard import MAX_DEPTH, Source
from atom.package.model import Package
from atom.package.pointers import pointer_to

MAX_GIVEN = 64 * 1024  # bytes of all parameters of one run, as canonical JSON
MAX_PATTERNS = 100
MAX_PATTERN_LENGTH = 256  # characters
_PATTERN_SIZE = 256 * 1024  # bytes of one compiled pattern: `[a-z0-9-]{1,253}` fits, `(\w{100}){100}` does not
_SHOWN_ERRORS = 5


def check_parameter_schema(source: Source, pointer: str) -> None:
    """Refuse a parameter schema that is not valid, points elsewhere, or could cost more than the parameters are worth.

    Patterns run on a linear-time engine, so no look-around. Raises ParameterSchemaInvalid.
    """
    schema = source.tree
    for part in pointer.split("/")[1:]:
        schema = schema[part]
    patterns = 0
    for where, keyword, value in _keywords(schema, pointer):
        if keyword.startswith("$"):
            raise _refused(source, where, f"the keyword {keyword}", "write it out without references")
        if keyword == "pattern" and isinstance(value, str):
            patterns += 1
            if patterns > MAX_PATTERNS or len(value) > MAX_PATTERN_LENGTH:
                limit = f"at most {MAX_PATTERNS} patterns of at most {MAX_PATTERN_LENGTH} characters"
                raise _refused(source, where, "more, or longer, patterns than allowed", f"use {limit}")
        if keyword == "patternProperties":
            raise _refused(source, where, "the keyword patternProperties", "name the properties")
    try:
        _validator(schema)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        path = getattr(error, "instance_path", [])
        message = getattr(error, "message", str(error))
        raise _refused(source, pointer + pointer_to(path), message, "follow JSON Schema 2020-12") from error
    for name, default in _defaults(schema).items():
        if not _validator(schema["properties"][name]).is_valid(default):
            at = f"{pointer}/properties/{name}/default"
            raise _refused(source, at, f"a default that {name} itself does not allow", "correct the default")


def validate_parameters(package: Package, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters a run gets: `given` with the defaults of top-level properties filled in.

    The result has been through canonical JSON, so it is a copy, and `3.0` is `3`: what is approved by digest is exactly
    what expressions see. Raises ParametersInvalid.
    """
    schema = package.spec.parameters
    if _nests_deeper(given, MAX_DEPTH):
        raise _invalid(f"parameters nested deeper than {MAX_DEPTH}")
    try:
        canonical = canonical_json({**_defaults(schema), **given})
    except NotCanonical as error:
        raise _invalid(error.found) from error
    if len(canonical) > MAX_GIVEN:
        raise _invalid(f"{len(canonical)} bytes of parameters, more than {MAX_GIVEN}")
    parameters: dict[str, Any] = json.loads(canonical)
    problems = [
        f"{pointer_to(error.instance_path) or 'the parameters'}: {error.message[:200]}"
        for error in islice(_validator(schema).iter_errors(parameters), _SHOWN_ERRORS)
    ]
    if problems:
        raise _invalid("; ".join(problems))
    return parameters


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    declared = schema.get("properties", {})
    return {name: one["default"] for name, one in declared.items() if isinstance(one, dict) and "default" in one}


def _validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_SIZE)
    return jsonschema_rs.Draft202012Validator(schema, offline=True, validate_formats=True, pattern_options=options)


def _keywords(value: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    """Every member of every object below `value`. Names of properties are taken for keywords: the strict side."""
    if isinstance(value, dict):
        for key, member in value.items():
            where = pointer + pointer_to([key])
            yield where, key, member
            yield from _keywords(member, where)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keywords(item, f"{pointer}/{index}")


def _nests_deeper(value: object, room: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return room < 0 or any(_nests_deeper(item, room - 1) for item in inner)


def _refused(source: Source, pointer: str, found: str, remedy: str) -> ParameterSchemaInvalid:
    expected = "a closed JSON Schema 2020-12 object that Atom can enforce by itself"
    return ParameterSchemaInvalid(source.place(pointer), expected=expected, found=found[:500], remedy=remedy)


def _invalid(found: str) -> ParametersInvalid:
    return ParametersInvalid(
        expected="parameters that fit the package's parameter schema",
        found=found,
        remedy="look at spec.parameters of the package and correct the values",
    )
