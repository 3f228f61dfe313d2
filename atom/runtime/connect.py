"""Which cluster a run acts on."""

from __future__ import annotations

from atom.package.guard import MAX_BYTES
from atom.runtime.cluster import Cluster
from atom.runtime.errors import ClusterNotSupported, SnapshotRefused
from atom.runtime.simulator import Simulator, demo_snapshot
from atom.settings import Settings


def connect(settings: Settings) -> Cluster:
    """A cluster for one run. The simulator, unless one is configured.

    Raises ClusterNotSupported for a configured cluster, and SnapshotRefused. A run never finds itself on the simulator
    because a real cluster could not be used.
    """
    if settings.kubeconfig is not None:
        raise ClusterNotSupported("KUBECONFIG")
    if settings.cluster_snapshot is None:
        return Simulator.from_snapshot(demo_snapshot())
    try:
        with settings.cluster_snapshot.open("rb") as file:
            return Simulator.from_snapshot(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise SnapshotRefused(f"{settings.cluster_snapshot}: {error.strerror}") from error
