"""Dagster's own configuration files for one machine, and the command lines of its four processes."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from atom.flow.launching import LOCATION
from atom.local.errors import HomePathTooLong
from atom.local.files import private_folder, write_private

STORAGE_VARIABLE = "DAGSTER_POSTGRES_URL"
POOL_VARIABLE = "ATOM_POOL_SOCKET"
_MODULE = "orchestration.definitions"
_SOCKET_PATH_LIMIT = 107  # bytes: sun_path of unix(7), less its final zero; the pool adds a lock file beside it


def pool_socket(home: Path) -> Path:
    """Where the run workers' pool listens. Raises HomePathTooLong."""
    path = home / "run" / "pool.sock"
    if len(str(path).encode()) > _SOCKET_PATH_LIMIT:
        raise HomePathTooLong(path, _SOCKET_PATH_LIMIT)
    return path


def write_dagster_home(home: Path, code_port: int) -> Path:
    """Write `dagster.yaml` and `workspace.yaml` afresh; returns their folder. Secrets stay in the environment."""
    folder = private_folder(home / "dagster")
    instance = {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "storage": {"postgres": {"postgres_url": {"env": STORAGE_VARIABLE}}},
        "run_launcher": {
            "module": "orchestration.launchers.warm",
            "class": "WarmRunLauncher",
            "config": {"socket": {"env": POOL_VARIABLE}},
        },
        "compute_logs": {
            "module": "orchestration.launchers.compute_logs",
            "class": "FileComputeLogManager",
            "config": {"base_dir": str(folder / "compute_logs")},
        },
        # Launched by whoever asks, without the daemon's dequeuing in between, which costs seconds. The pool queues.
        "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 1800,  # a run that waits in the pool's queue counts as starting
            "max_runtime_seconds": 7200,
            "poll_interval_seconds": 5,
        },
        # Only crashed workers are retried; a failed step is Atom's business (compensation, rollback).
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "sensors": {"use_threads": True, "num_workers": 4, "num_submit_workers": 8},
    }
    server = {"host": "127.0.0.1", "port": code_port, "location_name": LOCATION}
    write_private(folder / "dagster.yaml", yaml.safe_dump(instance, sort_keys=False))
    write_private(folder / "workspace.yaml", yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    return folder


def code_server(port: int) -> list[str]:
    """Serves the definitions; dies if they do not load."""
    module = ["--module-name", _MODULE, "--location-name", LOCATION]
    return [*_python("dagster"), "api", "grpc", "--host", "127.0.0.1", "--port", str(port), *module]


def run_workers(socket: Path) -> list[str]:
    """Forks one worker a run."""
    return [*_python("orchestration.launchers.pool"), "--socket", str(socket), "--module", _MODULE]


def webserver(port: int, folder: Path) -> list[str]:
    """UI and GraphQL."""
    workspace = ["--workspace", str(folder / "workspace.yaml")]
    return [*_python("dagster_webserver"), "--host", "127.0.0.1", "--port", str(port), *workspace]


def daemon(folder: Path) -> list[str]:
    """Schedules, sensors, the run queue, run monitoring."""
    return [*_python("dagster._daemon"), "run", "--workspace", str(folder / "workspace.yaml")]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
