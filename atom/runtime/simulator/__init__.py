"""The embedded default of a cluster: deterministic, loaded from a snapshot, and labelled as such in every record."""

from atom.runtime.simulator.simulator import Simulator, demo_snapshot

__all__ = ["Simulator", "demo_snapshot"]
