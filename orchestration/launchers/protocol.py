"""What the launcher and the pool say to each other: one line there, one word back, one connection a question.

A request is `<verb> <run id>`. It carries an id and nothing else: what to run is read from Dagster's own storage by the
worker, so whoever reaches the socket can start runs that exist, and no code.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from orchestration.launchers.errors import PoolNotRunning, PoolSilent

MAX_LINE = 64  # bytes: the longest verb, a space, a UUID and a newline come to 44


class Verb(StrEnum):
    """What is asked about a run."""

    LAUNCH = "launch"  # run it now or as soon as a worker is free; asking twice is asking once
    CANCEL = "cancel"  # interrupt its worker, or forget it if it still waits
    STATE = "state"


class Answer(StrEnum):
    """Where the run stands in the pool once the request was carried out (for CANCEL: stood before)."""

    WAITING = "waiting"  # no worker yet
    RUNNING = "running"  # a live process
    ABSENT = "absent"  # never seen, finished, crashed, or forgotten
    FULL = "full"  # LAUNCH refused: the queue is at its limit
    STOPPING = "stopping"  # LAUNCH refused: the pool is shutting down


def ask(path: Path, verb: Verb, run_id: UUID, timeout: float) -> Answer:
    """One question to the pool at `path`, answered within `timeout` seconds.

    Raises PoolNotRunning if nobody listens there, PoolSilent if no proper answer came. After PoolSilent the request may
    or may not have been carried out.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
        except TimeoutError:
            raise PoolSilent(path, f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise PoolNotRunning(path, str(error)) from error
        try:
            connection.sendall(f"{verb} {run_id}\n".encode())
            word = connection.makefile("rb").readline(MAX_LINE).decode("ascii", "replace").strip()
            return Answer(word)
        except OSError as error:
            raise PoolSilent(path, str(error)) from error
        except ValueError:
            raise PoolSilent(path, repr(word)) from None


def receive(connection: socket.socket, timeout: float) -> tuple[Verb, UUID] | None:
    """The pool's end: the request, or None for anything else that arrives (or does not) within `timeout` seconds.

    Also None if the client no longer waits: it has told its caller that the request failed.
    """
    connection.settimeout(timeout)
    try:
        verb, run_id = connection.makefile("rb").readline(MAX_LINE).decode("ascii").split()
        return None if _hung_up(connection) else (Verb(verb), UUID(run_id))
    except (OSError, ValueError):
        return None


def _hung_up(connection: socket.socket) -> bool:
    connection.setblocking(False)  # with a timeout, recv would wait for it, whatever its flags say
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def reply(connection: socket.socket, answer: Answer) -> None:
    """The pool's end: the answer. A client that has gone away learns it by asking again."""
    with suppress(OSError):
        connection.sendall(f"{answer}\n".encode())
