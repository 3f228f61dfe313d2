"""Run history and what is learnt from it, tenant by tenant."""

import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.plots import outcome_bars
from atom.dataset.rows import check
from atom.dataset.runs import RunFacts
from atom.flow.learning import Learning

GROUP = "learning"
OWNERS = ["team:data"]
_DAYS = 90
_QUESTION = "pods keep crashing after a restart"
_SAMPLES = 3
_SHOWN = 50  # of a long list in metadata
_SEALED_WITHIN = timedelta(minutes=5)  # the sealer comes by every five seconds

History = dict[str, list[RunFacts]]
_HISTORY = {"run_history": dg.AssetIn("run_history")}  # a check's first argument would else be the checked asset itself


@dg.asset(group_name=GROUP, kinds={"postgres", "python"}, owners=OWNERS)
def run_history(learning: dg.ResourceParam[Learning]) -> dg.Output[History]:
    """Every run of the last 90 days with its steps, decisions and verdict, by tenant."""
    history = {str(tenant.id): learning.history(tenant.id, days=_DAYS) for tenant in learning.tenants()}
    runs = [run for found in history.values() for run in found]
    outcomes = Counter(run.outcome or run.status for run in runs)
    return dg.Output(
        history,
        metadata={
            "dagster/row_count": len(runs),
            "tenants": len(history),
            "outcomes": dg.MetadataValue.json(dict(outcomes.most_common())),
            "by outcome": dg.MetadataValue.md(outcome_bars(runs)),
        },
    )


@dg.asset_check(asset=run_history)
def every_ended_run_has_its_record(run_history: History) -> dg.AssetCheckResult:
    """A run that ended some minutes ago has its audit record in the object store."""
    since = datetime.now(UTC) - _SEALED_WITHIN
    missing = [
        str(run.run_id)
        for runs in run_history.values()
        for run in runs
        if run.finished_at is not None and run.finished_at < since and run.audit_path is None
    ]
    return dg.AssetCheckResult(
        passed=not missing, metadata={"without a record": dg.MetadataValue.json(missing[:_SHOWN])}
    )


@dg.asset(group_name=GROUP, kinds={"milvus"}, owners=OWNERS)
def run_embeddings(
    context: dg.AssetExecutionContext, run_history: History, learning: dg.ResourceParam[Learning]
) -> dg.MaterializeResult:
    """One vector a run in Milvus, so that runs can be found by what happened in them."""
    done = [learning.embed(_id(tenant), runs, progress=context.log.info) for tenant, runs in run_history.items()]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(one.runs for one in done),
            "newly embedded texts": sum(one.new for one in done),
        }
    )


@dg.asset_check(asset=run_embeddings, additional_ins=_HISTORY)
def a_question_is_answered(run_history: History, learning: dg.ResourceParam[Learning]) -> dg.AssetCheckResult:
    """A similarity query in every tenant that has runs gives at least one."""
    answers: dict[str, Any] = {}
    for tenant, runs in run_history.items():
        if runs:
            hits = learning.search(_id(tenant), _QUESTION, limit=_SAMPLES)
            answers[tenant] = [f"{hit.similarity:.2f} {hit.text[:120]}" for hit in hits]
    return dg.AssetCheckResult(
        passed=all(answers.values()), metadata={"question": _QUESTION, "answers": dg.MetadataValue.json(answers)}
    )


@dg.asset(group_name=GROUP, kinds={"s3", "parquet"}, owners=OWNERS)
def training_dataset(run_history: History, learning: dg.ResourceParam[Learning]) -> dg.Output[dict[str, str]]:
    """A labelled, redacted, immutable dataset version a tenant: JSONL, Parquet, card and manifest in the object store."""
    published = {tenant: learning.publish(_id(tenant), runs) for tenant, runs in run_history.items() if runs}
    samples = [
        json.loads(line)
        for one in published.values()
        for line in one.made.files["data/train.jsonl"].splitlines()[:_SAMPLES]
    ]
    return dg.Output(
        {tenant: one.version for tenant, one in published.items()},
        metadata={
            "dagster/row_count": sum(sum(one.made.rows.values()) for one in published.values()),
            "bytes": sum(len(data) for one in published.values() for data in one.made.files.values()),
            "versions": dg.MetadataValue.json({tenant: one.version for tenant, one in published.items()}),
            "sample rows": dg.MetadataValue.json(samples[:_SAMPLES]),
        },
    )


@dg.asset_check(asset=training_dataset)
def every_row_follows_the_schema(
    training_dataset: dict[str, str], learning: dg.ResourceParam[Learning]
) -> dg.AssetCheckResult:
    """What was published, read back from the object store: hashes as in the manifest, every line a valid row."""
    rows = 0
    for tenant, version in training_dataset.items():
        for line in learning.published_lines(_id(tenant), version):
            check(line)
            rows += 1
    return dg.AssetCheckResult(passed=True, metadata={"rows checked": rows})


@dg.asset(group_name=GROUP, kinds={"python"}, owners=OWNERS)
def insight_signals(run_history: History, learning: dg.ResourceParam[Learning]) -> dg.MaterializeResult:
    """Anomalies in run history: failure, rollback and duration shifts, bursts of runs."""
    found = {tenant: learning.detect(_id(tenant), runs) for tenant, runs in run_history.items()}
    told = [
        {"kind": signal.kind, "labels": signal.labels, "score": round(signal.score, 3), "value": signal.value}
        for signals, _ in found.values()
        for signal in signals
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(told),
            "new": sum(new for _, new in found.values()),
            "signals": dg.MetadataValue.json(told[:_SHOWN]),
        }
    )


@dg.asset_check(asset=insight_signals, additional_ins=_HISTORY)
def signals_name_their_runs(run_history: History, learning: dg.ResourceParam[Learning]) -> dg.AssetCheckResult:
    """Every signal points to runs of its tenant that are its evidence."""
    orphans = [
        f"{tenant}: {signal.dedupe_key}"
        for tenant, runs in run_history.items()
        for signal in learning.signals(_id(tenant))
        if not signal.run_ids
    ]
    return dg.AssetCheckResult(passed=not orphans, metadata={"without runs": dg.MetadataValue.json(orphans)})


def _id(tenant: str) -> uuid.UUID:
    """Keys of an output must be strings to survive any I/O manager."""
    return uuid.UUID(tenant)
