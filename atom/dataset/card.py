"""The README of a dataset version: what is in it, where it comes from, what it must not be used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from atom.dataset.redact import POLICY
from atom.dataset.rows import SCHEMA, TrainingRows
from atom.dataset.split import SPLITS

_HEAD = """\
---
pretty_name: Atom run history {version}
configs:
- config_name: default
  data_files:
{data_files}
---

# Run history {version}

Governed runs of signed runbooks, one finished run a row ({schema}): the situation when it was decided on, the action,
what came of it, and the decision as a chat. {total} rows.

## Rows

| split | rows |
|---|---:|
{splits}

Left out: {left_out}.

## Labels

| label | value | rows |
|---|---|---:|
{labels}
"""

_BODY = """
## Columns

The files of a split hold the same rows: `data/<split>.jsonl` and `data/<split>.parquet`. The exact contract is
`schema/training-row-v1.schema.json`.

- `features_at_decision`: known when the run was approved, rejected or admitted; nothing later. Numbers among the
  parameters are binned, texts are left out.
- `action`: the package by digest, its steps, and how many objects it touched. `propensity` is null: nobody knows it.
- `labels`: seen from after the end. `verify` and `effectiveness` come from the package's own verification steps,
  `recurred_24h` from later requests for the same workflow on the same target. `censored` rows may still change.
- `root_cause` is weak supervision: the causes that the package's author declares.
- `lineage`: the audit record's digest, what was redacted, and `cluster_weight` to weigh down near-identical rows.
- `messages`: the question holds features only, without those that describe the chosen action.

## Provenance

Built from the run database by Atom. `lineage.audit_digest` names each run's record in the immutable audit log.
Splits are by incident (runs on one target with less than 24 hours between them), so no incident is in two splits.
Identities are HMAC-SHA256 pseudonyms under a key of this installation.

## Limits

- Only packages whose author allows export (`training.export: allow`) are here, and only what people chose to run.
- Runs with `action.cluster` "simulator" touched no real cluster.
- Near-identical rows of different incidents may lie in different splits; `lineage.near_dup_cluster` finds them.
- Redaction (policy {policy}) is pattern matching: it lowers the risk of personal data and secrets, it proves nothing.
- Pseudonymous is not anonymous. Do not try to identify tenants or people.
- To imitate good decisions, train on rows with `labels.effectiveness` "resolved" and `labels.censored` false.

## Licence

None is granted by this file: the data belong to the organisation whose runs they are.
"""


def render_card(dataset: TrainingRows, counts: Mapping[str, int]) -> str:
    """Markdown with the YAML header that dataset hubs and `datasets.load_dataset` read."""
    head = _HEAD.format(
        version=dataset.version,
        schema=SCHEMA,
        total=len(dataset.rows),
        data_files="\n".join(f"  - split: {split}\n    path: data/{split}.parquet" for split in SPLITS),
        splits="\n".join(f"| {split} | {counts[split]} |" for split in SPLITS),
        left_out=", ".join(f"{count} runs ({reason})" for reason, count in dataset.left_out.items()),
        labels="\n".join(_distribution(dataset)),
    )
    return head + _BODY.format(policy=POLICY)


def _distribution(dataset: TrainingRows) -> list[str]:
    lines = []
    for name in ("outcome", "effectiveness", "verify", "risk_class", "rolled_back", "recurred_24h", "censored"):
        counted = Counter(str(getattr(row.labels, name)).lower() for row in dataset.rows)
        lines += [f"| {name} | {value} | {count} |" for value, count in sorted(counted.items())]
    return lines
