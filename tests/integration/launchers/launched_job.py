"""A run job shaped like Atom's own: one op, in-process. What the op does is told by its configuration.

Without postponed annotations: Dagster resolves `Work` and the context from the annotations themselves.
"""

import os
import signal
import time
from pathlib import Path

import dagster as dg

VERSION = "old"


class Work(dg.Config):
    """`folder` receives one file a run, `<run id>`: when (wall clock), in which process and by which code the op began."""

    folder: str
    seconds: float = 0.0
    until: str = ""  # a file whose appearance ends the wait early
    end: str = "well"  # well | raise | kill | exit
    deaf: bool = False  # to SIGTERM and SIGINT


@dg.op
def work(context: dg.OpExecutionContext, config: Work) -> None:
    """Begin, wait, end as told."""
    with (Path(config.folder) / context.run_id).open("a") as file:
        file.write(f"{time.time()} {os.getpid()} {VERSION}\n")
    print("said to stdout", flush=True)
    if config.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + config.seconds
    while time.monotonic() < deadline and not (config.until and Path(config.until).exists()):
        time.sleep(0.02)
    if config.end == "raise":
        raise dg.Failure("as told", allow_retries=False)
    if config.end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.end == "exit":
        os._exit(3)


@dg.job(executor_def=dg.in_process_executor)
def run_workflow() -> None:
    """One op."""
    work()


defs = dg.Definitions(jobs=[run_workflow])
