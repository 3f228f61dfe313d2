"""Asset jobs through Dagster's GraphQL: started, waited for, and what they recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from atomctl.errors import DagsterFailed

_FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}
_EVERY = 0.4  # seconds between looks
_JOBS = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name } } } } }
"""
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
_STATUS = """
query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }
"""
_RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run {
      assetMaterializations {
        assetKey { path }
        metadataEntries {
          label
          ... on IntMetadataEntry { intRepr }
          ... on FloatMetadataEntry { floatRepr }
          ... on BoolMetadataEntry { boolValue }
          ... on TextMetadataEntry { text }
          ... on MarkdownMetadataEntry { mdStr }
          ... on JsonMetadataEntry { jsonString }
        }
      }
      eventConnection {
        events {
          __typename
          ... on ExecutionStepFailureEvent { stepKey error { message causes { message } } }
          ... on AssetCheckEvaluationEvent { evaluation { checkName success } }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class JobRun:
    """A finished run: the metadata of each asset it made (label -> text), and how each asset check went."""

    run_id: str
    assets: Mapping[str, Mapping[str, str]]
    checks: Mapping[str, bool]


class Dagster:
    """Dagster's webserver at `url`. Every method raises DagsterFailed."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def launch(self, job: str) -> str:
        """Starts the job `job`, wherever it is defined; returns Dagster's run id."""
        params = {"selector": self._selector(job), "runConfigData": "{}"}
        answer = self._ask(_LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise DagsterFailed(
                f"Dagster to start the job {job}", f"{answer['__typename']}: {answer.get('message', '')}"
            )
        run_id: str = answer["run"]["runId"]
        return run_id

    def wait(self, run_id: str, *, seconds: float) -> JobRun:
        """The run once it has ended well."""
        deadline = time.monotonic() + seconds
        while (status := self._ask(_STATUS, {"id": run_id})["runOrError"].get("status")) not in _FINISHED:
            if time.monotonic() > deadline:
                raise DagsterFailed(f"run {run_id} to end within {seconds:.0f} s", f"status {status}")
            time.sleep(_EVERY)
        run = self._ask(_RUN, {"id": run_id})["runOrError"]
        events = run["eventConnection"]["events"]
        if status != "SUCCESS":
            failures = [
                f"{e['stepKey']}: {_cause(e)}" for e in events if e["__typename"] == "ExecutionStepFailureEvent"
            ]
            raise DagsterFailed(f"run {run_id} to succeed", "; ".join(failures) or status)
        evaluations = [e["evaluation"] for e in events if e["__typename"] == "AssetCheckEvaluationEvent"]
        return JobRun(
            run_id,
            {one["assetKey"]["path"][-1]: _metadata(one["metadataEntries"]) for one in run["assetMaterializations"]},
            {evaluation["checkName"]: evaluation["success"] for evaluation in evaluations},
        )

    def _selector(self, job: str) -> dict[str, str]:
        repositories = self._ask(_JOBS, {})["repositoriesOrError"].get("nodes", [])
        for repository in repositories:
            if any(one["name"] == job for one in repository["jobs"]):
                location = repository["location"]["name"]
                return {"repositoryLocationName": location, "repositoryName": repository["name"], "jobName": job}
        raise DagsterFailed(f"a job named {job}", "none in any code location that is loaded")

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post("/graphql", json={"query": query, "variables": variables}).json()
            data: dict[str, Any] | None = answer.get("data")
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            raise DagsterFailed(f"Dagster at {self.url}", f"{type(error).__name__}: {error}") from error
        if not data:
            raise DagsterFailed("an answer from Dagster's GraphQL", str(answer.get("errors"))[:500])
        return data


def _metadata(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {e["label"]: str(next((v for k, v in e.items() if k != "label"), "")) for e in entries}


def _cause(event: Mapping[str, Any]) -> str:
    """The first thing that went wrong: Dagster wraps it in errors of its own."""
    error = event["error"] or {"message": "no message", "causes": []}
    return str(([error, *error["causes"]])[-1]["message"]).strip()
