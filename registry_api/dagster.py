"""Asks Dagster to run what was approved, at once. The run-queue sensor finds whatever this misses."""

from __future__ import annotations

import json
import logging
import uuid

import httpx

from atom.flow.launching import JOB, LOCATION, Launch, Launching

_log = logging.getLogger(__name__)
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


class Dagster:
    def __init__(self, url: str | None, launching: Launching) -> None:
        self._launching = launching
        self._client = httpx.Client(base_url=url, timeout=10) if url else None

    def push(self, tenant: uuid.UUID, run_id: uuid.UUID) -> None:
        """Launches the run if it is queued. Never raises: a push that fails costs seconds, not the run."""
        if self._client is None:
            return
        launch = self._launching.one(tenant, run_id)
        if launch is None:
            return
        try:
            answer = self._client.post("/graphql", json={"query": _LAUNCH, "variables": {"params": _params(launch)}})
            kind = answer.raise_for_status().json()["data"]["launchRun"]["__typename"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            kind = f"{type(error).__name__}: {error}"
        if kind != "LaunchRunSuccess":
            _log.warning("Dagster did not take run %s (%s); the sensor will ask again", run_id, kind)
            self._launching.give_back(launch)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _params(launch: Launch) -> dict[str, object]:
    return {
        "selector": {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": JOB},
        "runConfigData": json.dumps(launch.config),
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in launch.tags.items()]},
    }
