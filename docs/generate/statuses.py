"""docs/operator/statuses.md: the state machine as the database enforces it, and the outcomes as the engine tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import migrations
from atom.runtime import outcome
from atom.store.runs import FINISHED, Status
from docs.generate.markdown import table

SOURCE = "`migrations/versions/003_add_audit_fields.sql`, `atom/store/runs.py` and `atom/runtime/outcome.py`"

_PAGE = """\
# Statuses

## The way of a run

A trigger in the database lets a run move along these arrows only, whoever asks:

```mermaid
stateDiagram-v2
{arrows}
```

{statuses}

What was asked for (package, parameters, requester) never changes. A finished run changes once more: it gets the
path of its own audit record. No run is ever deleted.

## What an interrupted run means

A worker renews a lease on its run. When the lease lapses, the worker is taken for dead, and a sensor settles the run:

- **No write had begun**: the run goes back to `queued` as its next attempt, at most three times.
- **A write had begun**: the run ends as `unknown` with the outcome `interrupted`. Atom does not know whether the write
  reached the cluster, so it does not repeat it. The run's error names the last write that was begun. Look at the
  target, then ask for a new run.

A worker that comes back late finds that the run is no longer its own and stops itself.

## How a run ended

`status` is the place in the state machine; `outcome` says what happened. These are the outcomes of runs that were
started:

{outcomes}

Four more belong to runs that the engine did not end: `rejected`, `expired` and `cancelled` (before the start), and
`interrupted`. A run whose signature, approval or package no longer holds when it is claimed ends as `failed` with the
outcome `refused`.
"""

_MEANING: dict[str, str] = {
    "pending_approval": "waits for a second person",
    "queued": "may run; waits for a worker",
    "running": "a worker holds its lease",
    "succeeded": "verified",
    "failed": "ended without success, and was not, or not wholly, taken back",
    "rolled_back": "did not help, and what was changed has been taken back",
    "cancelled": "somebody called it off",
    "rejected": "somebody said no",
    "expired": "nobody decided in time",
    "unknown": "the worker died in the middle of a write",
}
_MOVES = re.compile(r"old\.status = '(\w+)' and new\.status (?:in \(([^)]*)\)|= '(\w+)')")


def page() -> str:
    moves = list(_moves())
    arrows = [("[*]", "pending_approval"), ("[*]", "queued"), *moves]
    arrows += [(status, "[*]") for status in get_args(Status) if status in FINISHED]
    rows = [
        (
            f"`{status}`",
            _MEANING[status],
            ", ".join(f"`{to}`" for came, to in moves if came == status) or "nothing: finished",
        )
        for status in get_args(Status)
    ]
    return _PAGE.format(
        arrows="\n".join(f"    {came} --> {to}" for came, to in arrows),
        statuses=table(["status", "meaning", "may become"], rows),
        outcomes=_outcomes(),
    )


def _moves() -> Iterator[tuple[str, str]]:
    """(from, to) for each move that the trigger allows."""
    text = (migrations.FOLDER / "versions" / "003_add_audit_fields.sql").read_text()
    for came, many, one in _MOVES.findall(text):
        for to in re.findall(r"\w+", many or one):
            yield came, to


def _outcomes() -> str:
    """The table in the docstring of atom/runtime/outcome.py."""
    lines = [line for line in (outcome.__doc__ or "").splitlines() if line.startswith("|")]
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines[2:]]
    return table(["what happened", "status", "outcome"], [(what, f"`{s}`", f"`{o}`") for what, s, o in rows])
