"""docs/author/actions.md: what a step can do, from the catalogue that the runtime uses."""

from __future__ import annotations

import json
import re
from typing import Any

from atom.runtime.action import Action
from atom.runtime.actions import ACTIONS
from docs.generate.markdown import code, table

SOURCE = "`atom/runtime/actions/`"
_BOUNDS = {"minimum": "from", "maximum": "to", "maxItems": "at most"}
_ISO = re.compile(r"^PT([0-9]+)([SMH])$")  # how JSON Schema spells a default duration

_PAGE = """\
# Actions

What a step may name in `uses`. The number after `@v` is part of the name: an action that changes its meaning gets a new one.
A step declares its `effect`; the gate compares it with the action's own. See [writing a package](README.md).

{overview}

{each}
"""

_ONE = """\
## {name}

{doc}

Effect: `{effect}`. Kubernetes permissions: {permissions}.

{parameters}

Result, as later expressions see it:

{result}
"""


def page() -> str:
    actions = [ACTIONS[name] for name in sorted(ACTIONS)]
    rows = [(code(a.name), f"`{a.effect.value}`", a.doc) for a in actions]
    return _PAGE.format(overview=table(["action", "effect", "what"], rows), each="\n".join(map(_one, actions)))


def _one(action: Action) -> str:
    needed = [f"`{' '.join(p.verbs)}` on `{p.resource}`{_of(p.api_group)}" for p in action.permissions]
    return _ONE.format(
        name=action.name,
        doc=action.doc,
        effect=action.effect.value,
        permissions=", ".join(needed) or "none",
        parameters=table(["`with`", "what", "default"], _rows(action.parameter_schema)),
        result=table(["member", "what"], [row[:2] for row in _rows(action.result_schema)]),
    )


def _of(group: str) -> str:
    return f" of `{group}`" if group else ""


def _rows(schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    return [
        (code(name), _what(one, schema), "required" if name in required else code(_plain(one.get("default"))))
        for name, one in schema.get("properties", {}).items()
    ]


def _what(one: dict[str, Any], schema: dict[str, Any]) -> str:
    told = [_type(one, schema), *(f"{word} {one[key]}" for key, word in _BOUNDS.items() if key in one)]
    return ", ".join(told) + (f". {one['description']}" if "description" in one else "")


def _type(one: dict[str, Any], schema: dict[str, Any]) -> str:
    """The kind of value in a few words."""
    if "$ref" in one:
        target: dict[str, Any] = schema["$defs"][one["$ref"].rpartition("/")[2]]
        members = ", ".join(target.get("properties", {}))
        return f"object ({members})" if members else _type(target, schema)
    if "anyOf" in one:
        return " or ".join(_type(choice, schema) for choice in one["anyOf"])
    if "const" in one:
        return f"always {code(_plain(one['const']))}"
    if "enum" in one:
        return "one of " + ", ".join(code(choice) for choice in one["enum"])
    if one.get("type") == "array":
        return f"list of {_type(one['items'], schema)}"
    if one.get("pattern", "").startswith("^[0-9]+(ms"):
        return "duration, such as `3m`"
    return str(one.get("type", "any value"))


def _plain(value: object) -> str:
    """A default as a playbook would spell it."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return _ISO.sub(lambda found: found[1] + found[2].lower(), value)
    return json.dumps(value)
