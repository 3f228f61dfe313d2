"""One dataset version as files: JSON Lines and Parquet for each split, a card for people, a manifest for machines.

The same rows give the same bytes (with the same pyarrow), so a version can be made again and compared.
"""

from __future__ import annotations

import hashlib
import io
import types
import typing
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin

import orjson
import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from atom.dataset.card import render_card
from atom.dataset.errors import DatasetTooLarge
from atom.dataset.rows import SCHEMA, Row, TrainingRows, schema_bytes
from atom.dataset.split import SPLITS

MAX_ROWS = 200_000  # at about 3 KB a row in memory, everything is held at once
_SCHEMA_PATH = "schema/training-row-v1.schema.json"


@dataclass(frozen=True, slots=True)
class Export:
    """`files`: path inside the version's folder -> bytes, the manifest included. `rows`: rows of each split."""

    version: str
    files: dict[str, bytes]
    rows: dict[str, int]
    manifest: dict[str, Any]


def export(dataset: TrainingRows) -> Export:
    """Everything that is published of a version. Raises DatasetTooLarge beyond MAX_ROWS rows."""
    if len(dataset.rows) > MAX_ROWS:
        raise DatasetTooLarge(
            expected=f"at most {MAX_ROWS} rows in one version",
            found=f"{len(dataset.rows)}",
            remedy="export a shorter period",
        )
    made: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    for split in SPLITS:
        rows = [row for row in dataset.rows if row.split == split]
        counts[split] = len(rows)
        lines = b"".join(row.as_json() + b"\n" for row in rows)
        made |= {f"data/{split}.jsonl": lines, f"data/{split}.parquet": _parquet(lines)}
    made[_SCHEMA_PATH] = schema_bytes()
    made["README.md"] = render_card(dataset, counts).encode()
    manifest = {
        "schema": "dataset/v1",
        "version": dataset.version,
        "row_schema": {"name": SCHEMA, "path": _SCHEMA_PATH, "sha256": _sha256(made[_SCHEMA_PATH])},
        "rows": counts,
        "left_out": dataset.left_out,
        "outcomes": dict(sorted(Counter(row.labels.outcome for row in dataset.rows).items())),
        "files": [{"path": p, "sha256": _sha256(data), "bytes": len(data)} for p, data in sorted(made.items())],
    }
    made["manifest.json"] = orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n"
    return Export(dataset.version, made, counts, manifest)


def arrow_schema() -> pa.Schema:
    """The columns of the Parquet files: those of the JSON lines, nested the same way."""
    return pa.schema(list(_arrow(Row)))


def _parquet(lines: bytes) -> bytes:
    """The same rows as columns. Read from the lines themselves, so that the two forms cannot differ."""
    schema = arrow_schema()
    if lines:
        how = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
        table = pa_json.read_json(io.BytesIO(lines), pa_json.ReadOptions(use_threads=False), how)
    else:
        table = schema.empty_table()
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


_SCALARS: dict[object, Callable[[], pa.DataType]] = {
    str: pa.string,
    int: pa.int64,
    float: pa.float64,
    bool: pa.bool_,
    datetime: lambda: pa.timestamp("us", tz="UTC"),
}


def _arrow(hint: object) -> pa.DataType:
    """The Arrow type of an annotation: a scalar, a Literal of strings, X | None, tuple[X, ...] or a dataclass."""
    if hint in _SCALARS:
        return _SCALARS[hint]()
    if is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return pa.struct([pa.field(field.name, _arrow(hints[field.name])) for field in fields(hint)])
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow(arguments[0]))
    if origin in (Union, types.UnionType):
        return _arrow(next(argument for argument in arguments if argument is not type(None)))
    raise TypeError(f"no Arrow type for {hint!r}")


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
