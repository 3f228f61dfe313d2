"""What Prometheus scrapes. Names are stable: dashboards and alerts in infra/monitoring stand on them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
UPLOADS = Counter(
    "atom_registry_uploads_total", "Uploads by result and reason.", ["result", "reason"], registry=REGISTRY
)
UNSIGNED = Counter(
    "atom_registry_unsigned_upload_attempts_total", "Uploads without a signature that verifies.", registry=REGISTRY
)
RUNS = Counter("atom_registry_run_events_total", "Runs requested and decided.", ["event"], registry=REGISTRY)
SECONDS = Histogram(
    "atom_registry_request_seconds",
    "Time to answer, by route.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
