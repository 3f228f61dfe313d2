"""What is learnt from runs: found again by meaning, exported for training, watched for anomalies."""

from __future__ import annotations

import json
from typing import Any

from atomctl.dagster import JobRun
from atomctl.demo.scene import Scene
from atomctl.learning import pull_dataset

_QUESTION = "a deployment whose pods keep crashing after a restart"
_ROWS = 3


def tell(scene: Scene) -> None:
    learnt = runs_are_found_by_meaning(scene)
    history_becomes_a_dataset(scene, learnt)
    anomalies_become_signals(scene, learnt)


def runs_are_found_by_meaning(scene: Scene) -> JobRun:
    with scene.story.step("Run history is embedded, and found again by meaning") as step:
        step.asks("Dagster: launchRun  job=learn  (run_history, run_embeddings, training_dataset, insight_signals)")
        with scene.story.out.busy("learning from history"):
            learnt = scene.dagster.wait(scene.dagster.launch("learn"), seconds=180)
        vectors = learnt.assets["run_embeddings"]
        step.answer(f"{vectors['dagster/row_count']} runs, {vectors['newly embedded texts']} newly embedded texts")
        step.asks(f"GET /search/runs?text={_QUESTION}", f'atomctl search "{_QUESTION}" --as frank')
        found = scene.people.frank.get("/search/runs", text=_QUESTION, limit=3)["items"]
        for hit in found:
            step.answer(f"{hit['similarity']:.2f}  {hit['workflow']} {hit['outcome']}: {_short(hit['text'])}")
        step.holds("runs are found, best first", bool(found) and _falling([hit["similarity"] for hit in found]))
        step.holds(
            "the best one is a run of restart-unhealthy", bool(found) and found[0]["workflow"] == "restart-unhealthy"
        )
        return learnt


def history_becomes_a_dataset(scene: Scene, learnt: JobRun) -> None:
    with scene.story.step("A labelled, redacted training dataset is exported") as step:
        newest = scene.people.frank.get("/datasets", limit=1)["items"][0]
        version = newest["version"]
        step.asks(f"GET /datasets/{version}/manifest.json and its files", f"atomctl datasets pull {version} --as frank")
        folder = scene.folder / f"dataset-{version}"
        manifest = pull_dataset(scene.people.frank, scene.story.out, version, folder)
        step.answer(f"version {version} · rows {manifest['rows']} · outcomes {manifest['outcomes']}")
        lines = [line for path in sorted((folder / "data").glob("*.jsonl")) for line in path.read_text().splitlines()]
        for line in lines[:_ROWS]:
            step.answer(_row(json.loads(line)))
        step.holds(f"{len(lines)} rows, every file as its manifest says", 0 < len(lines) == newest["row_count"])
        step.holds(
            f"asset checks passed: {', '.join(learnt.checks)}", bool(learnt.checks) and all(learnt.checks.values())
        )


def anomalies_become_signals(scene: Scene, learnt: JobRun) -> None:
    with scene.story.step("Anomalies in run history become signals") as step:
        step.asks("GET /signals?limit=20", "atomctl signals --limit 20 --as frank")
        signals = scene.people.frank.get("/signals", limit=20)["items"]
        made = learnt.assets["insight_signals"]
        step.answer(f"{made['dagster/row_count']} found in the history, {made['new']} of them new")
        for signal in signals[:3]:
            labels = " ".join(f"{name}={value}" for name, value in sorted(signal["labels"].items()))
            change = f"{signal['baseline']:.3g} → {signal['value']:.3g}"
            step.answer(f"{signal['kind']} {signal['direction']}  {labels}  {change}  score {signal['score']:.4f}")
        noticed = any(signal["kind"] == "run_rollback_rate" and signal["direction"] == "up" for signal in signals)
        step.holds("the bad hour was noticed: more runs were rolled back than before", noticed)


def _row(row: dict[str, Any]) -> str:
    """The features, the action and the label of one training row."""
    features = row["features_at_decision"]
    parameters = " ".join(f"{one['name']}={one['value']}" for one in features["parameters"])
    return (
        f"{row['split']:<10} {row['group']['workflow']:<18} {parameters}  risk={features['policy_risk']}"
        f"  →  outcome={row['labels']['outcome']}"
    )


def _falling(values: list[float]) -> bool:
    return values == sorted(values, reverse=True)


def _short(text: str, most: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
