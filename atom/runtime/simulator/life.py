"""How one simulated pod fares: its whole life as a function of its age, so that nothing has to be ticked."""

from __future__ import annotations

from dataclasses import dataclass

# The kubelet's restart back-off: 10 s, doubling, at most 5 min (Kubernetes docs, "Pod lifecycle").
BACKOFF_FIRST = 10.0
BACKOFF_LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What a pod is like at one age. `since` is the age, in seconds, at which it last became ready or unready."""

    ready: bool
    since: float
    reason: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Life:
    """A container starts, becomes ready after `startup` seconds unless `stuck`, and crashes `crash_after` seconds after
    each start, if at all; then the kubelet waits and starts it again."""

    startup: float
    stuck: bool = False
    crash_after: float | None = None

    @property
    def first_ready(self) -> float | None:
        """The age at which the pod is ready for the first time; None if never."""
        in_time = self.crash_after is None or self.startup < self.crash_after
        return self.startup if in_time and not self.stuck else None

    def starts(self, age: float) -> list[float]:
        """The ages, up to `age`, at which the container was started: the first is 0, the others are restarts."""
        starts = [0.0]
        while self.crash_after is not None:
            backoff = min(BACKOFF_FIRST * 2 ** (len(starts) - 1), BACKOFF_LONGEST)
            following = starts[-1] + self.crash_after + backoff
            if following > age:
                break
            starts.append(following)
        return starts

    def at(self, age: float) -> Condition:
        starts = self.starts(age)
        restarts = len(starts) - 1
        if self.first_ready is None:
            reason = "Unready" if self.crash_after is None else "CrashLoopBackOff"
            return Condition(False, 0.0, reason, restarts)
        running = age - starts[-1]
        if self.crash_after is not None and running >= self.crash_after:
            return Condition(False, starts[-1] + self.crash_after, "CrashLoopBackOff", restarts)
        if running >= self.startup:
            return Condition(True, starts[-1] + self.startup, "", restarts)
        stopped = starts[-2] + self.crash_after if restarts and self.crash_after is not None else 0.0
        return Condition(False, stopped, "ContainerStarting", restarts)
