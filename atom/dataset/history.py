"""What had been asked for, and what had come of it, at any moment: looked up in sorted times, so that a dataset of many
runs costs n·log n."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from atom.dataset.runs import RunFacts


@dataclass(frozen=True, slots=True)
class Recent:
    """One workflow's last 7 days, as known at some moment: runs asked for, and runs that ended in success."""

    workflow: str
    runs_7d: int
    success_7d: int


RECENT = timedelta(days=7)
_MOST_WORKFLOWS = 20  # listed, busiest first


class History:
    """All runs of a period, of one or more tenants."""

    def __init__(self, runs: Iterable[RunFacts]) -> None:
        self._asked: dict[object, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
        self._succeeded: dict[object, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
        self._same: dict[object, list[datetime]] = defaultdict(list)
        for run in sorted(runs, key=lambda run: run.requested_at):
            self._asked[run.tenant_id][run.workflow].append(run.requested_at)
            self._same[run.tenant_id, run.workflow, run.target].append(run.requested_at)
            if run.status == "succeeded" and run.finished_at is not None:
                self._succeeded[run.tenant_id][run.workflow].append(run.finished_at)
        for workflows in self._succeeded.values():
            for ends in workflows.values():
                ends.sort()

    def recent(self, run: RunFacts, at: datetime) -> tuple[Recent, ...]:
        """The 7 days before `at`, for every workflow of the run's tenant, without the run itself."""
        found = []
        for workflow, asked in self._asked[run.tenant_id].items():
            count = _between(asked, at - RECENT, at) - (
                workflow == run.workflow and at - RECENT <= run.requested_at < at
            )
            if count:
                ended = self._succeeded[run.tenant_id].get(workflow, [])
                found.append(Recent(workflow, count, _between(ended, at - RECENT, at)))
        return tuple(sorted(found, key=lambda recent: (-recent.runs_7d, recent.workflow))[:_MOST_WORKFLOWS])

    def next_request(self, run: RunFacts, after: datetime) -> datetime | None:
        """When the run's workflow was next asked for on the run's target."""
        asked = self._same[run.tenant_id, run.workflow, run.target]
        place = bisect_right(asked, after)
        return asked[place] if place < len(asked) else None


def _between(times: list[datetime], start: datetime, end: datetime) -> int:
    return bisect_left(times, end) - bisect_left(times, start)
