"""docs/data-scientist/columns.md: the columns of a training row, and what each label means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from atom.dataset.labels import CauseLabel, HumanLabel, Labels
from atom.dataset.rows import SCHEMA, schema_bytes
from docs.generate.markdown import code, table

SOURCE = "`atom/dataset/training-row-v1.schema.json` and `atom/dataset/labels.py`"

_PAGE = """\
# Columns of a training row

Schema `{schema}`: one finished run a row. The JSON Schema lies in every dataset as
`schema/training-row-v1.schema.json`. JSON Lines and Parquet hold the same columns, nested the same way. See
[datasets](README.md) for how to get and load one.

{columns}

## What the labels mean

Labels look back from after the end of the run; the features know nothing that happened after the decision.

{labels}

- `human`: {human}
- `root_cause`: {cause}
"""


def page() -> str:
    schema: dict[str, Any] = json.loads(schema_bytes())
    return _PAGE.format(
        schema=SCHEMA,
        columns=table(["column", "values", "what"], _columns(schema, "")),
        labels=_list(Labels.__doc__ or ""),
        human=_sentence(HumanLabel.__doc__ or ""),
        cause=_sentence(CauseLabel.__doc__ or ""),
    )


def _columns(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, one in schema["properties"].items():
        if "properties" in one:
            if "description" in one:
                yield code(prefix + name), "object", one["description"]
            yield from _columns(one, f"{prefix}{name}.")
        else:
            yield code(prefix + name), _values(one), one.get("description", "")


def _values(one: dict[str, Any]) -> str:
    if "anyOf" in one:
        return " or ".join(_values(choice) for choice in one["anyOf"])
    if "const" in one:
        return f"always {code(one['const'])}"
    if "enum" in one:
        return ", ".join(code(choice) for choice in one["enum"])
    if one["type"] == "array":
        return f"list of {_values(one['items'])}"
    if one["type"] == "object":
        return f"object ({', '.join(one['properties'])})"
    if one.get("format") == "date-time":
        return "time, UTC"
    return str(one["type"])


def _list(docstring: str) -> str:
    """A docstring that is a list, with its lines joined and its first names in code."""
    return "\n".join(f"- {_sentence(item)}" for item in re.split(r"\n\s*- ", docstring)[1:])


def _sentence(text: str) -> str:
    return " ".join(text.split())
