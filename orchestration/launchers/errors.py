"""What can go wrong between Dagster and the pool of run workers."""

from __future__ import annotations

from pathlib import Path

from atom.errors import Conflict, Misconfigured, Unavailable


class PoolNotRunning(Unavailable):
    """Nothing listens on the run pool's socket, so no run worker of it is alive either."""

    def __init__(self, socket: Path, reason: str) -> None:
        super().__init__(
            expected=f"a run pool that listens on {socket}",
            found=reason,
            remedy="start it (python -m orchestration.launchers.pool --socket PATH); the run is pushed again by itself",
        )


class PoolSilent(Unavailable):
    """The run pool took the request and did not answer it."""

    def __init__(self, socket: Path, reason: str) -> None:
        super().__init__(
            expected=f"an answer of the run pool at {socket}", found=reason, remedy="see the pool's log; restart it"
        )


class PoolBusy(Unavailable):
    """The run pool takes no more runs at present."""

    def __init__(self, socket: Path, reason: str) -> None:
        super().__init__(
            expected=f"a place in the queue of the run pool at {socket}",
            found=reason,
            remedy="wait, or raise --max-workers or --max-waiting; the run is pushed again by itself",
        )


class PoolAlreadyRuns(Conflict):
    """Another run pool owns this socket."""

    def __init__(self, socket: Path) -> None:
        super().__init__(
            expected=f"nobody to hold {socket}.lock", found="a live pool that does", remedy="stop that one first"
        )


class SocketRefused(Misconfigured):
    """The run pool cannot listen on the path it was given."""

    def __init__(self, socket: Path, reason: str) -> None:
        super().__init__(
            expected="a path in a folder that we may write, shorter than 108 bytes",
            found=f"{socket}: {reason}",
            remedy="give another --socket",
        )


class CodeStartsThreads(Misconfigured):
    """Loading the run's code starts threads, and a process with threads cannot be forked safely."""

    def __init__(self, module: str, threads: list[str]) -> None:
        super().__init__(
            expected=f"module {module} to do no work at import time",
            found=f"threads {', '.join(threads)}",
            remedy="open pools and clients on first use",
        )


class NotLinux(Misconfigured):
    """The run pool relies on the Linux kernel to end workers whose pool has died."""

    def __init__(self, platform: str) -> None:
        super().__init__(
            expected="Linux",
            found=platform,
            remedy="leave `run_launcher` out of dagster.yaml: the stock launcher runs anywhere",
        )
