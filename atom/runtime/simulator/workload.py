"""One simulated Deployment: its pods over time, and what is measured of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from atom.runtime.simulator.life import Condition, Life
from atom.runtime.simulator.snapshot import WorkloadAtStart

SCRAPE_SECONDS = 15.0
WINDOW_SECONDS = 300.0
BUSIEST = 0.95  # CPU use beyond which the latency model stops growing: queues are cut off by timeouts


@dataclass(slots=True)
class SimulatedPod:
    """One pod. All times are seconds since the snapshot's start; `removed` may lie ahead, in a rollout."""

    name: str
    uid: str
    node: str
    created: float
    life: Life
    template: int
    removed: float = math.inf

    def alive(self, now: float) -> bool:
        return self.created <= now < self.removed

    def condition(self, now: float) -> Condition:
        return self.life.at(now - self.created)

    def ready(self, now: float) -> bool:
        return self.alive(now) and self.condition(now).ready

    def restarts_between(self, begin: float, end: float) -> int:
        ages = self.life.starts(min(end, self.removed) - self.created)[1:]
        return sum(begin < self.created + age <= end for age in ages)


@dataclass(slots=True)
class SimulatedWorkload:
    """A Deployment and every pod that it ever had. Pods never change: they are created, and given an end."""

    namespace: str
    told: WorkloadAtStart
    place: Callable[[], str]  # the node of the next pod
    seed: str
    replicas: int = field(init=False)
    generation: int = field(init=False)
    version: int = 1
    template: int = 1
    annotations: dict[str, str] = field(default_factory=dict)
    pods: list[SimulatedPod] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replicas = self.told.replicas
        self.generation = self.told.generation
        for pod in self.told.pods:
            self._create(-pod.age.total_seconds(), pod.as_life())
        healthy = Life(self.told.replacement.startup.total_seconds())
        for _ in range(self.replicas - len(self.told.pods)):
            self._create(-7 * 86400.0, healthy)

    @property
    def lag(self) -> int:
        """How many generations the controller is behind; it stays so, whatever is written."""
        seen = self.told.observed_generation
        return 0 if seen is None else self.told.generation - seen

    def alive(self, now: float) -> list[SimulatedPod]:
        return [pod for pod in self.pods if pod.alive(now)]

    def ready_at(self, now: float) -> int:
        return sum(pod.ready(now) for pod in self.pods)

    def scale(self, replicas: int, now: float) -> None:
        """The controller removes unready pods first, then the youngest, as Kubernetes' own does."""
        self.replicas = replicas
        staying = [pod for pod in self.pods if pod.removed > now]
        staying.sort(key=lambda pod: (not pod.ready(now), pod.created, pod.name))
        for pod in staying[replicas:]:
            pod.removed = max(now, pod.created)
        for _ in range(replicas - len(staying)):
            self._create(now, self.told.replacement.as_life())

    def evict(self, pod: SimulatedPod, now: float) -> None:
        pod.removed = now
        self._create(now, self.told.replacement.as_life())

    def roll(self, now: float) -> None:
        """Replace every pod, each after the one before it is ready; a replacement that never is stops the rollout."""
        self.template += 1
        for pod in self.alive(now):
            new = self._create(now, self.told.replacement.as_life())
            if new.life.first_ready is None:
                return
            now += new.life.first_ready
            pod.removed = now

    def cores(self, now: float) -> float:
        """CPU cores that the traffic needs; before the snapshot's start, what it needs first."""
        if not self.told.demand:
            return 0.3 * self.told.replicas
        begun = [demand.cores for demand in self.told.demand if demand.at.total_seconds() <= max(now, 0.0)]
        return begun[-1]

    def cpu_over_request(self, now: float) -> float | None:
        """Every pod requests one core; None without a ready pod to measure."""
        ready = self.ready_at(now)
        return min(self.cores(now) / ready, 1.5) if ready else None

    def p95_ms(self, now: float) -> float | None:
        """Response time of an M/M/1 queue, base / (1 - use), where CPU is the limit. None without a ready pod."""
        use = self.cpu_over_request(now)
        if use is None:
            return None
        latency = self.told.latency
        return latency.base_ms / (1 - min(use, BUSIEST)) if latency.cpu_bound else latency.base_ms

    def p95_ms_5m(self, now: float) -> float | None:
        """Mean of the last five minutes' scrapes."""
        scrapes = (self.p95_ms(now - ago * SCRAPE_SECONDS) for ago in range(int(WINDOW_SECONDS / SCRAPE_SECONDS)))
        seen = [value for value in scrapes if value is not None]
        return math.fsum(seen) / len(seen) if seen else None

    def restarts_5m(self, now: float) -> float:
        return float(sum(pod.restarts_between(now - WINDOW_SECONDS, now) for pod in self.pods))

    def _create(self, created: float, life: Life) -> SimulatedPod:
        number = len(self.pods)
        digest = hashlib.sha256(f"{self.seed}/{self.namespace}/{self.told.name}/{number}".encode()).hexdigest()
        uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        name = f"{self.told.name}-{self.template:x}{digest[32:38]}-{digest[38:43]}"
        pod = SimulatedPod(name, uid, self.place(), created, life, self.template)
        self.pods.append(pod)
        return pod
